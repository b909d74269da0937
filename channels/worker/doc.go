// Package worker is the pushing stage: one goroutine for each partition of the commands topic,
// which feeds the lanes of the partition's shops, runs their calls, and writes their outcomes.
//
// It owns the scheduling of lanes, the circuit breakers, the order of what is written (record,
// then state, then the command's offset), and the restore of a partition's state. What to push
// and what an answer means is package lane's; the marketplace is a channels.Channel. It never
// reads ClickHouse.
package worker
