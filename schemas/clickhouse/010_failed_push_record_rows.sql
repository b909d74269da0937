-- The Failed rows of push_records once more, without those that a newer success resolved: trimming removes them.
CREATE TABLE {{.Database}}.failed_push_record_rows
(
    channel LowCardinality(String),
    shop_id UInt64,
    store_sku String,
    merchant_sku String,
    item_id UInt64,
    model_id UInt64,
    location_id LowCardinality(String),
    event_id String,
    retry_of String,
    repeats_offset Nullable(Int64),
    reason Enum8('Sync Order' = 1, 'Stock-In / Manual' = 2, 'Stock-In / Return-Scan' = 3, 'Stock-In / Return-Manual' = 4, 'Stock-In / Transfer' = 5, 'Stock-In / Purchase' = 6, 'Stock-Out / Manual' = 7, 'Stock-Out / Sale' = 8, 'Stock-Out / Transfer' = 9, 'Void Order' = 10, 'Revert Voided Order' = 11, 'Add/Change Mapping Relationships' = 12, 'Change Warehouse' = 13, 'Move to [To Pack]' = 14, 'Refresh Inventory' = 15, 'Click Push Now/ Push Manually' = 16, 'Stock Count' = 17),
    status Enum8('Pending' = 1, 'Skipped' = 2, 'Failed' = 3, 'Successfully' = 4),
    available Int64,
    promotion_reserved Int64,
    push_qty Int64,
    before_qty Nullable(Int64),
    after_qty Nullable(Int64),
    failure_code LowCardinality(String),
    failure_reason String,
    superseded_by String,
    superseded_by_offset Nullable(Int64),
    attempts UInt16,
    request_id String,
    log_id UInt16,
    event_partition Int32,
    event_offset Int64,
    occurred_at DateTime64(3, 'UTC'),
    triggered_at DateTime64(3, 'UTC'),
    queued_at DateTime64(3, 'UTC'),
    finished_at DateTime64(3, 'UTC'),
    sku_hash UInt64
)
ENGINE = ReplacingMergeTree
ORDER BY (channel, shop_id, store_sku, log_id, event_offset, event_partition)
TTL toDateTime(triggered_at) + INTERVAL 30 DAY
SETTINGS index_granularity = 1024, min_age_to_force_merge_seconds = 60;
