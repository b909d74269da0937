-- last_push_* is of the newest record that is not Skipped; where all are, of the newest.
--
-- Within a merged part each store SKU is one row. So most rows are read as they are from the largest such part; the
-- store SKUs that other parts mention too, and those with something Pending, are put together from all their rows.
-- Both halves see the same parts, whatever is merged meanwhile: a query has one snapshot of a table.
CREATE VIEW {{.Database}}.store_sku_push_status AS
WITH
    (
        SELECT any(part) FROM
        (
            SELECT _part AS part FROM {{.Database}}.store_sku_states
            WHERE splitByChar('_', _part)[4] != '0'
            GROUP BY part ORDER BY count() DESC, part LIMIT 1
        )
    ) AS largest_part,
    (
        SELECT groupArray((channel, shop_id, store_sku, sku_hash, pending, newest_pending))
        FROM
        (
            SELECT channel, shop_id, store_sku, any(sku_hash) AS sku_hash, count() AS pending,
                max((rank, reason, push_qty, available, promotion_reserved, triggered_at)) AS newest_pending
            FROM {{.Database}}.pending_push_records
            GROUP BY channel, shop_id, store_sku
        )
    ) AS queue,
    now64(3, 'UTC') - INTERVAL 30 DAY AS horizon,
    outcome.rank > 0 AND outcome.triggered_at > horizon AS has_outcome
SELECT channel, shop_id, store_sku,
    if(has_outcome, outcome.push_qty, newest.push_qty) AS last_push_qty,
    if(has_outcome, outcome.status, newest.status) AS last_push_status,
    if(has_outcome, outcome.reason, newest.reason) AS last_reason,
    if(has_outcome AND outcome.status = 'Failed', outcome.failure_code, '') AS last_failure_code,
    if(has_outcome AND outcome.status = 'Failed', outcome.failure_reason, '') AS last_failure_reason,
    if(has_outcome, outcome.triggered_at, newest.triggered_at) AS last_triggered_at,
    if(has_outcome, outcome.finished_at, newest.finished_at) AS last_finished_at,
    toUInt64(0) AS pending,
    newest.merchant_sku AS merchant_sku,
    if(has_outcome, outcome.available, newest.available) AS available,
    if(has_outcome, outcome.promotion_reserved, newest.promotion_reserved) AS promotion_reserved
FROM {{.Database}}.store_sku_states
WHERE _part = largest_part AND newest_at > horizon
    AND sku_hash NOT IN (SELECT sku_hash FROM {{.Database}}.store_sku_states WHERE _part != largest_part UNION ALL SELECT arrayJoin(queue.4))
UNION ALL
WITH
    now64(3, 'UTC') - INTERVAL 30 DAY AS horizon,
    outcome.rank > 0 AND outcome.triggered_at > horizon AS has_outcome,
    last_pending.1 > if(has_outcome, outcome.rank, 0) AS waits
SELECT channel, shop_id, store_sku,
    multiIf(waits, last_pending.3, has_outcome, outcome.push_qty, newest.push_qty) AS last_push_qty,
    multiIf(waits, CAST('Pending', toTypeName(newest.status)), has_outcome, outcome.status, newest.status) AS last_push_status,
    multiIf(waits, last_pending.2, has_outcome, outcome.reason, newest.reason) AS last_reason,
    if(NOT waits AND has_outcome AND outcome.status = 'Failed', outcome.failure_code, '') AS last_failure_code,
    if(NOT waits AND has_outcome AND outcome.status = 'Failed', outcome.failure_reason, '') AS last_failure_reason,
    multiIf(waits, last_pending.6, has_outcome, outcome.triggered_at, newest.triggered_at) AS last_triggered_at,
    multiIf(waits, toDateTime64(0, 3, 'UTC'), has_outcome, outcome.finished_at, newest.finished_at) AS last_finished_at,
    pending,
    newest.merchant_sku AS merchant_sku,
    multiIf(waits, last_pending.4, has_outcome, outcome.available, newest.available) AS available,
    multiIf(waits, last_pending.5, has_outcome, outcome.promotion_reserved, newest.promotion_reserved) AS promotion_reserved
FROM
(
    SELECT channel, shop_id, store_sku, max(newest) AS newest, max(outcome) AS outcome, max(newest_at) AS at
    FROM {{.Database}}.store_sku_states
    PREWHERE sku_hash IN (SELECT sku_hash FROM {{.Database}}.store_sku_states WHERE _part != largest_part UNION ALL SELECT arrayJoin(queue.4))
    GROUP BY channel, shop_id, store_sku
) AS states
LEFT JOIN
(
    SELECT q.1 AS channel, q.2 AS shop_id, q.3 AS store_sku, q.5 AS pending, q.6 AS last_pending FROM (SELECT arrayJoin(queue) AS q)
) AS waiting USING (channel, shop_id, store_sku)
WHERE at > horizon
SETTINGS join_use_nulls = 0, enable_shared_storage_snapshot_in_query = 1;
