ALTER TABLE {{.Database}}.store_sku_states MODIFY SETTING min_compress_block_size = 8192;
