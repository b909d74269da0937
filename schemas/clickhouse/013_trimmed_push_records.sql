-- Internal: what each run of trimming removes, until it has.
CREATE TABLE {{.Database}}.trimmed_push_records
(
    run LowCardinality(String),
    decided_at DateTime('UTC'),
    channel LowCardinality(String),
    shop_id UInt64,
    store_sku String,
    log_id UInt16,
    event_offset Int64
)
ENGINE = MergeTree
ORDER BY (run, channel, shop_id, store_sku)
TTL decided_at + INTERVAL 1 DAY;
