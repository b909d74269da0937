// Package schemas has the data that the stages exchange: the stock event that upstream sends,
// the command that a channel worker gets, the record of each event's outcome, the state of a
// store SKU, and the closed sets (reasons, statuses, failure codes) that they use.
//
// It owns names, orders and closed sets. Package stockevent has the encodings of the event, package
// wire those of our own messages. It does no I/O, reads no clock, starts no goroutine
// and imports none of our packages. Its values are plain data: concurrent use is safe as
// long as no value changes.
package schemas
