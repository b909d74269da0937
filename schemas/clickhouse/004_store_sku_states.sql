-- The state of each store SKU, apart from its Pending records: its newest record, its newest
-- outcome (Failed or Successfully) and its newest success. Each is a maximum that starts with the
-- record's rank (position, then status), so the merged row is the same in any order and after any
-- repetition. Pending records cannot be stored like this, because a record leaves that status: the
-- view joins them.
--
-- Never read it with FINAL, which takes the parts of a tuple from the first row, not from the
-- greatest.
CREATE TABLE IF NOT EXISTS {{.Database}}.store_sku_states
(
    channel LowCardinality(String) COMMENT 'internal: marketplace: shopee.',
    shop_id UInt64 COMMENT 'internal: shop on the marketplace.',
    store_sku String COMMENT 'internal: seller SKU in the store, as the event names it.',
    sku_hash SimpleAggregateFunction(any, UInt64) COMMENT 'internal: hash of the store SKU key, for fast comparison.',
    newest SimpleAggregateFunction(max, Tuple(rank UInt128, status {{.Status}}, reason {{.Reason}}, push_qty Int64, available Int64, promotion_reserved Int64, triggered_at DateTime64(3, 'UTC'), finished_at DateTime64(3, 'UTC'), merchant_sku String)) COMMENT 'internal: newest record, which begins with its rank.',
    outcome SimpleAggregateFunction(max, Tuple(rank UInt128, status {{.Status}}, reason {{.Reason}}, push_qty Int64, available Int64, promotion_reserved Int64, triggered_at DateTime64(3, 'UTC'), finished_at DateTime64(3, 'UTC'), failure_code String, failure_reason String)) COMMENT 'internal: newest record that is Failed or Successfully, which begins with its rank; rank 0 if there is none.',
    succeeded SimpleAggregateFunction(max, UInt128) COMMENT 'internal: rank of the newest record that is Successfully; 0 if there is none.',
    confirmed SimpleAggregateFunction(max, Tuple(rank UInt128, qty Int64, at DateTime64(3, 'UTC'))) COMMENT 'internal: last quantity that Shopee confirmed and when, which begins with its rank; rank 0 if there is none.',
    newest_at SimpleAggregateFunction(max, DateTime64(3, 'UTC')) COMMENT 'internal: triggered_at of the newest record.',
    outcome_at SimpleAggregateFunction(max, DateTime64(3, 'UTC')) COMMENT 'internal: triggered_at of the outcome; 1970 if there is none.'
)
ENGINE = AggregatingMergeTree
ORDER BY (channel, shop_id, store_sku)
TTL toDateTime(newest_at) + INTERVAL 31 DAY
-- The table is small compared with the records, and the list page reads all of it, so old parts are
-- merged early.
SETTINGS index_granularity = 1024, min_age_to_force_merge_seconds = 120, min_compress_block_size = 8192
COMMENT 'internal: newest record, newest outcome and newest success of each store SKU.';
