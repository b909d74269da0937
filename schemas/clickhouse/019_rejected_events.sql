CREATE VIEW {{.Database}}.rejected_events AS
SELECT source_topic, source_partition, source_offset, error_code, error_field, error_message, key, value, received_at
FROM {{.Database}}.rejected_event_rows FINAL
WHERE received_at > now64(3, 'UTC') - INTERVAL 30 DAY;
