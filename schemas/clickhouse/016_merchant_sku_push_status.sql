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
    promotion_reserved Int64 COMMENT 'Stock that the record reserves for promotions.',
    confirmed_qty Nullable(Int64) COMMENT 'Last quantity that Shopee confirmed, whatever came since; NULL if none.',
    confirmed_at Nullable(DateTime64(3, 'UTC')) COMMENT 'When Shopee confirmed it.',
    oversold Bool COMMENT 'Whether the available stock of that record is below 0, which counts as 0.',
    attempts Nullable(UInt16) COMMENT 'Calls to Shopee that carried the newest Pending record so far, since its worker last started; NULL if none is Pending.',
    last_answer_code Nullable(String) COMMENT 'Failure code of the last answer to it; NULL if none is Pending, or it was not tried yet.',
    last_answer Nullable(String) COMMENT 'Message of that answer, at most 512 bytes.',
    next_attempt_at Nullable(DateTime64(3, 'UTC')) COMMENT 'When it is tried next; NULL if none is Pending, it was not tried yet, or the shop is paused.'
)
DEFINER = CURRENT_USER SQL SECURITY DEFINER
AS
SELECT merchant_sku, channel, shop_id, store_sku, last_push_qty, last_push_status, last_reason, last_failure_code,
    last_failure_reason, last_triggered_at, last_finished_at, pending, available, promotion_reserved,
    confirmed_qty, confirmed_at, oversold, attempts, last_answer_code, last_answer, next_attempt_at
FROM {{.Database}}.store_sku_push_status
SETTINGS {{.Settings}}
COMMENT 'One row per merchant SKU and store SKU: the last push of the store SKU. A store SKU appears under the merchant SKU of its newest record only.';
