// Package sim is a deterministic simulation: the real processor, lanes and sink in several processes,
// on the virtual clock of testing/synctest, with an in-memory Kafka, marketplace and store that fail
// in every way at the worst moments.
//
// A seed determines everything that the world does (Plan, dice): when events come, which process is
// killed, stalled or evicted, or works on partitions that it has lost, the fate of every message,
// request, commit and batch, and when states are compacted. Only the order of goroutines within one
// instant is Go's, so a seed that failed once may pass; run it several times to analyse it.
//
// A ledger observes the world from outside and shares no logic with the product. It knows what was
// produced, and checks the invariants of processor/DESIGN.md while the world runs (order of sends,
// requests in flight, commits) and after it has healed (one final row per event, the newest quantity
// shown, no pending read-back, and a restart that pushes nothing again).
//
// The stand-ins for Kafka's client and group protocol (producer, group) are simpler than the originals:
// processor/stream is simulated from its owner upwards, and its poll loop has its own tests on a real
// protocol. Results of long runs are in RESULTS.md.
package sim
