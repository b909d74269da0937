package clickhouse

import (
	"errors"
	"slices"

	"github.com/ClickHouse/ch-go"
	"github.com/ClickHouse/ch-go/proto"

	"stockpush/sinks"
)

// rowFaults are exceptions that only a row's values cause, never an outdated schema or an
// overloaded server. A retry does not help.
var rowFaults = []proto.Error{
	proto.ErrViolatedConstraint, proto.ErrFunctionThrowIfValueIsNonZero,
	proto.ErrValueIsOutOfRangeOfDataType, proto.ErrArgumentOutOfBound, proto.ErrDecimalOverflow, proto.ErrIllegalDivision,
	proto.ErrUnknownElementOfEnum, proto.ErrCannotInsertNullInOrdinaryColumn, proto.ErrIncorrectData, proto.ErrCannotConvertType,
	proto.ErrTooLargeStringSize, proto.ErrTooLargeArraySize,
	proto.ErrCannotParseText, proto.ErrCannotParseDate, proto.ErrCannotParseDatetime, proto.ErrCannotParseNumber,
	proto.ErrCannotParseInputAssertionFailed,
}

// judged turns an exception that a row causes into a sinks.RefusedError.
func judged(err error) error {
	exception, ok := errors.AsType[*ch.Exception](err)
	if ok && slices.Contains(rowFaults, exception.Code) {
		return &sinks.RefusedError{Err: err}
	}
	return err
}
