-- A store SKU appears under the merchant SKU of its newest record only.
CREATE VIEW {{.Database}}.merchant_sku_push_status AS
SELECT merchant_sku, channel, shop_id, store_sku, last_push_qty, last_push_status, last_reason, last_failure_code,
    last_failure_reason, last_triggered_at, last_finished_at, pending, available, promotion_reserved
FROM {{.Database}}.store_sku_push_status;
