CREATE OR REPLACE VIEW {{.Database}}.pending_push_records
(
    channel LowCardinality(String) COMMENT 'internal: marketplace: shopee.',
    shop_id UInt64 COMMENT 'internal: shop on the marketplace.',
    store_sku String COMMENT 'internal: seller SKU in the store, as the event names it.',
    sku_hash UInt64 COMMENT 'internal: hash of the store SKU key, for fast comparison.',
    rank UInt128 COMMENT 'internal: position and status of the record as one number; the greatest is the newest.',
    reason {{.Reason}} COMMENT 'internal: what triggered the event.',
    push_qty Int64 COMMENT 'internal: quantity to push: available (at least 0) plus promotion_reserved.',
    available Int64 COMMENT 'internal: available stock after the trigger, as sent; negative means oversold and counts as 0.',
    promotion_reserved Int64 COMMENT 'internal: stock reserved for promotions in this store.',
    triggered_at DateTime64(3, 'UTC') COMMENT 'internal: when the event reached Kafka; records are kept for 30 days from here.',
    status {{.Status}} COMMENT 'internal: outcome: Pending, Skipped (a newer event replaced it), Failed or Successfully.'
)
AS
SELECT channel, shop_id, store_sku, cityHash64(channel, shop_id, store_sku) AS sku_hash, {{.Rank}} AS rank,
    reason, push_qty, available, promotion_reserved, triggered_at, status
FROM {{.Database}}.push_record_facts FINAL
WHERE status = 'Pending' AND triggered_at > now64(3, 'UTC') - INTERVAL 30 DAY
SETTINGS {{.Settings}}, do_not_merge_across_partitions_select_final = 1
COMMENT 'internal: what is Pending now.';
