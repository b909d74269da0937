-- Internal: what is Pending now.
CREATE VIEW {{.Database}}.pending_push_records AS
SELECT channel, shop_id, store_sku, cityHash64(channel, shop_id, store_sku) AS sku_hash, {{.Rank}} AS rank,
    reason, push_qty, available, promotion_reserved, triggered_at, status
FROM {{.Database}}.push_record_facts FINAL
WHERE status = 'Pending' AND triggered_at > now64(3, 'UTC') - INTERVAL 30 DAY
SETTINGS do_not_merge_across_partitions_select_final = 1;
