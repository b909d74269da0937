CREATE MATERIALIZED VIEW {{.Database}}.store_sku_states_feed TO {{.Database}}.store_sku_states AS
WITH
    {{.Rank}} AS rank,
    if(status IN ('Failed', 'Successfully'), rank, 0) AS outcome_rank
SELECT channel, shop_id, store_sku,
    cityHash64(channel, shop_id, store_sku) AS sku_hash,
    max((rank, status, reason, push_qty, available, promotion_reserved, triggered_at, finished_at, merchant_sku)) AS newest,
    max((outcome_rank, status, reason, push_qty, available, promotion_reserved, triggered_at, finished_at, toString(failure_code), failure_reason)) AS outcome,
    max(if(status = 'Successfully', rank, 0)) AS succeeded,
    max(triggered_at) AS newest_at
FROM {{.Database}}.push_records
WHERE triggered_at > now64(3, 'UTC') - INTERVAL 30 DAY
GROUP BY channel, shop_id, store_sku;
