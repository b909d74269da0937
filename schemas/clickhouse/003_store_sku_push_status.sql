-- last_push_* is of the newest record that is not Skipped; where all are, of the newest.
CREATE VIEW {{.Database}}.store_sku_push_status AS
SELECT channel, shop_id, store_sku, last_push_qty, last_push_status, last_reason, last_failure_code,
    last_failure_reason, last_triggered_at, last_finished_at, pending, sku AS merchant_sku
FROM
(
    SELECT
        channel, shop_id, store_sku,
        argMax(push_qty, rank) AS last_push_qty,
        argMax(status, rank) AS last_push_status,
        argMax(reason, rank) AS last_reason,
        argMax(failure_code, rank) AS last_failure_code,
        argMax(failure_reason, rank) AS last_failure_reason,
        argMax(triggered_at, rank) AS last_triggered_at,
        argMax(finished_at, rank) AS last_finished_at,
        countIf(status = 'Pending') AS pending,
        argMax(merchant_sku, (log_id, event_offset)) AS sku
    FROM
    (
        SELECT channel, shop_id, store_sku, merchant_sku, push_qty, status, reason, failure_code, failure_reason,
            triggered_at, finished_at, log_id, event_offset,
            (status != 'Skipped', log_id, event_offset) AS rank
        FROM {{.Database}}.push_records FINAL
        WHERE triggered_at > now64(3, 'UTC') - INTERVAL 30 DAY
    )
    GROUP BY channel, shop_id, store_sku
);
