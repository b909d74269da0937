CREATE MATERIALIZED VIEW {{.Database}}.push_record_facts_feed TO {{.Database}}.push_record_facts AS
SELECT triggered_at, log_id, event_partition, event_offset, channel, shop_id, store_sku, status, reason, failure_code, finished_at,
    if(status = 'Pending', push_qty, 0) AS push_qty,
    if(status = 'Pending', available, 0) AS available,
    if(status = 'Pending', promotion_reserved, 0) AS promotion_reserved,
    version
FROM {{.Database}}.push_records;
