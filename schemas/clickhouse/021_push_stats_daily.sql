CREATE OR REPLACE VIEW {{.Database}}.push_stats_daily
(
    day Date COMMENT 'Day (UTC) on which the events reached Kafka.',
    channel LowCardinality(String) COMMENT 'Marketplace: shopee.',
    shop_id UInt64 COMMENT 'Shop on the marketplace.',
    records UInt64 COMMENT 'How many records have their final status; each record counts once.',
    pushed UInt64 COMMENT 'How many of them ended Successfully.',
    failed UInt64 COMMENT 'How many of them ended Failed.',
    skipped UInt64 COMMENT 'How many of them ended Skipped: a newer event replaced them before they were pushed.',
    p50_ms Float64 COMMENT 'Median time from trigger to final status of all of them in milliseconds, within 1 %.',
    p99_ms Float64 COMMENT '99th percentile of the time from trigger to final status of all of them in milliseconds, within 1 %.'
)
DEFINER = CURRENT_USER SQL SECURITY DEFINER
AS
SELECT day, channel, shop_id, n AS records, pushed, failed, skipped, latency[1] AS p50_ms, latency[2] AS p99_ms
FROM
(
    SELECT toDate(hour) AS day, channel, shop_id, sum(records) AS n,
        sumIf(records, status = 'Successfully') AS pushed, sumIf(records, status = 'Failed') AS failed, sumIf(records, status = 'Skipped') AS skipped,
        quantilesDDMerge(0.01, 0.5, 0.99)(latency_state) AS latency
    FROM {{.Database}}.push_stats_hourly
    GROUP BY day, channel, shop_id
)
SETTINGS {{.Settings}}
COMMENT 'One row per day (UTC) and shop: how many records ended with which status, and how long they took. For counting; kept for 13 months, independent of the trimming of records.';
