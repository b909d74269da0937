-- A store SKU's history needs a thousand rows of each part. Compressed in blocks of 8 KiB it reads little more than
-- those; in blocks of 64 KiB ten times as much. Parts that are there turn as they merge.
ALTER TABLE {{.Database}}.push_records MODIFY SETTING min_compress_block_size = 8192;
