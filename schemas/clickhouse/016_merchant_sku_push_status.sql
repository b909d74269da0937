-- A store SKU appears under the merchant SKU of its newest record only.
CREATE OR REPLACE VIEW {{.Database}}.merchant_sku_push_status
(
    merchant_sku String COMMENT 'Merchant SKU of the newest record; empty if it has none.',
    channel LowCardinality(String) COMMENT 'Marketplace: shopee.',
    shop_id UInt64 COMMENT 'Shop on the marketplace.',
    store_sku String COMMENT 'Seller SKU in the store, as the event names it.',
    last_push_qty Int64 COMMENT 'Quantity of the newest record that is not Skipped; of the newest record if all are.',
    last_push_status {{.Status}} COMMENT 'Status of the newest record that is not Skipped; of the newest record if all are.',
    last_reason {{.Reason}} COMMENT 'What triggered that record.',
    last_failure_code String COMMENT 'Why that record failed; empty unless Failed.',
    last_failure_reason String COMMENT 'Message of the refusal of that record; empty unless Failed.',
    last_triggered_at DateTime64(3, 'UTC') COMMENT 'When the event of that record reached Kafka.',
    last_finished_at Nullable(DateTime64(3, 'UTC')) COMMENT 'When the outcome of that record became final; NULL while Pending.',
    pending UInt64 COMMENT 'How many records of the store SKU are Pending.',
    available Int64 COMMENT 'Available stock of that record, as sent; negative means oversold.',
    promotion_reserved Int64 COMMENT 'Stock that the record reserves for promotions.'
)
AS
SELECT merchant_sku, channel, shop_id, store_sku, last_push_qty, last_push_status, last_reason, last_failure_code,
    last_failure_reason, last_triggered_at, last_finished_at, pending, available, promotion_reserved
FROM {{.Database}}.store_sku_push_status
SETTINGS {{.Settings}}
COMMENT 'One row per merchant SKU and store SKU: the last push of the store SKU. A store SKU appears under the merchant SKU of its newest record only.';
