-- In place: what is inserted meanwhile goes through the one query or the other.
ALTER TABLE {{.Database}}.failed_push_record_rows_feed MODIFY QUERY
SELECT channel, shop_id, store_sku, merchant_sku, item_id, model_id, location_id, event_id, retry_of, repeats_offset, reason, status, available, promotion_reserved, push_qty, before_qty, after_qty, promotion_floor, failure_code, failure_reason, superseded_by, superseded_by_offset, attempts, request_id, log_id, event_partition, event_offset, occurred_at, triggered_at, queued_at, finished_at,
    cityHash64(channel, shop_id, store_sku) AS sku_hash
FROM {{.Database}}.push_records
WHERE status = 'Failed';
