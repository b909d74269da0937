CREATE MATERIALIZED VIEW {{.Database}}.store_sku_states_feed TO {{.Database}}.store_sku_states AS
WITH {{.Packed}} AS packed
SELECT channel, shop_id, store_sku,
    cityHash64(channel, shop_id, store_sku) AS sku_hash,
    max(concat(packed, merchant_sku)) AS newest,
    max(if(status IN ('Failed', 'Successfully'), concat(packed, failure_code, '\0', failure_reason), '')) AS outcome,
    max(if(status = 'Successfully', {{.Rank}}, '')) AS succeeded,
    max(triggered_at) AS newest_at
FROM {{.Database}}.push_records
WHERE triggered_at > now64(3, 'UTC') - INTERVAL 30 DAY
GROUP BY channel, shop_id, store_sku;
