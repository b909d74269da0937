-- Internal: the statistics of hours that are not frozen, counted as they are now.
CREATE VIEW {{.Database}}.push_stats_live AS
SELECT
    toStartOfHour(toDateTime(triggered_at, 'UTC')) AS hour, channel, shop_id, reason, status, failure_code,
    count() AS records,
    quantileDD(0.005, 0.5)(dateDiff('millisecond', triggered_at, finished_at)) AS p50_ms,
    quantileDD(0.005, 0.99)(dateDiff('millisecond', triggered_at, finished_at)) AS p99_ms
FROM {{.Database}}.push_record_facts FINAL
WHERE status != 'Pending'
    AND triggered_at >= (SELECT if(count() = 0, toDateTime(0, 'UTC'), max(hour) + INTERVAL 1 HOUR) FROM {{.Database}}.push_stats_freezes)
GROUP BY hour, channel, shop_id, reason, status, failure_code
SETTINGS do_not_merge_across_partitions_select_final = 1;
