-- The quantity that a promotion reserves, where Shopee's refusal names it. Only metadata changes: rows that are there have none.
ALTER TABLE {{.Database}}.push_records ADD COLUMN IF NOT EXISTS promotion_floor Nullable(Int64) AFTER after_qty;
