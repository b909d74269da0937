// Package wire is the format of the messages between our stages: commands, records in chains,
// states and reports.
//
// It owns the format's version and its compatibility. Packed events, records and states wait
// encoded and are read only as far as needed. What the values mean belongs to package schemas.
package wire
