package channels

import (
	"errors"
	"fmt"
	"time"
)

// Config sets the pushing stage; the keys are the contract's.
type Config struct {
	// MaxPendingAge is channels.max_pending_age.
	MaxPendingAge time.Duration
	// ShopRate and AppRate are calls a second of every kind.
	ShopRate, AppRate float64
	// ShopConcurrency is how many calls of one shop may be in flight.
	ShopConcurrency int
	// BatchLinger is how long a push waits for others of its item.
	BatchLinger time.Duration
	// ProbeInterval is how often a held shop is tried again.
	ProbeInterval time.Duration
	// ConfirmAfter is how long after a lost request was given up a read-back counts.
	ConfirmAfter time.Duration
	Breaker      BreakerConfig
	// RereadStates is how often an owner looks whether an earlier one wrote over its
	// states; 0 is every minute. It must be much less than Kafka waits before it compacts them.
	RereadStates time.Duration
}

// BreakerConfig sets the circuit breaker of each shop.
type BreakerConfig struct {
	// FailureRatio opens it, once there were MinCalls calls within Window.
	FailureRatio float64
	MinCalls     int
	Window       time.Duration
	// OpenFor is how long it stays open before one call is tried.
	OpenFor time.Duration
}

// DefaultConfig is the contract's.
func DefaultConfig() Config {
	return Config{
		MaxPendingAge: 24 * time.Hour, ShopRate: 5, AppRate: 20, ShopConcurrency: 4,
		BatchLinger: 20 * time.Millisecond, ProbeInterval: time.Minute, ConfirmAfter: 10 * time.Second,
		Breaker: BreakerConfig{FailureRatio: 0.5, MinCalls: 4, Window: 30 * time.Second, OpenFor: 10 * time.Second},
	}
}

// Validate names every value that no lane can work with.
func (c Config) Validate() error {
	var errs []error
	positive := func(name string, value float64) {
		if value <= 0 {
			errs = append(errs, fmt.Errorf("%s: %v is not positive", name, value))
		}
	}
	positive("channels.max_pending_age", float64(c.MaxPendingAge))
	positive("shop_rate", c.ShopRate)
	positive("app_rate", c.AppRate)
	positive("shop_concurrency", float64(c.ShopConcurrency))
	positive("probe_interval", float64(c.ProbeInterval))
	positive("breaker.failure_ratio", c.Breaker.FailureRatio)
	positive("breaker.min_calls", float64(c.Breaker.MinCalls))
	positive("breaker.window", float64(c.Breaker.Window))
	positive("breaker.open_for", float64(c.Breaker.OpenFor))
	return errors.Join(errs...)
}
