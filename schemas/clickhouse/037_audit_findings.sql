CREATE OR REPLACE VIEW {{.Database}}.audit_findings
(
    channel LowCardinality(String) COMMENT 'Marketplace: shopee.',
    shop_id UInt64 COMMENT 'Shop on the marketplace.',
    store_sku String COMMENT 'Seller SKU in the store, as the event names it.',
    item_id UInt64 COMMENT 'Item on the marketplace.',
    model_id UInt64 COMMENT 'Model of the item; 0 if it has none.',
    expected Int64 COMMENT 'Quantity that the marketplace should have shown.',
    shown Int64 COMMENT 'Quantity that it showed.',
    kind String COMMENT 'above: it showed more than there is, so it may be oversold; or below.',
    fixed Bool COMMENT 'Whether the audit pushed the store SKU again.',
    found_at DateTime64(3, 'UTC') COMMENT 'When the audit found it; kept for 30 days from here.'
)
DEFINER = CURRENT_USER SQL SECURITY DEFINER
AS
SELECT channel, shop_id, store_sku, item_id, model_id, expected, shown, if(shown > expected, 'above', 'below') AS kind, fixed, found_at
FROM {{.Database}}.audit_finding_rows FINAL
WHERE shown != expected AND found_at > now64(3, 'UTC') - INTERVAL 30 DAY
SETTINGS {{.Settings}}
COMMENT 'One row per store SKU that showed another quantity than it should when stockpush audit compared it last.';
