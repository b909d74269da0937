-- Statistics of hours older than 9 days, as each freeze counted them. Which freeze counts is in push_stats_freezes.
CREATE TABLE {{.Database}}.push_stats_frozen
(
    hour DateTime('UTC'),
    freeze_id String,
    channel LowCardinality(String),
    shop_id UInt64,
    reason Enum8('Sync Order' = 1, 'Stock-In / Manual' = 2, 'Stock-In / Return-Scan' = 3, 'Stock-In / Return-Manual' = 4, 'Stock-In / Transfer' = 5, 'Stock-In / Purchase' = 6, 'Stock-Out / Manual' = 7, 'Stock-Out / Sale' = 8, 'Stock-Out / Transfer' = 9, 'Void Order' = 10, 'Revert Voided Order' = 11, 'Add/Change Mapping Relationships' = 12, 'Change Warehouse' = 13, 'Move to [To Pack]' = 14, 'Refresh Inventory' = 15, 'Click Push Now/ Push Manually' = 16, 'Stock Count' = 17),
    status Enum8('Pending' = 1, 'Skipped' = 2, 'Failed' = 3, 'Successfully' = 4),
    failure_code LowCardinality(String),
    records UInt64,
    p50_ms Float64,
    p99_ms Float64
)
ENGINE = ReplacingMergeTree
PARTITION BY toYYYYMM(hour)
ORDER BY (hour, freeze_id, channel, shop_id, reason, status, failure_code)
TTL hour + INTERVAL 13 MONTH;
