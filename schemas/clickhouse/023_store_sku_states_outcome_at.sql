-- When the newest outcome was triggered, 1970 where there is none: with newest_at beside it, the page's order by time
-- reads two narrow columns. Rows without it have it computed.
ALTER TABLE {{.Database}}.store_sku_states ADD COLUMN IF NOT EXISTS outcome_at SimpleAggregateFunction(max, DateTime64(3, 'UTC')) DEFAULT if(outcome.rank > 0, outcome.triggered_at, toDateTime64(0, 3, 'UTC'));
