package breaker_test

import (
	"bytes"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"stockpush/channels"
	"stockpush/channels/breaker"
	"stockpush/schemas"
)

var (
	healthy   = channels.Answer{Calls: 1, Verdicts: []channels.Verdict{{Outcome: channels.Confirmed}}}
	refused   = channels.Answer{Calls: 1, Verdicts: []channels.Verdict{{Outcome: channels.Refused, Code: schemas.ItemNotFound}}}
	failed    = channels.Answer{Calls: 1, Failure: true, Verdicts: []channels.Verdict{{Outcome: channels.Unknown, Code: schemas.TimedOut, Message: "no answer"}}}
	throttled = channels.Answer{Calls: 1, Verdicts: []channels.Verdict{{Outcome: channels.Refused, Code: schemas.RateLimited}}}
	unsent    = channels.Answer{Verdicts: []channels.Verdict{{Outcome: channels.Refused, Code: schemas.AuthorizationLost}}}
)

// after returns a breaker that received these answers, one after the other.
func after(t *testing.T, log *bytes.Buffer, answers ...channels.Answer) *breaker.Breaker {
	t.Helper()
	b := breaker.New(breaker.Config{FailureRatio: 0.5, MinCalls: 4, Window: time.Minute, ConsecutiveFailures: 3, OpenFor: 15 * time.Second}, slog.New(slog.NewTextHandler(log, nil)))
	for _, a := range answers {
		tell(t, b, &a)
	}
	return b
}

func tell(t *testing.T, b *breaker.Breaker, answer *channels.Answer) {
	t.Helper()
	done, err := b.Allow()
	require.NoError(t, err)
	b.Report(answer, done, time.Now())
}

func TestBreakerOpensByItsAnswers(t *testing.T) {
	type answers = []channels.Answer
	for _, c := range []struct {
		name          string
		answers       answers
		open, reached bool
	}{
		{"no call", nil, false, false},
		{"fewer failures than open it", answers{failed, failed}, false, false},
		{"consecutive failures", answers{failed, failed, failed}, true, false},
		{"a success between them", answers{healthy, healthy, healthy, failed, failed, healthy, failed}, false, true},
		{"half of the calls fail", answers{failed, healthy, failed, healthy, failed}, true, true},
		{"half of just as many calls as count", answers{healthy, failed, healthy, failed}, true, true},
		{"half of fewer calls", answers{healthy, failed, failed}, false, true},
		{"a refusal is a success of the channel", answers{failed, failed, refused, refused, refused, refused, failed}, false, true},
		{"throttled and unsent calls do not count", answers{failed, failed, throttled, unsent, throttled}, false, false},
		{"and do not separate failures", answers{failed, throttled, failed, unsent, failed}, true, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var log bytes.Buffer
				b := after(t, &log, c.answers...)
				wake, blocked := b.Blocked(0, time.Now())
				require.Equal(t, []bool{c.open, c.reached}, []bool{blocked, b.Reached})
				require.Equal(t, c.open, log.Len() > 0, log.String())
				if c.open {
					require.Equal(t, time.Now().Add(15*time.Second), wake)
					require.Equal(t, schemas.TimedOut, b.Failure.Code)
				}
			})
		})
	}
}

// An open breaker allows one call after a while, whose answer closes it or opens it again.
func TestOneCallDecidesAboutAnOpenBreaker(t *testing.T) {
	for name, c := range map[string]struct {
		answer channels.Answer
		open   bool
		logged string
	}{
		"success": {healthy, false, "breaker closed, shop reachable again"},
		"failure": {failed, true, "no answer"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var log bytes.Buffer
				b := after(t, &log, failed, failed, failed)
				require.Contains(t, log.String(), "breaker opened")
				<-time.After(15*time.Second + time.Millisecond)
				_, blocked := b.Blocked(0, time.Now())
				require.False(t, blocked)
				wake, blocked := b.Blocked(1, time.Now())
				require.True(t, blocked, "one call at a time")
				require.Zero(t, wake, "until it ends")
				tell(t, b, &c.answer)
				wake, blocked = b.Blocked(0, time.Now())
				require.Equal(t, c.open, blocked)
				require.Equal(t, c.open, wake.Equal(time.Now().Add(15*time.Second)), "it stays open as long again")
				require.Contains(t, log.String(), c.logged)
			})
		})
	}
}
