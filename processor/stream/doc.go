// Package stream is the runtime that the three stages share: a Kafka consumer
// group in which every assigned partition has one goroutine that owns it.
//
// It owns assignment, back-pressure, offsets and commits. A partition whose
// owner is slow is paused, and no other waits for it. A revoked partition is
// drained first and then committed; a lost one is dropped. Offsets are
// committed only up to the watermark, by the poll loop, while rebalances are
// blocked: so no commit can be about a partition that is no longer ours.
//
// It refuses to know what records mean. franz-go is imported here and in cmd,
// nowhere else; stages use the aliases of this package.
package stream
