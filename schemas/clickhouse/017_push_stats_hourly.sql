CREATE VIEW {{.Database}}.push_stats_hourly AS
SELECT hour, channel, shop_id, reason, status, failure_code, records, p50_ms, p99_ms
FROM {{.Database}}.push_stats_frozen FINAL
WHERE (hour, freeze_id) IN (SELECT hour, min(freeze_id) FROM {{.Database}}.push_stats_freezes GROUP BY hour)
UNION ALL
SELECT hour, channel, shop_id, reason, status, failure_code, records, p50_ms, p99_ms
FROM {{.Database}}.push_stats_live;
