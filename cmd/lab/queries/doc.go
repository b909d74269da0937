// Package queries measures what the page and the API ask of ClickHouse, with many records. Everything
// here is a benchmark; `make bench` runs it.
package queries
