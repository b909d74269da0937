CREATE MATERIALIZED VIEW IF NOT EXISTS {{.Database}}.push_record_facts_feed TO {{.Database}}.push_record_facts
(
    triggered_at DateTime64(3, 'UTC') COMMENT 'internal: when the event reached Kafka; records are kept for 30 days from here.',
    log_id UInt16 COMMENT 'internal: log generation of the events topic; of two events the one with the higher log_id is newer.',
    event_partition Int32 COMMENT 'internal: partition of the event in the events topic.',
    event_offset Int64 COMMENT 'internal: offset of the event in its partition; within a log_id the higher one is newer.',
    channel LowCardinality(String) COMMENT 'internal: marketplace: shopee.',
    shop_id UInt64 COMMENT 'internal: shop on the marketplace.',
    store_sku String COMMENT 'internal: seller SKU in the store, as the event names it.',
    status {{.Status}} COMMENT 'internal: outcome: Pending, Skipped (a newer event replaced it), Failed or Successfully.',
    reason {{.Reason}} COMMENT 'internal: what triggered the event.',
    failure_code LowCardinality(String) COMMENT 'internal: why the push failed; empty unless Failed.',
    finished_at DateTime64(3, 'UTC') COMMENT 'internal: when the outcome became final; 1970 while Pending.',
    push_qty Int64 COMMENT 'internal: quantity to push while the record is Pending, then 0.',
    available Int64 COMMENT 'internal: available stock while the record is Pending, then 0.',
    promotion_reserved Int64 COMMENT 'internal: reserved stock while the record is Pending, then 0.',
    version UInt8 COMMENT 'internal: rank of the status; among the rows of a record the highest version counts.'
)
AS
SELECT triggered_at, log_id, event_partition, event_offset, channel, shop_id, store_sku, status, reason, failure_code, finished_at,
    if(status = 'Pending', push_qty, 0) AS push_qty,
    if(status = 'Pending', available, 0) AS available,
    if(status = 'Pending', promotion_reserved, 0) AS promotion_reserved,
    version
FROM {{.Database}}.push_records AS r -- without an alias ClickHouse before 26.7 does not parse the comment
COMMENT 'internal: fills push_record_facts from push_records.';
