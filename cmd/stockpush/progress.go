package main

import (
	"context"
	"os"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"

	"stockpush/cmd/internal/traffic"
	"stockpush/schemas"
)

// withProgress shows on a terminal how many events were stored; elsewhere it changes nothing.
// finish ends the line.
func (a *app) withProgress(send traffic.Send, pace traffic.Pace) (counted traffic.Send, finish func()) {
	out, ok := a.stderr.(*os.File)
	if !ok || !term.IsTerminal(int(out.Fd())) {
		return send, func() {}
	}
	total := int64(-1) // unknown until it is interrupted
	if pace.For > 0 {
		total = int64(pace.Rate*pace.For.Seconds()) + int64(pace.Burst)*int64(1+pace.For/time.Second)
	}
	bar := progressbar.NewOptions64(total, progressbar.OptionSetWriter(out), progressbar.OptionShowCount(), progressbar.OptionShowIts(),
		progressbar.OptionSetItsString("events"), progressbar.OptionSetDescription("producing"), progressbar.OptionThrottle(100*time.Millisecond))
	counted = func(ctx context.Context, e schemas.Event, settled func(error)) {
		send(ctx, e, func(err error) {
			_ = bar.Add(1) // a failing progress bar does no harm
			settled(err)
		})
	}
	return counted, func() { _ = bar.Exit() }
}
