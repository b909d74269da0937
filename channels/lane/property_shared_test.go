package lane_test

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"stockpush/channels"
	"stockpush/schemas"
)

// TestModelOfSeveralStoreSKUsShowsTheLastCommand loses answers and refuses calls.
func TestModelOfSeveralStoreSKUsShowsTheLastCommand(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		w := newWorld(r)
		w.cfg.MaxPendingAge = 1000 * maxPendingAge
		verdict := func(line channels.Line) channels.Verdict {
			return rapid.SampledFrom([]channels.Verdict{confirmed(line.Qty), unknown(schemas.TimedOut), refused(schemas.RateLimited), refused(schemas.ItemNotEditable)}).Draw(r, "verdict")
		}
		read := verdictOfItem{func() channels.Verdict {
			return rapid.SampledFrom([]channels.Verdict{{Outcome: channels.Confirmed}, unknown(schemas.TimedOut)}).Draw(r, "read")
		}}
		r.Repeat(map[string]func(*rapid.T){
			"event": func(*rapid.T) {
				name := rapid.SampledFrom(names).Draw(r, "store SKU")
				w.add(name, w.command(name, rapid.Int64Range(0, 9).Draw(r, "qty"), of(1, 7)))
			},
			"time":    func(*rapid.T) { w.pass() },
			"start":   func(*rapid.T) { w.startCall() },
			"linger":  func(*rapid.T) { w.wait(linger); w.applyLate(); w.startCall() },
			"end":     func(*rapid.T) { w.endCall(verdict, read) },
			"end too": func(*rapid.T) { w.endCall(verdict, read) },
			"restart": func(*rapid.T) { w.restart() },
		})
		w.finish()
		for _, c := range slices.Backward(w.commands) {
			if w.ended[c.Position.Offset].Status != schemas.Successfully {
				continue
			}
			for s := range w.lane.SKUs() {
				if s.Last.Position == c.Position { // otherwise a newer event of its store SKU failed
					require.Equal(r, c.PushQty(), w.stock[model{1, 7}])
				}
			}
			return
		}
	})
}
