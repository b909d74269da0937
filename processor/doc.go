// Package processor is the compacting stage: it reads stock events, keeps the
// newest of each store SKU while its window is open, and sends one command for
// each window, with a record of every event that was replaced.
//
// It owns the windows' clock, and the checks of an event that the codec cannot
// make. It knows neither marketplaces nor ClickHouse. A partition has one
// goroutine; an event's offset is resolved when Kafka has acknowledged all that
// the event resulted in.
package processor
