package stream

import (
	"context"
	"log/slog"
	"time"

	"github.com/cenkalti/backoff/v5"
)

// maxRetryInterval is the longest time between two tries.
const maxRetryInterval = 5 * time.Second

// Retry repeats do with backoff while the cluster is unreachable, until ctx ends. It returns any
// other error at once. A nil logger logs nothing.
func Retry[T any](ctx context.Context, log *slog.Logger, do func() (T, error)) (T, error) {
	pace := backoff.NewExponentialBackOff()
	pace.MaxInterval = maxRetryInterval
	return backoff.Retry(ctx, func() (T, error) {
		value, err := do()
		if err != nil && !Unreachable(err) {
			err = backoff.Permanent(err)
		}
		return value, err
	}, backoff.WithBackOff(pace), backoff.WithMaxElapsedTime(0), backoff.WithNotify(func(err error, wait time.Duration) {
		if log != nil {
			log.Warn("kafka is unreachable, retrying (check kafka.brokers)", "wait", wait, "error", err)
		}
	}))
}
