CREATE TABLE IF NOT EXISTS `d`.push_records ON CLUSTER 'main'
ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{shard}/d/push_records', '{replica}', version)
CREATE TABLE IF NOT EXISTS `d`.push_record_facts ON CLUSTER 'main'
ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{shard}/d/push_record_facts', '{replica}', version)
CREATE MATERIALIZED VIEW IF NOT EXISTS `d`.push_record_facts_feed ON CLUSTER 'main' TO `d`.push_record_facts
CREATE TABLE IF NOT EXISTS `d`.store_sku_states ON CLUSTER 'main'
ENGINE = ReplicatedAggregatingMergeTree('/clickhouse/tables/{shard}/d/store_sku_states', '{replica}')
CREATE MATERIALIZED VIEW IF NOT EXISTS `d`.store_sku_states_feed ON CLUSTER 'main' TO `d`.store_sku_states
CREATE TABLE IF NOT EXISTS `d`.failed_push_record_rows ON CLUSTER 'main'
ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{shard}/d/failed_push_record_rows', '{replica}')
CREATE MATERIALIZED VIEW IF NOT EXISTS `d`.failed_push_record_rows_feed ON CLUSTER 'main' TO `d`.failed_push_record_rows
CREATE TABLE IF NOT EXISTS `d`.rejected_event_rows ON CLUSTER 'main'
ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{shard}/d/rejected_event_rows', '{replica}')
CREATE TABLE IF NOT EXISTS `d`.trimmed_push_records ON CLUSTER 'main'
ENGINE = ReplicatedMergeTree('/clickhouse/tables/{shard}/d/trimmed_push_records', '{replica}')
CREATE TABLE IF NOT EXISTS `d`.push_stats_frozen ON CLUSTER 'main'
ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{shard}/d/push_stats_frozen', '{replica}')
CREATE TABLE IF NOT EXISTS `d`.push_stats_freezes ON CLUSTER 'main'
ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{shard}/d/push_stats_freezes', '{replica}')
CREATE TABLE IF NOT EXISTS `d`.push_progress_rows ON CLUSTER 'main'
ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{shard}/d/push_progress_rows', '{replica}', version)
CREATE TABLE IF NOT EXISTS `d`.shop_states ON CLUSTER 'main'
ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{shard}/d/shop_states', '{replica}', version)
CREATE OR REPLACE VIEW `d`.push_progress ON CLUSTER 'main'
CREATE OR REPLACE VIEW `d`.push_record_history ON CLUSTER 'main'
CREATE OR REPLACE VIEW `d`.pending_push_records ON CLUSTER 'main'
CREATE OR REPLACE VIEW `d`.store_sku_standings ON CLUSTER 'main'
CREATE OR REPLACE VIEW `d`.store_sku_push_status ON CLUSTER 'main'
CREATE OR REPLACE VIEW `d`.merchant_sku_push_status ON CLUSTER 'main'
CREATE OR REPLACE VIEW `d`.failed_push_records ON CLUSTER 'main'
CREATE OR REPLACE VIEW `d`.push_stats_live ON CLUSTER 'main'
CREATE OR REPLACE VIEW `d`.push_stats_hourly ON CLUSTER 'main'
CREATE OR REPLACE VIEW `d`.rejected_events ON CLUSTER 'main'
CREATE OR REPLACE VIEW `d`.push_stats_daily ON CLUSTER 'main'
CREATE OR REPLACE VIEW `d`.store_sku_push_stats_daily ON CLUSTER 'main'
CREATE TABLE IF NOT EXISTS `d`.shop_facts ON CLUSTER 'main'
ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{shard}/d/shop_facts', '{replica}', version)
CREATE OR REPLACE VIEW `d`.shop_push_status ON CLUSTER 'main'
CREATE TABLE IF NOT EXISTS `d`.audit_finding_rows ON CLUSTER 'main'
ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{shard}/d/audit_finding_rows', '{replica}', found_at)
CREATE OR REPLACE VIEW `d`.audit_findings ON CLUSTER 'main'
