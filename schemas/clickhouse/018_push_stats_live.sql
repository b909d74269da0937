-- Clocks differ: an event may be finished before its Kafka timestamp.
-- Without a freeze the lower bound is a recent Monday, not 0: before 26.7 the Monday of 0, which is
-- in 1969, overflows in the partition key's condition, and ClickHouse reads no partition.
CREATE OR REPLACE VIEW {{.Database}}.push_stats_live
(
    hour DateTime('UTC') COMMENT 'internal: hour (UTC) in which the events reached Kafka.',
    channel LowCardinality(String) COMMENT 'internal: marketplace: shopee.',
    shop_id UInt64 COMMENT 'internal: shop on the marketplace.',
    reason {{.Reason}} COMMENT 'internal: what triggered the event.',
    status {{.Status}} COMMENT 'internal: outcome: Pending, Skipped (a newer event replaced it), Failed or Successfully.',
    failure_code LowCardinality(String) COMMENT 'internal: why the push failed; empty unless Failed.',
    records UInt64 COMMENT 'internal: how many records ended with this status; each record counts once.',
    p50_ms Float64 COMMENT 'internal: median time from trigger to final status in milliseconds, within 1 %.',
    p99_ms Float64 COMMENT 'internal: 99th percentile of the time from trigger to final status in milliseconds, within 1 %.',
    latency_state AggregateFunction(quantilesDD(0.01, 0.5, 0.99), Int64) COMMENT 'internal: state of the time from trigger to final status in milliseconds.'
)
AS
SELECT
    toStartOfHour(toDateTime(triggered_at, 'UTC')) AS hour, channel, shop_id, reason, status, failure_code,
    count() AS records,
    quantileDD(0.005, 0.5)(greatest(dateDiff('millisecond', triggered_at, finished_at), 0)) AS p50_ms,
    quantileDD(0.005, 0.99)(greatest(dateDiff('millisecond', triggered_at, finished_at), 0)) AS p99_ms,
    quantilesDDState(0.01, 0.5, 0.99)(greatest(dateDiff('millisecond', triggered_at, finished_at), 0)) AS latency_state
FROM {{.Database}}.push_record_facts FINAL
WHERE status != 'Pending'
    AND triggered_at >= (SELECT if(count() = 0, toDateTime('2020-01-06 00:00:00', 'UTC'), max(hour) + INTERVAL 1 HOUR) FROM {{.Database}}.push_stats_freezes)
GROUP BY hour, channel, shop_id, reason, status, failure_code
SETTINGS {{.Settings}}, do_not_merge_across_partitions_select_final = 1
COMMENT 'internal: statistics of the hours that are not frozen, counted from the facts.';
