// Package outbox sends what a partition's owner produces, in turns of two steps, and resolves the
// offsets of a turn when Kafka has acknowledged all of it.
//
// It owns the order of records and states, the grouping of records into messages, and what replaces
// a message that Kafka refuses. It starts no goroutine.
package outbox
