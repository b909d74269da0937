CREATE TABLE IF NOT EXISTS {{.Database}}.rejected_event_rows
(
    source_topic LowCardinality(String) COMMENT 'internal: topic that the bad event was read from.',
    source_partition Int32 COMMENT 'internal: partition that the bad event was read from.',
    source_offset Int64 COMMENT 'internal: offset of the bad event in its partition.',
    error_code LowCardinality(String) COMMENT 'internal: why the event was rejected.',
    error_field LowCardinality(String) COMMENT 'internal: field that caused the error; empty if no single field did.',
    error_message String COMMENT 'internal: the cause in words.',
    key String COMMENT 'internal: kafka key of the event as received, at most 64 KiB.',
    value String COMMENT 'internal: value of the event as received, at most 64 KiB.',
    received_at DateTime64(3, 'UTC') COMMENT 'internal: when the event was rejected; kept for 30 days from here.',
    channel LowCardinality(String) COMMENT 'internal: marketplace that the key names; empty if it names no store SKU.',
    shop_id UInt64 COMMENT 'internal: shop that the key names; 0 if it names no store SKU.',
    store_sku String COMMENT 'internal: store SKU that the key names; empty if it names none.'
)
ENGINE = ReplacingMergeTree
ORDER BY (source_topic, source_partition, source_offset, cityHash64(value))
TTL toDateTime(received_at) + INTERVAL 30 DAY
COMMENT 'internal: dead letters as they were written, possibly twice. Query rejected_events instead.';
