-- The rows of store_sku_push_status, optimised for queries of few store SKUs by key. A Pending
-- record is compared with the outcomes, and the newest of all is the last push.
--
-- Most of its cost is planning. So no expression is used twice in the next layer, and the keys of
-- Pending records are hidden from the index of the facts, which cannot use them.
CREATE OR REPLACE VIEW {{.Database}}.store_sku_standings
(
    channel LowCardinality(String) COMMENT 'internal: marketplace: shopee.',
    shop_id UInt64 COMMENT 'internal: shop on the marketplace.',
    store_sku String COMMENT 'internal: seller SKU in the store, as the event names it.',
    last_push_qty Int64 COMMENT 'internal: quantity of the newest record that is not Skipped; of the newest record if all are.',
    last_push_status {{.Status}} COMMENT 'internal: status of the newest record that is not Skipped; of the newest record if all are.',
    last_reason {{.Reason}} COMMENT 'internal: what triggered that record.',
    last_failure_code String COMMENT 'internal: why that record failed; empty unless Failed.',
    last_failure_reason String COMMENT 'internal: message of the refusal of that record; empty unless Failed.',
    last_triggered_at DateTime64(3, 'UTC') COMMENT 'internal: when the event of that record reached Kafka.',
    last_finished_at Nullable(DateTime64(3, 'UTC')) COMMENT 'internal: when the outcome of that record became final; NULL while Pending.',
    pending UInt64 COMMENT 'internal: how many records of the store SKU are Pending.',
    merchant_sku String COMMENT 'internal: merchant SKU of the newest record; empty if it has none.',
    available Int64 COMMENT 'internal: available stock of that record, as sent; negative means oversold.',
    promotion_reserved Int64 COMMENT 'internal: stock that the record reserves for promotions.',
    confirmed_qty Nullable(Int64) COMMENT 'internal: last quantity that Shopee confirmed, whatever came since; NULL if none.',
    confirmed_at Nullable(DateTime64(3, 'UTC')) COMMENT 'internal: when Shopee confirmed it.',
    oversold Bool COMMENT 'internal: whether the available stock of that record is below 0, which counts as 0.'
)
AS
SELECT channel, shop_id, store_sku,
    if(stands, o_push_qty, n_push_qty) AS last_push_qty,
    if(stands, o_status, n_status) AS last_push_status,
    if(stands, o_reason, n_reason) AS last_reason,
    if(stands, o_failure_code, '') AS last_failure_code,
    if(stands, o_failure_reason, '') AS last_failure_reason,
    if(stands, o_triggered_at, n_triggered_at) AS last_triggered_at,
    nullIf(if(stands, o_finished_at, n_finished_at), toDateTime64(0, 3, 'UTC')) AS last_finished_at,
    pending,
    n_merchant_sku AS merchant_sku,
    if(stands, o_available, n_available) AS available,
    if(stands, o_promotion_reserved, n_promotion_reserved) AS promotion_reserved,
    if(c.1 > 0, c.2, NULL) AS confirmed_qty,
    if(c.1 > 0, c.3, NULL) AS confirmed_at,
    toBool(if(stands, o_available, n_available) < 0) AS oversold
FROM
(
    SELECT channel, shop_id, store_sku, sum(waiting) AS pending, max(outcome_at) > now64(3, 'UTC') - INTERVAL 30 DAY AS stands,
        argMax(n_push_qty, n_rank) AS n_push_qty, argMax(n_status, n_rank) AS n_status, argMax(n_reason, n_rank) AS n_reason,
        argMax(n_triggered_at, n_rank) AS n_triggered_at, argMax(n_finished_at, n_rank) AS n_finished_at,
        argMax(n_available, n_rank) AS n_available, argMax(n_promotion_reserved, n_rank) AS n_promotion_reserved,
        argMax(n_merchant_sku, n_rank) AS n_merchant_sku,
        argMax(push_qty, rank) AS o_push_qty, argMax(status, rank) AS o_status, argMax(reason, rank) AS o_reason,
        argMax(triggered_at, rank) AS o_triggered_at, argMax(finished_at, rank) AS o_finished_at,
        argMax(available, rank) AS o_available, argMax(promotion_reserved, rank) AS o_promotion_reserved,
        argMax(failure_code, rank) AS o_failure_code, argMax(failure_reason, rank) AS o_failure_reason,
        max(confirmed) AS c
    FROM
    (
        SELECT channel, shop_id, store_sku, toUInt64(0) AS waiting, newest_at AS seen_at, outcome_at, newest.rank AS n_rank,
            newest.push_qty AS n_push_qty, newest.status AS n_status, newest.reason AS n_reason, newest.triggered_at AS n_triggered_at, newest.finished_at AS n_finished_at,
            newest.available AS n_available, newest.promotion_reserved AS n_promotion_reserved, newest.merchant_sku AS n_merchant_sku,
            outcome.rank AS rank, outcome.push_qty AS push_qty, outcome.status AS status, outcome.reason AS reason, outcome.triggered_at AS triggered_at, outcome.finished_at AS finished_at,
            outcome.available AS available, outcome.promotion_reserved AS promotion_reserved,
            if(outcome.status = 'Failed', outcome.failure_code, '') AS failure_code, if(outcome.status = 'Failed', outcome.failure_reason, '') AS failure_reason,
            confirmed
        FROM {{.Database}}.store_sku_states
        UNION ALL
        SELECT concat(channel, ''), bitOr(shop_id, 0), substring(store_sku, 1), 1, triggered_at, triggered_at, 0, 0, status, reason, triggered_at, finished_at, 0, 0, '',
            {{.Rank}}, push_qty, status, reason, triggered_at, finished_at, available, promotion_reserved, '', '',
            (toUInt128(0), toInt64(0), toDateTime64(0, 3, 'UTC'))
        FROM {{.Database}}.push_record_facts FINAL
        WHERE status = 'Pending' AND triggered_at > now64(3, 'UTC') - INTERVAL 30 DAY
    )
    GROUP BY channel, shop_id, store_sku
    HAVING max(seen_at) > now64(3, 'UTC') - INTERVAL 30 DAY
)
SETTINGS {{.Settings}}, do_not_merge_across_partitions_select_final = 1
COMMENT 'internal: the rows of store_sku_push_status, for queries of few store SKUs by their keys.';
