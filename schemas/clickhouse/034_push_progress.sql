-- The columns are Nullable, so a LEFT JOIN has NULL where there is no row.
CREATE OR REPLACE VIEW {{.Database}}.push_progress
(
    channel LowCardinality(String) COMMENT 'internal: marketplace: shopee.',
    shop_id UInt64 COMMENT 'internal: shop on the marketplace.',
    store_sku String COMMENT 'internal: seller SKU in the store, as the event names it.',
    log_id UInt16 COMMENT 'internal: log generation of the event of the push.',
    event_offset Int64 COMMENT 'internal: offset of the event of the push.',
    rank UInt128 COMMENT 'internal: position and status of the Pending record as one number.',
    tries Nullable(UInt16) COMMENT 'internal: calls to Shopee that carried the push so far, since its worker started.',
    last_answer_code Nullable(String) COMMENT 'internal: failure code of the last answer.',
    last_answer Nullable(String) COMMENT 'internal: message of the last answer.',
    next_attempt_at Nullable(DateTime64(3, 'UTC')) COMMENT 'internal: when it is tried next; NULL if the shop is paused.'
)
AS
SELECT channel, shop_id, store_sku, log_id, event_offset, bitShiftLeft(toUInt128(log_id), 67) + bitShiftLeft(toUInt128(event_offset), 3) + 1 AS rank,
    toNullable(attempts) AS tries, toNullable(toString(code)) AS last_answer_code, toNullable(answer) AS last_answer,
    if(state = 'paused', NULL, greatest(next_at, until)) AS next_attempt_at
FROM
(
    SELECT channel, shop_id, store_sku, log_id, event_offset, attempts, last_answer_code AS code, last_answer AS answer, next_attempt_at AS next_at
    FROM {{.Database}}.push_progress_rows FINAL
) AS p
LEFT JOIN (SELECT channel, shop_id, state, until FROM {{.Database}}.shop_states FINAL) AS s USING (channel, shop_id)
SETTINGS {{.Settings}}
COMMENT 'internal: what happened so far to pushes that were tried; it applies to those that are still Pending.';
