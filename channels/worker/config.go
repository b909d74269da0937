package worker

import (
	"errors"
	"fmt"
	"time"

	"stockpush/channels/breaker"
	"stockpush/channels/lane"
)

// Config is the configuration of the pushing stage.
type Config struct {
	// Config is that of the lanes. New sets MaxLines.
	lane.Config
	Breaker breaker.Config
	// RereadStates is how often an owner looks for states that an earlier owner wrote after its
	// own; 0 means every minute. It must be much shorter than schemas.StateCompactionLag.
	RereadStates time.Duration
}

// Validate names every invalid value.
func (c *Config) Validate() error {
	var errs []error
	positive := func(name string, value float64) {
		if value <= 0 {
			errs = append(errs, fmt.Errorf("%s: %v is not positive", name, value))
		}
	}
	positive("channels.max_pending_age", float64(c.MaxPendingAge))
	positive("shop_concurrency", float64(c.ShopConcurrency))
	positive("probe_interval", float64(c.ProbeInterval))
	positive("breaker.failure_ratio", c.Breaker.FailureRatio)
	positive("breaker.min_calls", float64(c.Breaker.MinCalls))
	positive("breaker.window", float64(c.Breaker.Window))
	positive("breaker.consecutive_failures", float64(c.Breaker.ConsecutiveFailures))
	positive("breaker.open_for", float64(c.Breaker.OpenFor))
	return errors.Join(errs...)
}
