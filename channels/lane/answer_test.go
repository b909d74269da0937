package lane_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"stockpush/channels"
	"stockpush/channels/lane"
	"stockpush/schemas"
)

// treatments say what a refused push does at its first try, by failure code.
var treatments = map[schemas.FailureCode]string{
	schemas.AuthorizationLost:     "fails",
	schemas.PermissionDenied:      "fails",
	schemas.SignatureRejected:     "fails",
	schemas.IPNotAllowed:          "fails",
	schemas.RateLimited:           "is retried, throttled",
	schemas.DailyQuotaExhausted:   "is retried, throttled",
	schemas.ChannelUnavailable:    "is retried",
	schemas.TimedOut:              "is retried",
	schemas.ItemNotFound:          "fails",
	schemas.ModelNotFound:         "fails",
	schemas.ItemNotEditable:       "fails",
	schemas.ListingMismatch:       "fails",
	schemas.BelowPromotionReserve: "fails",
	schemas.PromotionLocked:       "fails",
	schemas.HolidayMode:           "fails",
	schemas.ShopRestricted:        "fails",
	schemas.FulfilledByChannel:    "fails",
	schemas.LocationMismatch:      "fails",
	schemas.InvalidQuantity:       "fails",
	schemas.Expired:               "fails",
	schemas.UnknownFailure:        "is retried",
}

func TestTreatmentByFailureCode(t *testing.T) {
	for _, code := range schemas.FailureCodes() {
		for scope, holds := range map[channels.Scope]bool{channels.ScopeModel: false, channels.ScopeShop: true, channels.ScopeApp: false} {
			s := newShop(t)
			s.offer("a", 1)
			v := refused(code)
			v.Scope = scope
			written := s.pushed(s.push(), v)
			got := "is retried"
			if len(written) > 0 {
				got = "fails"
				require.Equal(t, []string{"a e1 Failed " + string(code) + ", state, settles [1]"}, written)
			} else {
				require.Equal(t, 1, s.result.Retries)
			}
			if s.result.Throttled != nil {
				got += ", throttled"
				require.Equal(t, v, *s.result.Throttled)
			}
			require.Equal(t, treatments[code], got, "%s of scope %d", code, scope)
			_, held := s.lane.Held()
			require.Equal(t, holds && code.Class() != schemas.ClassThrottle, held, "%s of scope %d", code, scope)
		}
	}
}

func TestEachModelOfACallHasItsOwnVerdict(t *testing.T) {
	s := newShop(t)
	for model := range int64(4) {
		s.offer(string(rune('a'+model)), 10+model, of(1, model))
	}
	require.Equal(t, []string{
		"a e1 Successfully 10, state, settles [1]",
		"c e3 Failed item_not_found, state, settles [3]",
	}, s.pushed(s.push(), confirmed(10), unknown(schemas.UnknownFailure), refused(schemas.ItemNotFound), confirmed(99)))
	require.Equal(t, 2, s.result.Retries, "a quantity other than the one sent is an unknown outcome")
	require.NotNil(t, s.sku("b").Readback)
	require.Equal(t, []int64{13}, s.sku("d").Readback.Lost)
}

func TestRefusalThatIsNotKnownIsTriedThreeTimes(t *testing.T) {
	for _, code := range []schemas.FailureCode{schemas.UnknownFailure, "", "a new word"} {
		s := newShop(t)
		s.offer("a", 1)
		require.Empty(t, s.pushed(s.push(), refused(code)))
		s.wait(time.Hour)
		require.Empty(t, s.pushed(s.start(lane.Push), refused(code)))
		s.wait(time.Hour)
		require.Equal(t, []string{"a e1 Failed unknown, state, settles [1]"}, s.pushed(s.start(lane.Push), refused(code)))
		require.Equal(t, uint16(3), recordOf(&s.result.Outcomes[0]).Attempts)
	}
}

func TestUnknownOutcomeIsRetriedUntilThePushIsTooOld(t *testing.T) {
	for _, code := range []schemas.FailureCode{schemas.TimedOut, schemas.ItemNotFound, schemas.UnknownFailure, ""} {
		s := newShop(t, func(c *lane.Config) { c.MaxPendingAge = time.Hour })
		s.offer("a", 1)
		queued := s.now
		tries := 0
		var written []string
		for c := s.push(); ; c = s.start(lane.Push) {
			tries++
			if written = s.pushed(c, unknown(code)); len(written) > 0 {
				break
			}
			for s.want() == lane.Nothing {
				require.Positive(t, s.wake())
				s.wait(s.wake())
			}
		}
		want := code
		if want == "" {
			want = schemas.UnknownFailure
		}
		require.Equal(t, []string{"a e1 Failed " + string(want) + ", state, settles [1]"}, written)
		require.Greater(t, tries, 80)
		require.Greater(t, s.now.Sub(queued), time.Hour)
		require.Less(t, s.now.Sub(queued), time.Hour+time.Minute)
	}
}

func TestPushThatIsTooOldHasOneMoreTry(t *testing.T) {
	for name, tt := range map[string]struct {
		age    time.Duration
		answer channels.Answer
		want   []string
	}{
		"not too old": {maxPendingAge, channels.Answer{Calls: 1, Verdicts: []channels.Verdict{refused(schemas.RateLimited)}}, nil},
		"its last answer": {
			maxPendingAge + 1, channels.Answer{Calls: 1, Verdicts: []channels.Verdict{refused(schemas.RateLimited)}},
			[]string{"a e1 Failed rate_limited, state, settles [1]"},
		},
		"no answer": {
			maxPendingAge + 1, channels.Answer{Calls: 0, Verdicts: []channels.Verdict{refused(schemas.RateLimited)}},
			[]string{"a e1 Failed expired, state, settles [1]"},
		},
		"success": {
			maxPendingAge + 1, channels.Answer{Calls: 1, Verdicts: []channels.Verdict{confirmed(1)}},
			[]string{"a e1 Successfully 1, state, settles [1]"},
		},
	} {
		s := newShop(t)
		s.offer("a", 1)
		s.wait(tt.age)
		require.Equal(t, tt.want, s.answer(s.start(lane.Push), tt.answer), name)
	}
}

func TestLastTryOfAPushIsSupersededToo(t *testing.T) {
	s := newShop(t)
	s.offer("a", 1)
	s.wait(maxPendingAge + 1)
	c := s.start(lane.Push)
	s.offer("a", 2)
	require.Equal(t, []string{"a e1 Skipped by e2, settles [1]"}, s.pushed(c, refused(schemas.RateLimited)))
}

func TestBackoffGrowsAndIsBounded(t *testing.T) {
	s := newShop(t)
	s.offer("a", 1)
	var waits []time.Duration
	for c := s.push(); len(waits) < 200; c = s.start(lane.Push) {
		s.pushed(c, refused(schemas.ChannelUnavailable))
		waits = append(waits, s.wake())
		s.wait(s.wake())
	}
	for i, w := range waits {
		require.Positive(t, w)
		require.LessOrEqual(t, w, 45*time.Second, "30 s and its jitter")
		if i > 20 {
			require.Greater(t, w, 10*time.Second)
		}
	}
	require.Less(t, waits[0], time.Second)
}

func TestRequestsOfACallAreAttempts(t *testing.T) {
	s := newShop(t)
	s.offer("a", 1)
	s.answer(s.push(), channels.Answer{Calls: 2, Verdicts: []channels.Verdict{confirmed(1)}})
	require.Equal(t, uint16(2), recordOf(&s.result.Outcomes[0]).Attempts)
}
