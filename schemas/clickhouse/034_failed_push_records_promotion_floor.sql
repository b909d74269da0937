-- Failed records whose store SKU has no newer record that is Successfully or Pending.
CREATE OR REPLACE VIEW {{.Database}}.failed_push_records AS
SELECT channel, shop_id, store_sku, merchant_sku, item_id, model_id, location_id, event_id, retry_of, repeats_offset, reason, status, available, promotion_reserved, push_qty, before_qty, after_qty, promotion_floor, failure_code, failure_reason, superseded_by, superseded_by_offset, attempts, request_id, log_id, event_partition, event_offset, occurred_at, triggered_at, queued_at, finished_at,
    transform(failure_code, [{{.Codes}}], [{{.Classes}}], '') AS failure_class,
    concat(transform(failure_code, [{{.Codes}}], [{{.Hints}}], ''),
        if(promotion_floor IS NULL, '', replaceOne({{.FloorHint}}, '%d', toString(assumeNotNull(promotion_floor))))) AS hint
FROM {{.Database}}.failed_push_record_rows AS f FINAL
LEFT JOIN
(
    SELECT channel, shop_id, store_sku, max(rank) AS resolved_by
    FROM
    (
        SELECT channel, shop_id, store_sku, succeeded AS rank
        FROM {{.Database}}.store_sku_states
        PREWHERE succeeded > 0 AND sku_hash IN (SELECT sku_hash FROM {{.Database}}.failed_push_record_rows)
        UNION ALL
        SELECT channel, shop_id, store_sku, rank
        FROM {{.Database}}.pending_push_records
        UNION ALL
        -- An insert reaches the states and the facts one after the other. A record that turns from Pending to
        -- Successfully must not be in neither for a moment, or the failure that it mends would show again.
        SELECT channel, shop_id, store_sku, {{.Rank}} AS rank
        FROM {{.Database}}.push_record_facts
        WHERE status = 'Successfully' AND finished_at > now64(3, 'UTC') - INTERVAL 1 MINUTE
    )
    GROUP BY channel, shop_id, store_sku
) AS r USING (channel, shop_id, store_sku)
WHERE triggered_at > now64(3, 'UTC') - INTERVAL 30 DAY
    AND {{.Rank}} > ifNull(resolved_by, 0);
