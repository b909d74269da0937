CREATE OR REPLACE VIEW {{.Database}}.failed_push_records
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
    failure_class LowCardinality(String) COMMENT 'Kind of failure: who or what has to change before a retry helps.',
    hint String COMMENT 'What to do about the failure.',
    newest Bool COMMENT 'Whether it is the newest failure of its store SKU, which a retry pushes again; count these to count failing store SKUs.'
)
DEFINER = CURRENT_USER SQL SECURITY DEFINER
AS
SELECT channel, shop_id, store_sku, merchant_sku, item_id, model_id, location_id, event_id, retry_of, repeats_offset, reason, status, available, promotion_reserved, push_qty, before_qty, after_qty, promotion_floor, failure_code, failure_reason, superseded_by, superseded_by_offset, attempts, request_id, log_id, event_partition, event_offset, occurred_at, triggered_at,
    nullIf(queued_at, toDateTime64(0, 3, 'UTC')) AS queued_at, nullIf(finished_at, toDateTime64(0, 3, 'UTC')) AS finished_at, requested_by,
    transform(failure_code, [{{.Codes}}], [{{.Classes}}], '') AS failure_class,
    concat(transform(failure_code, [{{.Codes}}], [{{.Hints}}], ''),
        if(promotion_floor IS NULL, '', replaceOne({{.FloorHint}}, '%d', toString(assumeNotNull(promotion_floor))))) AS hint,
    toBool(row_number() OVER (PARTITION BY channel, shop_id, store_sku ORDER BY log_id DESC, event_offset DESC) = 1) AS newest
FROM {{.Database}}.failed_push_record_rows AS f FINAL
LEFT JOIN
(
    SELECT channel, shop_id, store_sku, max(rank) AS resolved_by
    FROM
    (
        SELECT channel, shop_id, store_sku, succeeded AS rank
        FROM {{.Database}}.store_sku_states
        PREWHERE succeeded > 0 AND sku_hash IN (SELECT sku_hash FROM {{.Database}}.failed_push_record_rows)
        UNION ALL
        SELECT channel, shop_id, store_sku, rank
        FROM {{.Database}}.pending_push_records
        UNION ALL
        -- An insert reaches the states and the facts one after the other. A record that changes
        -- from Pending to Successfully must always be in one of them, or the failure that it
        -- resolves would show again.
        SELECT channel, shop_id, store_sku, {{.Rank}} AS rank
        FROM {{.Database}}.push_record_facts
        WHERE status = 'Successfully' AND finished_at > now64(3, 'UTC') - INTERVAL 1 MINUTE
    )
    GROUP BY channel, shop_id, store_sku
) AS r USING (channel, shop_id, store_sku)
WHERE triggered_at > now64(3, 'UTC') - INTERVAL 30 DAY
    AND {{.Rank}} > ifNull(resolved_by, 0)
SETTINGS {{.Settings}}
COMMENT 'One row per Failed record whose store SKU has no newer record that is Successfully or Pending: what a retry works on.';
