CREATE MATERIALIZED VIEW {{.Database}}.push_record_facts_feed TO {{.Database}}.push_record_facts AS
SELECT channel, shop_id, store_sku, log_id, event_partition, event_offset, reason, status, failure_code, triggered_at, finished_at, version
FROM {{.Database}}.push_records
WHERE status != 'Pending';
