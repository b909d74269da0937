// Package stream is the runtime that the three stages share: a Kafka consumer
// group in which every assigned partition has one goroutine that owns it.
//
// It owns assignment, back-pressure, offsets, commits and the offsets that cannot
// be read. A partition whose owner is slow is paused, and no other waits for it.
// A revoked partition is drained and then committed; a lost one is dropped. The
// poll loop commits offsets up to the watermark while rebalances are blocked, so
// it never commits a partition that was taken away.
//
// Package kafka has the client, and package outbox sends what an owner produces.
// It knows no message's content.
package stream
