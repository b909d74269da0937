CREATE OR REPLACE VIEW {{.Database}}.push_stats_hourly
(
    hour DateTime('UTC') COMMENT 'Hour (UTC) in which the events reached Kafka.',
    channel LowCardinality(String) COMMENT 'Marketplace: shopee.',
    shop_id UInt64 COMMENT 'Shop on the marketplace.',
    reason {{.Reason}} COMMENT 'What triggered the event.',
    status {{.Status}} COMMENT 'Outcome: Pending, Skipped (a newer event replaced it), Failed or Successfully.',
    failure_code LowCardinality(String) COMMENT 'Why the push failed; empty unless Failed.',
    records UInt64 COMMENT 'How many records ended with this status; each record counts once.',
    p50_ms Float64 COMMENT 'Median time from trigger to final status in milliseconds, within 1 %. Not for averaging: merge latency_state.',
    p99_ms Float64 COMMENT '99th percentile of the time from trigger to final status in milliseconds, within 1 %. Not for averaging: merge latency_state.',
    latency_state AggregateFunction(quantilesDD(0.01, 0.5, 0.99), Int64) COMMENT 'State of the time from trigger to final status in milliseconds; quantilesDDMerge(0.01, 0.5, 0.99) merges the states of several rows into their percentiles, within 1 %.'
)
DEFINER = CURRENT_USER SQL SECURITY DEFINER
AS
SELECT hour, channel, shop_id, reason, status, failure_code, records, p50_ms, p99_ms, latency_state
FROM {{.Database}}.push_stats_frozen FINAL
WHERE (hour, freeze_id) IN (SELECT hour, min(freeze_id) FROM {{.Database}}.push_stats_freezes GROUP BY hour)
SETTINGS {{.Settings}}
UNION ALL
SELECT hour, channel, shop_id, reason, status, failure_code, records, p50_ms, p99_ms, latency_state
FROM {{.Database}}.push_stats_live
SETTINGS {{.Settings}}
COMMENT 'One row per hour (UTC), shop, reason, final status and failure code: how many records, and how long they took from trigger to final status. Kept for 13 months, independent of the trimming of records.';
