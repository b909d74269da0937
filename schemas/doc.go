// Package schemas is the language that the stages speak: the stock event that
// upstream sends, the command that a channel worker gets, the record of what
// became of each event, the state of a store SKU, and the closed sets (reasons,
// statuses, failure codes) that they use.
//
// It owns names, validity and wire formats. It refuses I/O, clocks, goroutines
// and every import of ours. Its values are plain data; nothing here blocks, and
// everything is safe for concurrent use as long as no value is being changed.
package schemas
