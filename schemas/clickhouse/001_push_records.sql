-- The outcome of every trigger. A record's identity is its sorting key. Of its rows, the one with
-- the highest version, which is the rank of its status, counts.
CREATE TABLE IF NOT EXISTS {{.Database}}.push_records
(
    channel LowCardinality(String) COMMENT 'Marketplace: shopee.',
    shop_id UInt64 COMMENT 'Shop on the marketplace.',
    store_sku String COMMENT 'Seller SKU in the store, as the event names it.',
    merchant_sku String COMMENT 'Merchant SKU that the store SKU is mapped to; empty if the event named none.',
    item_id UInt64 COMMENT 'Marketplace item that the store SKU is listed as.',
    model_id UInt64 COMMENT 'Model of the item; 0 for an item without models.',
    location_id LowCardinality(String) COMMENT 'Marketplace warehouse location; empty for the default one.',
    event_id String COMMENT 'Id of the stock event, as upstream chose it.',
    retry_of String COMMENT 'event_id of the failed record that this event pushes again; empty if it is no retry.',
    repeats_offset Nullable(Int64) COMMENT 'event_offset of the record whose quantities this event repeats; NULL if it repeats nothing.',
    reason {{.Reason}} COMMENT 'What triggered the event.',
    status {{.Status}} COMMENT 'Outcome: Pending, Skipped (a newer event replaced it), Failed or Successfully.',
    available Int64 COMMENT 'Available stock after the trigger, as sent; negative means oversold and counts as 0.',
    promotion_reserved Int64 COMMENT 'Stock reserved for promotions in this store.',
    push_qty Int64 COMMENT 'Quantity to push: available (at least 0) plus promotion_reserved.',
    before_qty Nullable(Int64) COMMENT 'Last quantity that Shopee confirmed before this push; NULL if unknown.',
    after_qty Nullable(Int64) COMMENT 'Quantity that Shopee confirmed; NULL unless Successfully.',
    promotion_floor Nullable(Int64) COMMENT 'Quantity that a promotion reserves, if Shopee named it when it refused the push.',
    failure_code LowCardinality(String) COMMENT 'Why the push failed; empty unless Failed.',
    failure_reason String COMMENT 'Message of the refusal, at most 2 KiB; empty unless Failed.',
    superseded_by String COMMENT 'event_id of the newer event that replaced this one; empty unless Skipped.',
    superseded_by_offset Nullable(Int64) COMMENT 'event_offset of the newer event that replaced this one; NULL unless Skipped.',
    attempts UInt16 COMMENT 'Calls to Shopee that carried this push, since its worker last started.',
    request_id String COMMENT 'Shopee request_id of the last call.',
    log_id UInt16 COMMENT 'Log generation of the events topic; of two events the one with the higher log_id is newer.',
    event_partition Int32 COMMENT 'Partition of the event in the events topic.',
    event_offset Int64 COMMENT 'Offset of the event in its partition; within a log_id the higher one is newer.',
    occurred_at DateTime64(3, 'UTC') COMMENT 'When the stock changed, as upstream says.',
    triggered_at DateTime64(3, 'UTC') COMMENT 'When the event reached Kafka; records are kept for 30 days from here.',
    queued_at DateTime64(3, 'UTC') COMMENT 'When the push command was issued; 1970 if the event was skipped before.',
    finished_at DateTime64(3, 'UTC') COMMENT 'When the outcome became final; 1970 while Pending.',
    requested_by LowCardinality(String) COMMENT 'Name of the requester of the event; empty if it has none.',
    version UInt8 COMMENT 'Rank of the status; among the rows of a record the highest version counts.'
)
ENGINE = ReplacingMergeTree(version)
-- By the event's week, never by shop: all rows of a record are in one partition, and old weeks are
-- dropped as a whole.
PARTITION BY toMonday(triggered_at)
ORDER BY (channel, shop_id, store_sku, log_id, event_offset, event_partition)
TTL toDateTime(triggered_at) + INTERVAL 30 DAY
-- The history of a store SKU needs a thousand rows of each part. Blocks of 8 KiB read little more
-- than these; blocks of 64 KiB would read ten times as much.
SETTINGS index_granularity = 1024, min_compress_block_size = 8192
COMMENT 'Outcome of every stock event, as it was written: a record can have several rows; the one with the highest version counts. Query the views instead.';
