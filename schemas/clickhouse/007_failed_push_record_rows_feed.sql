CREATE MATERIALIZED VIEW IF NOT EXISTS {{.Database}}.failed_push_record_rows_feed TO {{.Database}}.failed_push_record_rows
(
    channel LowCardinality(String) COMMENT 'internal: marketplace: shopee.',
    shop_id UInt64 COMMENT 'internal: shop on the marketplace.',
    store_sku String COMMENT 'internal: seller SKU in the store, as the event names it.',
    merchant_sku String COMMENT 'internal: merchant SKU that the store SKU is mapped to; empty if the event named none.',
    item_id UInt64 COMMENT 'internal: marketplace item that the store SKU is listed as.',
    model_id UInt64 COMMENT 'internal: model of the item; 0 for an item without models.',
    location_id LowCardinality(String) COMMENT 'internal: marketplace warehouse location; empty for the default one.',
    event_id String COMMENT 'internal: id of the stock event, as upstream chose it.',
    retry_of String COMMENT 'internal: event_id of the failed record that this event pushes again; empty if it is no retry.',
    repeats_offset Nullable(Int64) COMMENT 'internal: event_offset of the record whose quantities this event repeats; NULL if it repeats nothing.',
    reason {{.Reason}} COMMENT 'internal: what triggered the event.',
    status {{.Status}} COMMENT 'internal: outcome: Pending, Skipped (a newer event replaced it), Failed or Successfully.',
    available Int64 COMMENT 'internal: available stock after the trigger, as sent; negative means oversold and counts as 0.',
    promotion_reserved Int64 COMMENT 'internal: stock reserved for promotions in this store.',
    push_qty Int64 COMMENT 'internal: quantity to push: available (at least 0) plus promotion_reserved.',
    before_qty Nullable(Int64) COMMENT 'internal: last quantity that Shopee confirmed before this push; NULL if unknown.',
    after_qty Nullable(Int64) COMMENT 'internal: quantity that Shopee confirmed; NULL unless Successfully.',
    promotion_floor Nullable(Int64) COMMENT 'internal: quantity that a promotion reserves, if Shopee named it when it refused the push.',
    failure_code LowCardinality(String) COMMENT 'internal: why the push failed; empty unless Failed.',
    failure_reason String COMMENT 'internal: message of the refusal, at most 2 KiB; empty unless Failed.',
    superseded_by String COMMENT 'internal: event_id of the newer event that replaced this one; empty unless Skipped.',
    superseded_by_offset Nullable(Int64) COMMENT 'internal: event_offset of the newer event that replaced this one; NULL unless Skipped.',
    attempts UInt16 COMMENT 'internal: calls to Shopee that carried this push, since its worker last started.',
    request_id String COMMENT 'internal: shopee request_id of the last call.',
    log_id UInt16 COMMENT 'internal: log generation of the events topic; of two events the one with the higher log_id is newer.',
    event_partition Int32 COMMENT 'internal: partition of the event in the events topic.',
    event_offset Int64 COMMENT 'internal: offset of the event in its partition; within a log_id the higher one is newer.',
    occurred_at DateTime64(3, 'UTC') COMMENT 'internal: when the stock changed, as upstream says.',
    triggered_at DateTime64(3, 'UTC') COMMENT 'internal: when the event reached Kafka; records are kept for 30 days from here.',
    queued_at DateTime64(3, 'UTC') COMMENT 'internal: when the push command was issued; 1970 if the event was skipped before.',
    finished_at DateTime64(3, 'UTC') COMMENT 'internal: when the outcome became final; 1970 while Pending.',
    requested_by LowCardinality(String) COMMENT 'internal: name of the requester of the event; empty if it has none.',
    sku_hash UInt64 COMMENT 'internal: hash of the store SKU key, for fast comparison.'
)
AS
SELECT channel, shop_id, store_sku, merchant_sku, item_id, model_id, location_id, event_id, retry_of, repeats_offset, reason, status, available, promotion_reserved, push_qty, before_qty, after_qty, promotion_floor, failure_code, failure_reason, superseded_by, superseded_by_offset, attempts, request_id, log_id, event_partition, event_offset, occurred_at, triggered_at, queued_at, finished_at, requested_by,
    cityHash64(channel, shop_id, store_sku) AS sku_hash
FROM {{.Database}}.push_records
WHERE status = 'Failed'
COMMENT 'internal: fills failed_push_record_rows from push_records.';
