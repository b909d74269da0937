-- Where each store SKU stands but for what is Pending: its newest record and its newest outcome (Failed or
-- Successfully). Both are packed records, strings that begin with the record's rank, its position and then its status,
-- big-endian: the greatest is the newest, so rows merge to the same whatever was written twice or in whatever order.
-- (A maximum of tuples is many times as slow to read, and wrong with FINAL where only parts of it are read.)
-- What is Pending can't be kept so, since it can be taken back: the view joins it.
--
-- byte 1 log_id, 3 event_offset, 11 status, 12 reason, 13 push_qty, 21 available, 29 promotion_reserved,
-- 37 triggered_at, 45 finished_at, 53 the tail: newest's merchant_sku; outcome's failure_code, a zero, failure_reason.
CREATE TABLE {{.Database}}.store_sku_states
(
    channel LowCardinality(String),
    shop_id UInt64,
    store_sku String,
    -- Tells store SKUs apart quickly; equal ones are compared in full.
    sku_hash SimpleAggregateFunction(any, UInt64),
    newest SimpleAggregateFunction(max, String),
    -- Empty where there is none.
    outcome SimpleAggregateFunction(max, String),
    -- The rank of the newest success.
    succeeded SimpleAggregateFunction(max, String),
    newest_at SimpleAggregateFunction(max, DateTime64(3, 'UTC'))
)
ENGINE = AggregatingMergeTree
ORDER BY (channel, shop_id, store_sku)
TTL toDateTime(newest_at) + INTERVAL 31 DAY
-- Small beside the records, and read whole by the page's list: old parts are merged early.
SETTINGS index_granularity = 1024, min_age_to_force_merge_seconds = 60;
