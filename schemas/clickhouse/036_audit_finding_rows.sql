CREATE TABLE IF NOT EXISTS {{.Database}}.audit_finding_rows
(
    channel LowCardinality(String) COMMENT 'internal: marketplace: shopee.',
    shop_id UInt64 COMMENT 'internal: shop on the marketplace.',
    store_sku String COMMENT 'internal: seller SKU in the store, as the event names it.',
    item_id UInt64 COMMENT 'internal: item on the marketplace.',
    model_id UInt64 COMMENT 'internal: model of the item; 0 if it has none.',
    expected Int64 COMMENT 'internal: quantity that the marketplace should have shown.',
    shown Int64 COMMENT 'internal: quantity that it showed; equal to expected if a later audit found no difference.',
    fixed Bool COMMENT 'internal: whether the audit pushed the store SKU again.',
    found_at DateTime64(3, 'UTC') COMMENT 'internal: when the audit had read the shop; of the rows of a key the latest counts.'
)
ENGINE = ReplacingMergeTree(found_at)
ORDER BY (channel, shop_id, store_sku)
TTL toDateTime(found_at) + INTERVAL 30 DAY
COMMENT 'internal: what audits found, and what a later audit found to be gone.';
