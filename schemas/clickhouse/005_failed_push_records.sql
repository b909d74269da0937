-- Failed records whose store SKU has no newer record that is Successfully or Pending.
CREATE VIEW {{.Database}}.failed_push_records AS
SELECT channel, shop_id, store_sku, merchant_sku, item_id, model_id, location_id, event_id, retry_of, repeats_offset, reason, status, available, promotion_reserved, push_qty, before_qty, after_qty, failure_code, failure_reason, superseded_by, superseded_by_offset, attempts, request_id, log_id, event_partition, event_offset, occurred_at, triggered_at, queued_at, finished_at,
    transform(failure_code, [{{.Codes}}], [{{.Classes}}], '') AS failure_class,
    transform(failure_code, [{{.Codes}}], [{{.Hints}}], '') AS hint
FROM
(
    SELECT channel, shop_id, store_sku, merchant_sku, item_id, model_id, location_id, event_id, retry_of, repeats_offset, reason, status, available, promotion_reserved, push_qty, before_qty, after_qty, failure_code, failure_reason, superseded_by, superseded_by_offset, attempts, request_id, log_id, event_partition, event_offset, occurred_at, triggered_at, queued_at, finished_at,
        max(if(status IN ('Successfully', 'Pending'), (log_id, event_offset), (toUInt16(0), toInt64(-1))))
            OVER (PARTITION BY channel, shop_id, store_sku) AS resolved_at
    FROM {{.Database}}.push_records FINAL
    WHERE triggered_at > now64(3, 'UTC') - INTERVAL 30 DAY AND status != 'Skipped'
)
WHERE status = 'Failed' AND (log_id, event_offset) > resolved_at;
