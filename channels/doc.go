// Package channels is the pushing stage: a lane per shop takes the newest
// command of each store SKU, pushes it through a Channel, and records what
// became of it.
//
// It owns the order of pushes, waiting (rate limits, breakers, holds, retries),
// outcomes, and the state topic. It refuses to know any marketplace: those are
// packages below it that implement Channel. It never reads ClickHouse.
package channels
