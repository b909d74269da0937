CREATE TABLE IF NOT EXISTS {{.Database}}.shop_states
(
    channel LowCardinality(String) COMMENT 'internal: marketplace: shopee.',
    shop_id UInt64 COMMENT 'internal: shop on the marketplace.',
    state {{.ShopState}} COMMENT 'internal: what the pushes of the shop wait for.',
    since DateTime64(3, 'UTC') COMMENT 'internal: when the state began.',
    until DateTime64(3, 'UTC') COMMENT 'internal: when the shop is tried again; 1970 if unknown.',
    code LowCardinality(String) COMMENT 'internal: failure code of the answer that caused the state; empty if none did.',
    message String COMMENT 'internal: message of that answer.',
    reported_at DateTime64(3, 'UTC') COMMENT 'internal: when the worker reported it.',
    version UInt128 COMMENT 'internal: owner and time of the report as one number; of the rows of a key the highest version counts.'
)
ENGINE = ReplacingMergeTree(version)
ORDER BY (channel, shop_id)
COMMENT 'internal: state of each shop, as workers report it when it changes. A shop without a row is ok.';
