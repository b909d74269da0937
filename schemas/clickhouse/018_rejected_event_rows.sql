CREATE TABLE {{.Database}}.rejected_event_rows
(
    source_topic LowCardinality(String),
    source_partition Int32,
    source_offset Int64,
    error_code LowCardinality(String),
    error_field LowCardinality(String),
    error_message String,
    key String,
    value String,
    received_at DateTime64(3, 'UTC')
)
ENGINE = ReplacingMergeTree
ORDER BY (source_topic, source_partition, source_offset, cityHash64(value))
TTL toDateTime(received_at) + INTERVAL 30 DAY;
