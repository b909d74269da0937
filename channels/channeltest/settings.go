package channeltest

import (
	"time"

	"stockpush/channels/breaker"
	"stockpush/channels/lane"
	"stockpush/channels/pacer"
	"stockpush/channels/worker"
)

// Settings are a stage's configuration with the rates of its pacer, in calls a second.
type Settings struct {
	worker.Config
	ShopRate, AppRate float64
}

// Pacer makes a pacer of the rates.
func (s Settings) Pacer() *pacer.Pacer { return pacer.New(s.ShopRate, s.AppRate) }

// Defaults are settings for tests.
func Defaults() Settings {
	return Settings{ShopRate: 5, AppRate: 20, Config: worker.Config{
		Config: lane.Config{
			MaxPendingAge: 24 * time.Hour, ShopConcurrency: 4, BatchLinger: 20 * time.Millisecond, ProbeInterval: time.Minute, ConfirmAfter: 10 * time.Second,
		},
		Breaker: breaker.Config{FailureRatio: 0.5, MinCalls: 4, Window: 30 * time.Second, ConsecutiveFailures: 10, OpenFor: 10 * time.Second},
	}}
}
