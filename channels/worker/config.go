package worker

import (
	"errors"
	"fmt"
	"time"

	"stockpush/channels"
	"stockpush/channels/breaker"
	"stockpush/channels/lane"
)

// Config is the configuration of the pushing stage.
type Config struct {
	// MaxPendingAge is channels.max_pending_age.
	MaxPendingAge time.Duration
	// ShopConcurrency is how many calls of one shop may be in flight.
	ShopConcurrency int
	// BatchLinger is how long a push waits for others of its item; 0 disables it.
	BatchLinger time.Duration
	// ProbeInterval is the time between probes of a held shop.
	ProbeInterval time.Duration
	// ConfirmAfter is the time from an unknown outcome to its read-back.
	ConfirmAfter time.Duration
	Breaker      breaker.Config
	// Shadow says that the channel's pushes change nothing: lane.Config.Shadow.
	Shadow bool
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

func (c *Config) lanes(channel channels.Channel) *lane.Config {
	return &lane.Config{
		MaxPendingAge: c.MaxPendingAge, Concurrency: c.ShopConcurrency, MaxLines: channel.MaxLines(),
		Linger: c.BatchLinger, ProbeInterval: c.ProbeInterval, ConfirmAfter: c.ConfirmAfter, Shadow: c.Shadow,
	}
}
