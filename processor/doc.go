// Package processor is the compacting stage: it reads stock events, keeps the
// newest of each store SKU while its window is open, and sends on one command a
// window, with a record of every event that was replaced.
//
// It owns the windows' clock, dead letters, and what counts as a bad event
// beyond what the codec sees. It refuses to know marketplaces and ClickHouse. A
// Handler runs in the one goroutine of its partition; an event's offset is
// resolved when all that the event produced is acknowledged by Kafka.
package processor
