-- The facts are kept for 31 days, so each of these days is complete.
CREATE OR REPLACE VIEW {{.Database}}.store_sku_push_stats_daily
(
    day Date COMMENT 'Day (UTC) on which the events reached Kafka.',
    channel LowCardinality(String) COMMENT 'Marketplace: shopee.',
    shop_id UInt64 COMMENT 'Shop on the marketplace.',
    store_sku String COMMENT 'Seller SKU in the store, as the event names it.',
    records UInt64 COMMENT 'How many records have their final status; each record counts once.',
    pushed UInt64 COMMENT 'How many of them ended Successfully.',
    failed UInt64 COMMENT 'How many of them ended Failed.',
    skipped UInt64 COMMENT 'How many of them ended Skipped: a newer event replaced them before they were pushed.',
    pending UInt64 COMMENT 'How many records are Pending; these are not in records yet.'
)
DEFINER = CURRENT_USER SQL SECURITY DEFINER
AS
SELECT toDate(triggered_at, 'UTC') AS day, channel, shop_id, store_sku,
    countIf(status != 'Pending') AS records, countIf(status = 'Successfully') AS pushed, countIf(status = 'Failed') AS failed,
    countIf(status = 'Skipped') AS skipped, countIf(status = 'Pending') AS pending
FROM {{.Database}}.push_record_facts FINAL
WHERE triggered_at >= toStartOfDay(now('UTC')) - INTERVAL 30 DAY
GROUP BY day, channel, shop_id, store_sku
SETTINGS {{.Settings}}, do_not_merge_across_partitions_select_final = 1
COMMENT 'One row per day (UTC) and store SKU of the last 30 days: how many records ended with which status. For counting, independent of the trimming of records.';
