CREATE TABLE IF NOT EXISTS {{.Database}}.push_stats_freezes
(
    hour DateTime('UTC') COMMENT 'internal: hour (UTC) in which the events reached Kafka.',
    freeze_id String COMMENT 'internal: the run of the freeze job that wrote the row.'
)
ENGINE = ReplacingMergeTree
ORDER BY (hour, freeze_id)
TTL hour + INTERVAL 14 MONTH
COMMENT 'internal: the hours that a freeze has written completely. Of several freezes of an hour the first one counts.';
