package pushrecords

import (
	"context"
	"errors"
	"fmt"

	"github.com/ClickHouse/clickhouse-go/v2"
)

// ParameterError reports an invalid parameter by its name in URLs.
type ParameterError struct {
	Name, Problem string
}

// Error returns the parameter's name and the problem.
func (e *ParameterError) Error() string { return e.Name + ": " + e.Problem }

func badParameter(name, format string, values ...any) error {
	return &ParameterError{name, fmt.Sprintf(format, values...)}
}

// ErrUnavailable reports that ClickHouse does not answer, does not answer in time, or has no schema
// yet.
var ErrUnavailable = errors.New("clickhouse is not available")

// errTimeout is the cause of a query's cancellation.
var errTimeout = errors.New("the query took too long")

// Codes of ClickHouse's errors that are temporary or not caused by the query.
const (
	codeUnknownTable       = 60
	codeUnknownDatabase    = 81
	codeTimeoutExceeded    = 159
	codeTooManyQueries     = 202
	codeMemoryLimit        = 241
	codeAuthenticationFail = 516
)

// classify wraps an error of ClickHouse with the failed action, and with ErrUnavailable unless the
// server refused the query itself.
func classify(ctx context.Context, asked string, err error) error {
	if err == nil {
		return nil
	}
	if errors.Is(context.Cause(ctx), errTimeout) {
		return fmt.Errorf("%s: %w: %w", asked, ErrUnavailable, errTimeout)
	}
	if ctx.Err() != nil {
		return fmt.Errorf("%s: %w", asked, err)
	}
	refused, ok := errors.AsType[*clickhouse.Exception](err)
	if !ok {
		return fmt.Errorf("%s: %w (is it running? check clickhouse.addr): %w", asked, ErrUnavailable, err)
	}
	switch refused.Code {
	case codeUnknownTable, codeUnknownDatabase:
		return fmt.Errorf("%s: %w: the schema is missing (run `stockpush setup`): %w", asked, ErrUnavailable, err)
	case codeTimeoutExceeded, codeTooManyQueries, codeMemoryLimit, codeAuthenticationFail:
		return fmt.Errorf("%s: %w: %w", asked, ErrUnavailable, err)
	default:
		return fmt.Errorf("%s: %w", asked, err)
	}
}
