// Package queries measures the console's and the API's queries with many records. `make bench` runs
// it. Results are in RESULTS.md.
package queries
