// Package sim is a deterministic simulation: the real processor, lanes and sink in
// several processes, on the virtual clock of testing/synctest, with a Kafka, a
// marketplace and a store in memory that do all that a real one may do at the
// worst moment.
//
// A seed decides everything that the world does (Plan, dice): what comes when, which
// process is killed, stalled, unheard of, or loses partitions that it goes on
// working on, what becomes of every message, request, commit and batch, when states are compacted. Only the
// order of goroutines within one instant is Go's, so a seed that failed once may
// pass; it is run several times when it is looked into.
//
// A ledger watches from outside and shares no logic with the product: it knows what
// was produced, and checks the invariants of processor/DESIGN.md while the world
// runs (order of sends, requests in flight, what a commit claims) and when it has
// healed (one final row each, the newest quantity shown, nothing owed, and a restart
// that pushes nothing again).
//
// What stands in for Kafka's client and group protocol (producer, group) is simpler
// than they are: processor/stream is simulated from its owner upwards, and its poll
// loop has tests of its own on a real protocol. Results of long runs are in RESULTS.md.
package sim
