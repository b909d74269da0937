ALTER TABLE {{.Database}}.failed_push_record_rows MODIFY SETTING min_compress_block_size = 8192;
