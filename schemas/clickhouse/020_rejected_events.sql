CREATE OR REPLACE VIEW {{.Database}}.rejected_events
(
    source_topic LowCardinality(String) COMMENT 'Topic that the bad event was read from.',
    source_partition Int32 COMMENT 'Partition that the bad event was read from.',
    source_offset Int64 COMMENT 'Offset of the bad event in its partition.',
    error_code LowCardinality(String) COMMENT 'Why the event was rejected.',
    error_field LowCardinality(String) COMMENT 'Field that caused the error; empty if no single field did.',
    error_message String COMMENT 'The cause in words.',
    key String COMMENT 'Kafka key of the event as received, at most 64 KiB.',
    value String COMMENT 'Value of the event as received, at most 64 KiB.',
    received_at DateTime64(3, 'UTC') COMMENT 'When the event was rejected; kept for 30 days from here.',
    channel LowCardinality(String) COMMENT 'Marketplace that the key names; empty if it names no store SKU.',
    shop_id Nullable(UInt64) COMMENT 'Shop that the key names; NULL if it names no store SKU.',
    store_sku String COMMENT 'Store SKU that the key names; empty if it names none.'
)
DEFINER = CURRENT_USER SQL SECURITY DEFINER
AS
SELECT source_topic, source_partition, source_offset, error_code, error_field, error_message, key, value, received_at,
    channel, nullIf(shop_id, 0) AS shop_id, store_sku
FROM {{.Database}}.rejected_event_rows FINAL
WHERE received_at > now64(3, 'UTC') - INTERVAL 30 DAY
SETTINGS {{.Settings}}
COMMENT 'One row per rejected event (dead letter), of the last 30 days.';
