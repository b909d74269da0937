package stream

import (
	"context"
	"log/slog"
	"time"

	"github.com/cenkalti/backoff/v5"
)

// maxRetryInterval is how far apart tries get.
const maxRetryInterval = 5 * time.Second

// Retry does something again until the cluster can be reached, or ctx ends. An
// error that waiting does not mend is returned at once. A nil logger says nothing.
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
			log.Warn("kafka cannot be reached, waiting for it (check kafka.brokers)", "wait", wait, "error", err)
		}
	}))
}
