-- What happened so far to a Pending push, as its worker reports it: at most one row a second for a
-- store SKU, and none for a push that succeeds at once. A row whose record is finished has no
-- effect, so rows are not kept for long.
CREATE TABLE IF NOT EXISTS {{.Database}}.push_progress_rows
(
    channel LowCardinality(String) COMMENT 'internal: marketplace: shopee.',
    shop_id UInt64 COMMENT 'internal: shop on the marketplace.',
    store_sku String COMMENT 'internal: seller SKU in the store, as the event names it.',
    log_id UInt16 COMMENT 'internal: log generation of the pushs event.',
    event_partition Int32 COMMENT 'internal: partition of the pushs event.',
    event_offset Int64 COMMENT 'internal: offset of the pushs event.',
    attempts UInt16 COMMENT 'internal: calls to Shopee that carried the push so far, since its worker started.',
    last_answer_code LowCardinality(String) COMMENT 'internal: failure code of the last answer.',
    last_answer String COMMENT 'internal: message of the last answer, at most 512 bytes.',
    next_attempt_at DateTime64(3, 'UTC') COMMENT 'internal: earliest time of the next call.',
    reported_at DateTime64(3, 'UTC') COMMENT 'internal: when the worker reported it.',
    version UInt128 COMMENT 'internal: owner and time of the report as one number; of the rows of a key the highest version counts.'
)
ENGINE = ReplacingMergeTree(version)
ORDER BY (channel, shop_id, store_sku)
TTL toDateTime(reported_at) + INTERVAL 4 DAY
SETTINGS index_granularity = 1024
COMMENT 'internal: what happened so far to Pending pushes that were tried, as workers report it.';
