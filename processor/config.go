package processor

import (
	"errors"
	"fmt"
	"time"
)

// Config sets the compacting stage. It has no defaults: those of the keys are the
// configuration's.
type Config struct {
	// Window is processor.window: how long after a store SKU's first event its
	// newest one is pushed. It must be positive.
	Window time.Duration
	// CatchUpWindow is processor.catch_up_window: how long windows last while their partition
	// is behind. It must be positive; one that is shorter than Window is Window.
	CatchUpWindow time.Duration
	// QuietPeriod is processor.quiet_period: a store SKU quiet this long is
	// pushed before its window ends. 0 is off.
	QuietPeriod time.Duration
	// MaxBufferedSKUs is processor.max_buffered_skus: how many store SKUs may
	// wait in this process; above it partitions pause until windows close.
	MaxBufferedSKUs int
}

// Validate names every key whose value is out of range.
func (c Config) Validate() error {
	var errs []error
	if c.Window <= 0 || c.Window > time.Hour {
		errs = append(errs, fmt.Errorf("processor.window: %v is not within (0, 1h]", c.Window))
	}
	if c.CatchUpWindow <= 0 || c.CatchUpWindow > time.Hour {
		errs = append(errs, fmt.Errorf("processor.catch_up_window: %v is not within (0, 1h]", c.CatchUpWindow))
	}
	if c.QuietPeriod < 0 || c.QuietPeriod > c.Window {
		errs = append(errs, fmt.Errorf("processor.quiet_period: %v is not within [0, processor.window]", c.QuietPeriod))
	}
	if c.MaxBufferedSKUs < 1 {
		errs = append(errs, fmt.Errorf("processor.max_buffered_skus: %d is less than 1", c.MaxBufferedSKUs))
	}
	return errors.Join(errs...)
}
