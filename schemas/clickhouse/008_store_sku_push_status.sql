-- last_push_* is of the newest record that is not Skipped; where all are, of the newest.
-- First the many store SKUs with nothing Pending, straight from their states; then the few others.
CREATE VIEW {{.Database}}.store_sku_push_status AS
WITH position(last, '\0', 53) AS zero
SELECT channel, shop_id, store_sku,
    reinterpretAsInt64(substring(last, 13, 8)) AS last_push_qty,
    CAST(reinterpretAsInt8(substring(last, 11, 1)), 'Enum8(\'Pending\' = 1, \'Skipped\' = 2, \'Failed\' = 3, \'Successfully\' = 4)') AS last_push_status,
    CAST(reinterpretAsInt8(substring(last, 12, 1)), 'Enum8(\'Sync Order\' = 1, \'Stock-In / Manual\' = 2, \'Stock-In / Return-Scan\' = 3, \'Stock-In / Return-Manual\' = 4, \'Stock-In / Transfer\' = 5, \'Stock-In / Purchase\' = 6, \'Stock-Out / Manual\' = 7, \'Stock-Out / Sale\' = 8, \'Stock-Out / Transfer\' = 9, \'Void Order\' = 10, \'Revert Voided Order\' = 11, \'Add/Change Mapping Relationships\' = 12, \'Change Warehouse\' = 13, \'Move to [To Pack]\' = 14, \'Refresh Inventory\' = 15, \'Click Push Now/ Push Manually\' = 16, \'Stock Count\' = 17)') AS last_reason,
    if(last_push_status = 'Failed', substring(last, 53, zero - 53), '') AS last_failure_code,
    if(last_push_status = 'Failed', substring(last, zero + 1), '') AS last_failure_reason,
    fromUnixTimestamp64Milli(reinterpretAsInt64(substring(last, 37, 8)), 'UTC') AS last_triggered_at,
    fromUnixTimestamp64Milli(reinterpretAsInt64(substring(last, 45, 8)), 'UTC') AS last_finished_at,
    pending,
    substring(newest, 53) AS merchant_sku,
    reinterpretAsInt64(substring(last, 21, 8)) AS available,
    reinterpretAsInt64(substring(last, 29, 8)) AS promotion_reserved
FROM
(
    WITH outcome != '' AND reinterpretAsInt64(substring(outcome, 37, 8)) > toUnixTimestamp64Milli(now64(3, 'UTC') - INTERVAL 30 DAY) AS has_outcome
    SELECT channel, shop_id, store_sku, newest, if(has_outcome, outcome, newest) AS last, toUInt64(0) AS pending
    FROM {{.Database}}.store_sku_states FINAL
    PREWHERE sku_hash NOT IN (SELECT sku_hash FROM {{.Database}}.pending_push_records)
    WHERE newest_at > now64(3, 'UTC') - INTERVAL 30 DAY
    UNION ALL
    WITH outcome != '' AND reinterpretAsInt64(substring(outcome, 37, 8)) > toUnixTimestamp64Milli(now64(3, 'UTC') - INTERVAL 30 DAY) AS has_outcome
    SELECT channel, shop_id, store_sku, newest,
        multiIf(waiting != '' AND (NOT has_outcome OR waiting > outcome), waiting, has_outcome, outcome, newest) AS last,
        pending
    FROM
    (
        SELECT channel, shop_id, store_sku, max(newest) AS newest, max(outcome) AS outcome, max(newest_at) AS at
        FROM {{.Database}}.store_sku_states
        PREWHERE sku_hash IN (SELECT sku_hash FROM {{.Database}}.pending_push_records)
        GROUP BY channel, shop_id, store_sku
    ) AS states
    LEFT JOIN
    (
        SELECT channel, shop_id, store_sku, count() AS pending, max(packed) AS waiting
        FROM {{.Database}}.pending_push_records
        GROUP BY channel, shop_id, store_sku
    ) AS queue USING (channel, shop_id, store_sku)
    WHERE at > now64(3, 'UTC') - INTERVAL 30 DAY
    SETTINGS join_use_nulls = 0
);
