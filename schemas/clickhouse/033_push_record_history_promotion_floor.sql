-- A predicate on the store SKU goes below LIMIT BY, since that is by it: its history reads a few granules of each part.
CREATE OR REPLACE VIEW {{.Database}}.push_record_history AS
SELECT channel, shop_id, store_sku, merchant_sku, item_id, model_id, location_id, event_id, retry_of, repeats_offset, reason, status, available, promotion_reserved, push_qty, before_qty, after_qty, promotion_floor, failure_code, failure_reason, superseded_by, superseded_by_offset, attempts, request_id, log_id, event_partition, event_offset, occurred_at, triggered_at, queued_at, finished_at
FROM {{.Database}}.push_records FINAL
WHERE triggered_at > now64(3, 'UTC') - INTERVAL 30 DAY
ORDER BY channel, shop_id, store_sku, log_id DESC, event_offset DESC
LIMIT 100 BY channel, shop_id, store_sku
-- All rows of a record have its triggered_at, so they lie in one week.
SETTINGS do_not_merge_across_partitions_select_final = 1;
