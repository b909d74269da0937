-- Writes it for the rows that are there, in the background.
ALTER TABLE {{.Database}}.store_sku_states MATERIALIZE COLUMN outcome_at;
