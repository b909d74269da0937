-- Where each store SKU stands but for what is Pending: its newest record, its newest outcome (Failed or
-- Successfully), its newest success. Each is a maximum that begins with its rank, the record's position and then its
-- status, so rows merge to the same whatever was written twice or in whatever order. What is Pending can't be kept so,
-- since it can be taken back: the view joins it.
--
-- Never read it with FINAL: it takes the parts of a tuple that are read from the first row, not from the greatest.
CREATE TABLE {{.Database}}.store_sku_states
(
    channel LowCardinality(String),
    shop_id UInt64,
    store_sku String,
    -- Tells store SKUs apart quickly; equal ones are compared in full.
    sku_hash SimpleAggregateFunction(any, UInt64),
    newest SimpleAggregateFunction(max, Tuple(rank UInt128, status Enum8('Pending' = 1, 'Skipped' = 2, 'Failed' = 3, 'Successfully' = 4), reason Enum8('Sync Order' = 1, 'Stock-In / Manual' = 2, 'Stock-In / Return-Scan' = 3, 'Stock-In / Return-Manual' = 4, 'Stock-In / Transfer' = 5, 'Stock-In / Purchase' = 6, 'Stock-Out / Manual' = 7, 'Stock-Out / Sale' = 8, 'Stock-Out / Transfer' = 9, 'Void Order' = 10, 'Revert Voided Order' = 11, 'Add/Change Mapping Relationships' = 12, 'Change Warehouse' = 13, 'Move to [To Pack]' = 14, 'Refresh Inventory' = 15, 'Click Push Now/ Push Manually' = 16, 'Stock Count' = 17), push_qty Int64, available Int64, promotion_reserved Int64, triggered_at DateTime64(3, 'UTC'), finished_at DateTime64(3, 'UTC'), merchant_sku String)),
    -- Rank 0 where there is none.
    outcome SimpleAggregateFunction(max, Tuple(rank UInt128, status Enum8('Pending' = 1, 'Skipped' = 2, 'Failed' = 3, 'Successfully' = 4), reason Enum8('Sync Order' = 1, 'Stock-In / Manual' = 2, 'Stock-In / Return-Scan' = 3, 'Stock-In / Return-Manual' = 4, 'Stock-In / Transfer' = 5, 'Stock-In / Purchase' = 6, 'Stock-Out / Manual' = 7, 'Stock-Out / Sale' = 8, 'Stock-Out / Transfer' = 9, 'Void Order' = 10, 'Revert Voided Order' = 11, 'Add/Change Mapping Relationships' = 12, 'Change Warehouse' = 13, 'Move to [To Pack]' = 14, 'Refresh Inventory' = 15, 'Click Push Now/ Push Manually' = 16, 'Stock Count' = 17), push_qty Int64, available Int64, promotion_reserved Int64, triggered_at DateTime64(3, 'UTC'), finished_at DateTime64(3, 'UTC'), failure_code String, failure_reason String)),
    succeeded SimpleAggregateFunction(max, UInt128),
    newest_at SimpleAggregateFunction(max, DateTime64(3, 'UTC'))
)
ENGINE = AggregatingMergeTree
ORDER BY (channel, shop_id, store_sku)
TTL toDateTime(newest_at) + INTERVAL 31 DAY
-- Small beside the records, and the page's list reads all of it: old parts are merged early.
SETTINGS index_granularity = 1024, min_age_to_force_merge_seconds = 120;
