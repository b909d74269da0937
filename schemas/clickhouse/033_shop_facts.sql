CREATE TABLE IF NOT EXISTS {{.Database}}.shop_facts
(
    channel LowCardinality(String) COMMENT 'internal: marketplace: shopee.',
    shop_id UInt64 COMMENT 'internal: shop on the marketplace.',
    fact LowCardinality(String) COMMENT 'internal: what is known: name or authorization_ends_at.',
    text String COMMENT 'internal: value of a fact that is a text.',
    at DateTime64(3, 'UTC') COMMENT 'internal: value of a fact that is a time.',
    version UInt128 COMMENT 'internal: owner and time of the report as one number; of the rows of a key the highest version counts.'
)
ENGINE = ReplacingMergeTree(version)
ORDER BY (channel, shop_id, fact)
COMMENT 'internal: names of shops, and the ends of their authorizations.';
