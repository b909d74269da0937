-- A predicate on the store SKU is applied below LIMIT BY, whose key contains it: a history reads a
-- few granules of each part.
CREATE OR REPLACE VIEW {{.Database}}.push_record_history
(
    channel LowCardinality(String) COMMENT 'Marketplace: shopee.',
    shop_id UInt64 COMMENT 'Shop on the marketplace.',
    store_sku String COMMENT 'Seller SKU in the store, as the event names it.',
    merchant_sku String COMMENT 'Merchant SKU that the store SKU is mapped to; empty if the event named none.',
    item_id UInt64 COMMENT 'Marketplace item that the store SKU is listed as.',
    model_id UInt64 COMMENT 'Model of the item; 0 for an item without models.',
    location_id LowCardinality(String) COMMENT 'Marketplace warehouse location; empty for the default one.',
    event_id String COMMENT 'Id of the stock event, as upstream chose it.',
    retry_of String COMMENT 'event_id of the failed record that this event pushes again; empty if it is no retry.',
    repeats_offset Nullable(Int64) COMMENT 'event_offset of the record whose quantities this event repeats; NULL if it repeats nothing.',
    reason {{.Reason}} COMMENT 'What triggered the event.',
    status {{.Status}} COMMENT 'Outcome: Pending, Skipped (a newer event replaced it), Failed or Successfully.',
    available Int64 COMMENT 'Available stock after the trigger, as sent; negative means oversold and counts as 0.',
    promotion_reserved Int64 COMMENT 'Stock reserved for promotions in this store.',
    push_qty Int64 COMMENT 'Quantity to push: available (at least 0) plus promotion_reserved.',
    before_qty Nullable(Int64) COMMENT 'Last quantity that Shopee confirmed before this push; NULL if unknown.',
    after_qty Nullable(Int64) COMMENT 'Quantity that Shopee confirmed; NULL unless Successfully.',
    promotion_floor Nullable(Int64) COMMENT 'Quantity that a promotion reserves, if Shopee named it when it refused the push.',
    failure_code LowCardinality(String) COMMENT 'Why the push failed; empty unless Failed.',
    failure_reason String COMMENT 'Message of the refusal, at most 2 KiB; empty unless Failed.',
    superseded_by String COMMENT 'event_id of the newer event that replaced this one; empty unless Skipped.',
    superseded_by_offset Nullable(Int64) COMMENT 'event_offset of the newer event that replaced this one; NULL unless Skipped.',
    attempts UInt16 COMMENT 'Calls to Shopee that carried this push, since its worker last started.',
    request_id String COMMENT 'Shopee request_id of the last call.',
    log_id UInt16 COMMENT 'Log generation of the events topic; of two events the one with the higher log_id is newer.',
    event_partition Int32 COMMENT 'Partition of the event in the events topic.',
    event_offset Int64 COMMENT 'Offset of the event in its partition; within a log_id the higher one is newer.',
    occurred_at DateTime64(3, 'UTC') COMMENT 'When the stock changed, as upstream says.',
    triggered_at DateTime64(3, 'UTC') COMMENT 'When the event reached Kafka; records are kept for 30 days from here.',
    queued_at Nullable(DateTime64(3, 'UTC')) COMMENT 'When the push command was issued; NULL if the event was skipped before.',
    finished_at Nullable(DateTime64(3, 'UTC')) COMMENT 'When the outcome became final; NULL while Pending.',
    requested_by LowCardinality(String) COMMENT 'Name of the requester of the event; empty if it has none.',
    last_answer_code Nullable(String) COMMENT 'Failure code of the last answer to a Pending record; NULL if it is not Pending, or was not tried yet.',
    last_answer Nullable(String) COMMENT 'Message of that answer, at most 512 bytes.',
    next_attempt_at Nullable(DateTime64(3, 'UTC')) COMMENT 'When a Pending record is tried next; NULL if it is not Pending, was not tried yet, or the shop is paused.'
)
DEFINER = CURRENT_USER SQL SECURITY DEFINER
AS
SELECT channel, shop_id, store_sku, merchant_sku, item_id, model_id, location_id, event_id, retry_of, repeats_offset, reason, status, available, promotion_reserved, push_qty, before_qty, after_qty, promotion_floor, failure_code, failure_reason, superseded_by, superseded_by_offset, ifNull(if(status = 'Pending', p.tries, NULL), r.attempts) AS attempts, request_id, log_id, event_partition, event_offset, occurred_at, triggered_at,
    nullIf(r.queued_at, toDateTime64(0, 3, 'UTC')) AS queued_at, nullIf(r.finished_at, toDateTime64(0, 3, 'UTC')) AS finished_at, requested_by,
    if(status = 'Pending', p.last_answer_code, NULL) AS last_answer_code, if(status = 'Pending', p.last_answer, NULL) AS last_answer,
    if(status = 'Pending', p.next_attempt_at, NULL) AS next_attempt_at
FROM
(
    SELECT channel, shop_id, store_sku, merchant_sku, item_id, model_id, location_id, event_id, retry_of, repeats_offset, reason, status, available, promotion_reserved, push_qty, before_qty, after_qty, promotion_floor, failure_code, failure_reason, superseded_by, superseded_by_offset, attempts, request_id, log_id, event_partition, event_offset, occurred_at, triggered_at, queued_at, finished_at, requested_by
    FROM {{.Database}}.push_records FINAL
    WHERE triggered_at > now64(3, 'UTC') - INTERVAL 30 DAY
    ORDER BY channel, shop_id, store_sku, log_id DESC, event_offset DESC
    LIMIT 100 BY channel, shop_id, store_sku
) AS r
LEFT JOIN {{.Database}}.push_progress AS p USING (channel, shop_id, store_sku, log_id, event_offset)
-- All rows of a record have the same triggered_at, so they are in one week.
SETTINGS {{.Settings}}, do_not_merge_across_partitions_select_final = 1
COMMENT 'One row per record in its newest state: at most the latest 100 of each store SKU, of the last 30 days. Not for counting, since older records are trimmed: use push_stats_daily, store_sku_push_stats_daily or push_stats_hourly.';
