CREATE TABLE IF NOT EXISTS {{.Database}}.trimmed_push_records
(
    run LowCardinality(String) COMMENT 'internal: the run of the trimming job that wrote the row.',
    decided_at DateTime('UTC') COMMENT 'internal: when the run decided to remove the record.',
    channel LowCardinality(String) COMMENT 'internal: marketplace: shopee.',
    shop_id UInt64 COMMENT 'internal: shop on the marketplace.',
    store_sku String COMMENT 'internal: seller SKU in the store, as the event names it.',
    log_id UInt16 COMMENT 'internal: log generation of the events topic; of two events the one with the higher log_id is newer.',
    event_offset Int64 COMMENT 'internal: offset of the event in its partition; within a log_id the higher one is newer.'
)
ENGINE = MergeTree
ORDER BY (run, channel, shop_id, store_sku)
TTL decided_at + INTERVAL 1 DAY
COMMENT 'internal: the records that a run of trimming removes, until it has.';
