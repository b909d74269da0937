-- last_push_* is of the newest record that is not Skipped; if all are, of the newest.
--
-- A view with a definer is a query of its own in ClickHouse: what it reads twice it may see at two
-- moments. So the rows come from one exact view, and are not put together from halves of a table.
CREATE OR REPLACE VIEW {{.Database}}.store_sku_push_status
(
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
    merchant_sku String COMMENT 'Merchant SKU of the newest record; empty if it has none.',
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
SELECT channel, shop_id, store_sku, last_push_qty, last_push_status, last_reason, last_failure_code, last_failure_reason,
    last_triggered_at, last_finished_at, pending, merchant_sku, available, promotion_reserved, confirmed_qty, confirmed_at, oversold,
    if(pending = 0, NULL, ifNull(tries, 0)) AS attempts,
    if(pending = 0, NULL, tried.last_answer_code) AS last_answer_code,
    if(pending = 0, NULL, tried.last_answer) AS last_answer,
    if(pending = 0, NULL, tried.next_attempt_at) AS next_attempt_at
FROM {{.Database}}.store_sku_standings
LEFT JOIN
(
    -- The progress of the newest Pending record.
    SELECT channel, shop_id, store_sku, tries, last_answer_code, last_answer, next_attempt_at
    FROM {{.Database}}.push_progress
    JOIN (SELECT channel, shop_id, store_sku, max(rank) AS rank FROM {{.Database}}.pending_push_records GROUP BY channel, shop_id, store_sku) AS newest
        USING (channel, shop_id, store_sku, rank)
) AS tried USING (channel, shop_id, store_sku)
SETTINGS {{.Settings}}
COMMENT 'One row per store SKU: its last push, and how many of its records are Pending.';
