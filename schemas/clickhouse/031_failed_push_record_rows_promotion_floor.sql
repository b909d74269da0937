ALTER TABLE {{.Database}}.failed_push_record_rows ADD COLUMN IF NOT EXISTS promotion_floor Nullable(Int64) AFTER after_qty;
