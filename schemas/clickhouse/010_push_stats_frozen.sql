CREATE TABLE IF NOT EXISTS {{.Database}}.push_stats_frozen
(
    hour DateTime('UTC') COMMENT 'internal: hour (UTC) in which the events reached Kafka.',
    freeze_id String COMMENT 'internal: the run of the freeze job that wrote the row.',
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
ENGINE = ReplacingMergeTree
PARTITION BY toYYYYMM(hour)
ORDER BY (hour, freeze_id, channel, shop_id, reason, status, failure_code)
TTL hour + INTERVAL 13 MONTH
COMMENT 'internal: statistics of hours older than 9 days, as each freeze counted them. push_stats_freezes says which freeze counts.';
