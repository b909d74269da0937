CREATE MATERIALIZED VIEW IF NOT EXISTS {{.Database}}.store_sku_states_feed TO {{.Database}}.store_sku_states
(
    channel LowCardinality(String) COMMENT 'internal: marketplace: shopee.',
    shop_id UInt64 COMMENT 'internal: shop on the marketplace.',
    store_sku String COMMENT 'internal: seller SKU in the store, as the event names it.',
    sku_hash UInt64 COMMENT 'internal: hash of the store SKU key, for fast comparison.',
    newest Tuple(UInt128, {{.Status}}, {{.Reason}}, Int64, Int64, Int64, DateTime64(3, 'UTC'), DateTime64(3, 'UTC'), String) COMMENT 'internal: newest record, which begins with its rank.',
    outcome Tuple(UInt128, {{.Status}}, {{.Reason}}, Int64, Int64, Int64, DateTime64(3, 'UTC'), DateTime64(3, 'UTC'), String, String) COMMENT 'internal: newest record that is Failed or Successfully, which begins with its rank; rank 0 if there is none.',
    succeeded UInt128 COMMENT 'internal: rank of the newest record that is Successfully; 0 if there is none.',
    confirmed Tuple(UInt128, Int64, DateTime64(3, 'UTC')) COMMENT 'internal: last quantity that Shopee confirmed and when, which begins with its rank; rank 0 if there is none.',
    newest_at DateTime64(3, 'UTC') COMMENT 'internal: triggered_at of the newest record.',
    outcome_at DateTime64(3, 'UTC') COMMENT 'internal: triggered_at of the outcome; 1970 if there is none.'
)
AS
WITH
    {{.Rank}} AS rank,
    if(status IN ('Failed', 'Successfully'), rank, 0) AS outcome_rank
SELECT channel, shop_id, store_sku,
    cityHash64(channel, shop_id, store_sku) AS sku_hash,
    max((rank, status, reason, push_qty, available, promotion_reserved, triggered_at, finished_at, merchant_sku)) AS newest,
    max((outcome_rank, status, reason, push_qty, available, promotion_reserved, triggered_at, finished_at, toString(failure_code), failure_reason)) AS outcome,
    max(if(status = 'Successfully', rank, 0)) AS succeeded,
    max((if(after_qty IS NULL, 0, rank), ifNull(after_qty, 0), finished_at)) AS confirmed,
    max(triggered_at) AS newest_at,
    if(outcome.1 > 0, outcome.7, toDateTime64(0, 3, 'UTC')) AS outcome_at
FROM {{.Database}}.push_records
WHERE triggered_at > now64(3, 'UTC') - INTERVAL 30 DAY
GROUP BY channel, shop_id, store_sku
COMMENT 'internal: fills store_sku_states from push_records.';
