-- Every shop that is known: by its records, its state or its authorization. What waits and what fails
-- is counted in the records, so it is true even if no worker runs.
CREATE OR REPLACE VIEW {{.Database}}.shop_push_status
(
    channel LowCardinality(String) COMMENT 'Marketplace: shopee.',
    shop_id UInt64 COMMENT 'Shop on the marketplace.',
    shop_name String COMMENT 'Name of the shop; empty if unknown.',
    state {{.ShopState}} COMMENT 'What pushes of the shop wait for: ok (nothing), paused (by configuration), held (Shopee refuses the whole shop), breaker_open (calls fail), throttled (too many calls) or quota_exhausted (of the app, for today).',
    since Nullable(DateTime64(3, 'UTC')) COMMENT 'When the state began; NULL if it was never another one.',
    until Nullable(DateTime64(3, 'UTC')) COMMENT 'When the shop is tried again; NULL if nothing has to be awaited, or that is unknown.',
    code String COMMENT 'Failure code of the answer that caused the state; empty if none did.',
    message String COMMENT 'Message of that answer.',
    waiting UInt64 COMMENT 'How many records are Pending.',
    oldest_waiting_at Nullable(DateTime64(3, 'UTC')) COMMENT 'When the event of the oldest Pending record reached Kafka; NULL if none is Pending.',
    failing UInt64 COMMENT 'How many store SKUs have an unresolved failure.',
    authorization_ends_at Nullable(DateTime64(3, 'UTC')) COMMENT 'When the authorization of the seller ends; NULL if unknown.'
)
DEFINER = CURRENT_USER SQL SECURITY DEFINER
AS
SELECT channel, shop_id,
    max(a_name) AS shop_name,
    max(a_state) AS state,
    if(max(a_since) = toDateTime64(0, 3, 'UTC'), NULL, max(a_since)) AS since,
    if(max(a_until) = toDateTime64(0, 3, 'UTC'), NULL, max(a_until)) AS until,
    max(a_code) AS code,
    max(a_message) AS message,
    sum(a_waiting) AS waiting,
    if(max(a_oldest) = toDateTime64(0, 3, 'UTC'), NULL, max(a_oldest)) AS oldest_waiting_at,
    sum(a_failing) AS failing,
    if(max(a_ends) = toDateTime64(0, 3, 'UTC'), NULL, max(a_ends)) AS authorization_ends_at
FROM
(
    -- A shop has one row of each source, apart from facts, and the others' defaults are the least values.
    SELECT channel, shop_id, toString(text) AS a_name, {{.ShopOK}} AS a_state, toDateTime64(0, 3, 'UTC') AS a_since, toDateTime64(0, 3, 'UTC') AS a_until, '' AS a_code, '' AS a_message,
        toUInt64(0) AS a_waiting, toDateTime64(0, 3, 'UTC') AS a_oldest, toUInt64(0) AS a_failing, at AS a_ends
    FROM {{.Database}}.shop_facts FINAL
    UNION ALL
    SELECT channel, shop_id, '', state, since, until, toString(code), message, 0, toDateTime64(0, 3, 'UTC'), 0, toDateTime64(0, 3, 'UTC')
    FROM {{.Database}}.shop_states FINAL
    UNION ALL
    SELECT channel, shop_id, '', {{.ShopOK}}, toDateTime64(0, 3, 'UTC'), toDateTime64(0, 3, 'UTC'), '', '', 0, toDateTime64(0, 3, 'UTC'), 0, toDateTime64(0, 3, 'UTC')
    FROM {{.Database}}.store_sku_states
    WHERE newest_at > now64(3, 'UTC') - INTERVAL 30 DAY
    GROUP BY channel, shop_id
    UNION ALL
    SELECT channel, shop_id, '', {{.ShopOK}}, toDateTime64(0, 3, 'UTC'), toDateTime64(0, 3, 'UTC'), '', '', count(), min(triggered_at), 0, toDateTime64(0, 3, 'UTC')
    FROM {{.Database}}.pending_push_records
    GROUP BY channel, shop_id
    UNION ALL
    SELECT channel, shop_id, '', {{.ShopOK}}, toDateTime64(0, 3, 'UTC'), toDateTime64(0, 3, 'UTC'), '', '', 0, toDateTime64(0, 3, 'UTC'), uniqExact(store_sku), toDateTime64(0, 3, 'UTC')
    FROM {{.Database}}.failed_push_records
    GROUP BY channel, shop_id
)
GROUP BY channel, shop_id
SETTINGS {{.Settings}}
COMMENT 'One row per shop: its state and since when, what waits, what fails, and when its authorization ends.';
