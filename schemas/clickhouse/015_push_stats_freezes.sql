-- The hours that a freeze has written down completely. Of several freezes of an hour the first one counts.
CREATE TABLE {{.Database}}.push_stats_freezes
(
    hour DateTime('UTC'),
    freeze_id String
)
ENGINE = ReplacingMergeTree
ORDER BY (hour, freeze_id)
TTL hour + INTERVAL 14 MONTH;
