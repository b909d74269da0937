// Package worker is the pushing stage: one goroutine for each partition of the commands topic,
// which feeds the lanes of the partition's shops, runs their calls, and writes their outcomes.
//
// It owns the schedule of lanes, the circuit breakers, the order of writes (record, then state,
// then the command's offset), and the restore of a partition's state. Package lane decides what
// to push and what an answer means; a channels.Channel is the marketplace. The worker never reads
// ClickHouse.
package worker
