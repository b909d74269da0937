-- last_push_* is of the newest record that is not Skipped; if all are, of the newest.
--
-- In a merged part each store SKU is one row. So most rows are read unchanged from the largest
-- merged part. The store SKUs that are also in other parts, and those with Pending records, are
-- computed from all their rows. Both halves see the same parts despite concurrent merges: a query
-- has one snapshot of a table.
CREATE OR REPLACE VIEW {{.Database}}.store_sku_push_status
(
    channel LowCardinality(String) COMMENT 'Marketplace: shopee.',
    shop_id UInt64 COMMENT 'Shop on the marketplace.',
    store_sku String COMMENT 'Seller SKU in the store, as the event names it.',
    last_push_qty Int64 COMMENT 'Quantity of the newest record that is not Skipped; of the newest record if all are.',
    last_push_status {{.Status}} COMMENT 'Status of the newest record that is not Skipped; of the newest record if all are.',
    last_reason {{.Reason}} COMMENT 'What triggered that record.',
    last_failure_code String COMMENT 'Why that record failed; empty unless Failed.',
    last_failure_reason String COMMENT 'Message of the refusal of that record; empty unless Failed.',
    last_triggered_at DateTime64(3, 'UTC') COMMENT 'When the event of that record reached Kafka.',
    last_finished_at Nullable(DateTime64(3, 'UTC')) COMMENT 'When the outcome of that record became final; NULL while Pending.',
    pending UInt64 COMMENT 'How many records of the store SKU are Pending.',
    merchant_sku String COMMENT 'Merchant SKU of the newest record; empty if it has none.',
    available Int64 COMMENT 'Available stock of that record, as sent; negative means oversold.',
    promotion_reserved Int64 COMMENT 'Stock that the record reserves for promotions.',
    confirmed_qty Nullable(Int64) COMMENT 'Last quantity that Shopee confirmed, whatever came since; NULL if none.',
    confirmed_at Nullable(DateTime64(3, 'UTC')) COMMENT 'When Shopee confirmed it.',
    oversold Bool COMMENT 'Whether the available stock of that record is below 0, which counts as 0.',
    attempts Nullable(UInt16) COMMENT 'Calls to Shopee that carried the newest Pending record so far, since its worker last started; NULL if none is Pending.',
    last_answer_code Nullable(String) COMMENT 'Failure code of the last answer to it; NULL if none is Pending, or it was not tried yet.',
    last_answer Nullable(String) COMMENT 'Message of that answer, at most 512 bytes.',
    next_attempt_at Nullable(DateTime64(3, 'UTC')) COMMENT 'When it is tried next; NULL if none is Pending, it was not tried yet, or the shop is paused.'
)
AS
WITH
    (
        SELECT argMax(name, rows) FROM system.parts
        WHERE database = '{{.Name}}' AND table = 'store_sku_states' AND active AND level > 0
    ) AS largest_part,
    now64(3, 'UTC') - INTERVAL 30 DAY AS horizon,
    outcome.rank > 0 AND outcome.triggered_at > horizon AS has_outcome
SELECT channel, shop_id, store_sku,
    if(has_outcome, outcome.push_qty, newest.push_qty) AS last_push_qty,
    if(has_outcome, outcome.status, newest.status) AS last_push_status,
    if(has_outcome, outcome.reason, newest.reason) AS last_reason,
    if(has_outcome AND outcome.status = 'Failed', outcome.failure_code, '') AS last_failure_code,
    if(has_outcome AND outcome.status = 'Failed', outcome.failure_reason, '') AS last_failure_reason,
    if(has_outcome, outcome.triggered_at, newest.triggered_at) AS last_triggered_at,
    nullIf(if(has_outcome, outcome.finished_at, newest.finished_at), toDateTime64(0, 3, 'UTC')) AS last_finished_at,
    toUInt64(0) AS pending,
    newest.merchant_sku AS merchant_sku,
    if(has_outcome, outcome.available, newest.available) AS available,
    if(has_outcome, outcome.promotion_reserved, newest.promotion_reserved) AS promotion_reserved,
    if(confirmed.rank > 0, confirmed.qty, NULL) AS confirmed_qty,
    if(confirmed.rank > 0, confirmed.at, NULL) AS confirmed_at,
    toBool(if(has_outcome, outcome.available, newest.available) < 0) AS oversold,
    CAST(NULL, 'Nullable(UInt16)') AS attempts, CAST(NULL, 'Nullable(String)') AS last_answer_code, CAST(NULL, 'Nullable(String)') AS last_answer,
    CAST(NULL, 'Nullable(DateTime64(3, \'UTC\'))') AS next_attempt_at
FROM {{.Database}}.store_sku_states
WHERE _part = largest_part AND newest_at > horizon
    AND sku_hash NOT IN (SELECT sku_hash FROM {{.Database}}.store_sku_states WHERE _part != largest_part UNION ALL SELECT sku_hash FROM {{.Database}}.pending_push_records)
SETTINGS {{.Settings}}
UNION ALL
WITH
    (
        SELECT argMax(name, rows) FROM system.parts
        WHERE database = '{{.Name}}' AND table = 'store_sku_states' AND active AND level > 0
    ) AS largest_part,
    now64(3, 'UTC') - INTERVAL 30 DAY AS horizon,
    o_rank > 0 AND o_triggered_at > horizon AS has_outcome,
    newest_pending.1 > if(has_outcome, o_rank, 0) AS waits,
    pending > 0 AND p_rank = newest_pending.1 AS tried
SELECT channel, shop_id, store_sku,
    multiIf(waits, newest_pending.3, has_outcome, o_push_qty, n_push_qty) AS last_push_qty,
    multiIf(waits, newest_pending.7, has_outcome, o_status, n_status) AS last_push_status,
    multiIf(waits, newest_pending.2, has_outcome, o_reason, n_reason) AS last_reason,
    if(NOT waits AND has_outcome AND o_status = 'Failed', o_failure_code, '') AS last_failure_code,
    if(NOT waits AND has_outcome AND o_status = 'Failed', o_failure_reason, '') AS last_failure_reason,
    multiIf(waits, newest_pending.6, has_outcome, o_triggered_at, n_triggered_at) AS last_triggered_at,
    nullIf(multiIf(waits, toDateTime64(0, 3, 'UTC'), has_outcome, o_finished_at, n_finished_at), toDateTime64(0, 3, 'UTC')) AS last_finished_at,
    pending,
    n_merchant_sku AS merchant_sku,
    multiIf(waits, newest_pending.4, has_outcome, o_available, n_available) AS available,
    multiIf(waits, newest_pending.5, has_outcome, o_promotion_reserved, n_promotion_reserved) AS promotion_reserved,
    if(c_rank > 0, c_qty, NULL) AS confirmed_qty,
    if(c_rank > 0, c_at, NULL) AS confirmed_at,
    toBool(multiIf(waits, newest_pending.4, has_outcome, o_available, n_available) < 0) AS oversold,
    multiIf(tried, p_tries, pending > 0, toUInt16(0), NULL) AS attempts,
    if(tried, p_code, NULL) AS last_answer_code,
    if(tried, p_answer, NULL) AS last_answer,
    if(tried, p_next, NULL) AS next_attempt_at
FROM
(
    SELECT channel, shop_id, store_sku, max(newest_at) AS at, max(outcome.rank) AS o_rank,
        argMax(newest.push_qty, newest.rank) AS n_push_qty, argMax(newest.status, newest.rank) AS n_status,
        argMax(newest.reason, newest.rank) AS n_reason, argMax(newest.triggered_at, newest.rank) AS n_triggered_at,
        argMax(newest.finished_at, newest.rank) AS n_finished_at, argMax(newest.available, newest.rank) AS n_available,
        argMax(newest.promotion_reserved, newest.rank) AS n_promotion_reserved, argMax(newest.merchant_sku, newest.rank) AS n_merchant_sku,
        argMax(outcome.push_qty, outcome.rank) AS o_push_qty, argMax(outcome.status, outcome.rank) AS o_status,
        argMax(outcome.reason, outcome.rank) AS o_reason, argMax(outcome.triggered_at, outcome.rank) AS o_triggered_at,
        argMax(outcome.finished_at, outcome.rank) AS o_finished_at, argMax(outcome.available, outcome.rank) AS o_available,
        argMax(outcome.promotion_reserved, outcome.rank) AS o_promotion_reserved, argMax(outcome.failure_code, outcome.rank) AS o_failure_code,
        argMax(outcome.failure_reason, outcome.rank) AS o_failure_reason,
        max(confirmed.rank) AS c_rank, argMax(confirmed.qty, confirmed.rank) AS c_qty, argMax(confirmed.at, confirmed.rank) AS c_at
    FROM {{.Database}}.store_sku_states
    PREWHERE sku_hash IN (SELECT sku_hash FROM {{.Database}}.store_sku_states WHERE _part != largest_part UNION ALL SELECT sku_hash FROM {{.Database}}.pending_push_records)
    GROUP BY channel, shop_id, store_sku
) AS states
LEFT JOIN
(
    SELECT channel, shop_id, store_sku, pending, newest_pending, p_rank, p_tries, p_code, p_answer, p_next
    FROM
    (
        SELECT channel, shop_id, store_sku, count() AS pending,
            max((rank, reason, push_qty, available, promotion_reserved, triggered_at, status)) AS newest_pending
        FROM {{.Database}}.pending_push_records
        GROUP BY channel, shop_id, store_sku
    ) AS counted
    LEFT JOIN
    (
        SELECT channel, shop_id, store_sku, rank AS p_rank, tries AS p_tries, last_answer_code AS p_code, last_answer AS p_answer, next_attempt_at AS p_next
        FROM {{.Database}}.push_progress
    ) AS progress USING (channel, shop_id, store_sku)
) AS waiting USING (channel, shop_id, store_sku)
WHERE at > horizon
SETTINGS {{.Settings}}, enable_shared_storage_snapshot_in_query = 1
COMMENT 'One row per store SKU: its last push, and how many of its records are Pending.';
