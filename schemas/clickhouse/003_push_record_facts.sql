-- A narrow row for each row of push_records, by time and not trimmed: statistics count from it what was,
-- and what is Pending is found in it. The newest rows lie together at the end of the key, so the index on status,
-- which FINAL then widens to the rows beside, leads to what is Pending now without reading what once was.
CREATE TABLE {{.Database}}.push_record_facts
(
    triggered_at DateTime64(3, 'UTC') CODEC(Delta, LZ4),
    log_id UInt16,
    event_partition Int32,
    event_offset Int64 CODEC(Delta, LZ4),
    channel LowCardinality(String),
    shop_id UInt64,
    store_sku String,
    status Enum8('Pending' = 1, 'Skipped' = 2, 'Failed' = 3, 'Successfully' = 4),
    reason Enum8('Sync Order' = 1, 'Stock-In / Manual' = 2, 'Stock-In / Return-Scan' = 3, 'Stock-In / Return-Manual' = 4, 'Stock-In / Transfer' = 5, 'Stock-In / Purchase' = 6, 'Stock-Out / Manual' = 7, 'Stock-Out / Sale' = 8, 'Stock-Out / Transfer' = 9, 'Void Order' = 10, 'Revert Voided Order' = 11, 'Add/Change Mapping Relationships' = 12, 'Change Warehouse' = 13, 'Move to [To Pack]' = 14, 'Refresh Inventory' = 15, 'Click Push Now/ Push Manually' = 16, 'Stock Count' = 17),
    failure_code LowCardinality(String),
    finished_at DateTime64(3, 'UTC') CODEC(Delta, LZ4),
    -- What the page shows of a Pending record; 0 once it is finished.
    push_qty Int64,
    available Int64,
    promotion_reserved Int64,
    version UInt8,
    INDEX pending status TYPE minmax GRANULARITY 1,
    INDEX finished finished_at TYPE minmax GRANULARITY 1
)
ENGINE = ReplacingMergeTree(version)
PARTITION BY toMonday(triggered_at)
ORDER BY (triggered_at, log_id, event_partition, event_offset, channel, shop_id, store_sku)
TTL toDateTime(triggered_at) + INTERVAL 31 DAY
SETTINGS index_granularity = 1024;
