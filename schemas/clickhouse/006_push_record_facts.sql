-- A narrow row for each finished record, for statistics: not trimmed, so that they count what was.
CREATE TABLE {{.Database}}.push_record_facts
(
    channel LowCardinality(String),
    shop_id UInt64,
    store_sku String,
    log_id UInt16,
    event_partition Int32,
    event_offset Int64,
    reason Enum8('Sync Order' = 1, 'Stock-In / Manual' = 2, 'Stock-In / Return-Scan' = 3, 'Stock-In / Return-Manual' = 4, 'Stock-In / Transfer' = 5, 'Stock-In / Purchase' = 6, 'Stock-Out / Manual' = 7, 'Stock-Out / Sale' = 8, 'Stock-Out / Transfer' = 9, 'Void Order' = 10, 'Revert Voided Order' = 11, 'Add/Change Mapping Relationships' = 12, 'Change Warehouse' = 13, 'Move to [To Pack]' = 14, 'Refresh Inventory' = 15, 'Click Push Now/ Push Manually' = 16, 'Stock Count' = 17),
    status Enum8('Pending' = 1, 'Skipped' = 2, 'Failed' = 3, 'Successfully' = 4),
    failure_code LowCardinality(String),
    triggered_at DateTime64(3, 'UTC'),
    finished_at DateTime64(3, 'UTC'),
    version UInt8
)
ENGINE = ReplacingMergeTree(version)
PARTITION BY toDate(triggered_at)
ORDER BY (channel, shop_id, store_sku, log_id, event_partition, event_offset)
TTL toDateTime(triggered_at) + INTERVAL 14 DAY;
