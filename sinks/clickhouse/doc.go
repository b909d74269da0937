// Package clickhouse writes records to ClickHouse and maintains the schema.
//
// It owns the connection, migrations, inserts by column, and the jobs that trim records and freeze
// statistics. Every insert may be repeated: a row is identified by its record, not by its insert.
// Methods block on the network until their context ends. How fast the queries are is in
// cmd/lab/queries/RESULTS.md.
package clickhouse
