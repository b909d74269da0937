package wire

import (
	"fmt"

	"stockpush/schemas/internal/protobuf"
)

// Our own messages are Protobuf fields behind one byte, the format's version.
// A reader ignores fields that it does not know, so a newer writer of the same version may add
// some.
const formatVersion = 1

// UnknownFormatError says that a message was written in a format that this
// build does not read.
type UnknownFormatError struct {
	// Version is the message's first byte; -1 for an empty message.
	Version int
}

func (e *UnknownFormatError) Error() string {
	return fmt.Sprintf("message format %d is not one that this build reads (it reads %d)", e.Version, formatVersion)
}

// fields returns a reader of a message's fields.
func fields(message []byte) protobuf.Reader {
	if len(message) == 0 {
		return protobuf.Reader{Err: &UnknownFormatError{-1}}
	}
	if message[0] != formatVersion {
		return protobuf.Reader{Err: &UnknownFormatError{int(message[0])}}
	}
	return protobuf.Reader{Tail: message[1:]}
}
