package sim

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// run runs one seed in its own bubble. STOCKPUSH_SIM_TRACE=1 prints what happens.
func run(t *testing.T, seed uint64, defect Defect) (r Result) {
	synctest.Test(t, func(*testing.T) {
		plan := NewPlan(seed)
		if os.Getenv("STOCKPUSH_SIM_TRACE") != "" {
			plan.Trace = func(line string) { fmt.Println(line) }
		}
		r = Run(plan, defect)
	})
	return r
}

// setting reads a number from the environment.
func setting(t *testing.T, name string, otherwise uint64) uint64 {
	text := os.Getenv(name)
	if text == "" {
		return otherwise
	}
	n, err := strconv.ParseUint(text, 10, 64)
	require.NoError(t, err, name)
	return n
}

// New seeds on every run: as many as fit into a few seconds, or STOCKPUSH_SIM_SEEDS of them from
// STOCKPUSH_SIM_FIRST on (`make sim`).
func TestNoScheduleBreaksAnInvariant(t *testing.T) {
	const bounded, atMost = 10 * time.Second, 2000
	asked := setting(t, "STOCKPUSH_SIM_SEEDS", 0)
	first := setting(t, "STOCKPUSH_SIM_FIRST", uint64(time.Now().UnixNano()))
	began := time.Now()
	var mu sync.Mutex
	next, injected := uint64(0), map[string]int{}
	take := func() (seed uint64, more bool) {
		mu.Lock()
		defer mu.Unlock()
		if asked > 0 && next == asked || asked == 0 && (next == atMost || time.Since(began) > bounded) {
			return 0, false
		}
		next++
		return first + next - 1, true
	}
	t.Run("schedules", func(t *testing.T) {
		for worker := range 4 {
			t.Run(fmt.Sprint(worker), func(t *testing.T) {
				t.Parallel()
				for seed, more := take(); more; seed, more = take() {
					r := run(t, seed, None)
					if len(r.Violations) > 0 {
						t.Errorf("seed %d (run it again: make sim SEEDS=1 FIRST=%d):\n  %s", seed, seed, strings.Join(r.Violations, "\n  "))
					}
					mu.Lock()
					for what, n := range r.Injected {
						injected[what] += n
					}
					mu.Unlock()
				}
			})
		}
	})
	t.Logf("%d schedules from seed %d in %v", next, first, time.Since(began).Round(time.Second))
	for _, what := range slices.Sorted(maps.Keys(injected)) {
		t.Logf("%8d %s", injected[what], what)
	}
}

// Seeds that failed once, with the defect they found. Each defect also has a test of its own, since
// a seed means another schedule once plans are drawn differently.
func TestSeedsThatFailedOnce(t *testing.T) {
	for seed, found := range map[uint64]string{
		24:                  "the next owner assumed that a waiting command was in progress, and never pushed it",
		367:                 "a read-back that was due at a handover waited for the next command",
		218:                 "a state that waited for its record's acknowledgement overwrote the state without the read-back",
		124:                 "a new owner sent an older event before it had read that a newer one had been sent",
		69:                  "a worker that had lost its partition overwrote the new owner's state",
		393:                 "two requests were lost, the earlier one was applied last and was taken for a purchase",
		5044:                "an older quantity that was applied late stayed, because its repair push was refused once",
		1002717:             "after a crash a skipped event did not count as news, and a repeat of older news won",
		1795628572543138089: "a frozen process's state was stored after its successor's, which Kafka then compacted away",
		1000315:             "an older push that ended late kept a store SKU that a hold had failed from being pushed again",
		1344:                "a producer's answer to a worker that was already dropped ended the whole stage",
	} {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			for range 3 {
				require.Empty(t, run(t, seed, None).Violations, found)
			}
		})
	}
}

// The simulation works: planted faults are found within some seeds. The search for those that few
// schedules show begins shortly before a seed that shows them.
func TestPlantedFaultsAreFound(t *testing.T) {
	const within = 1000
	begins := map[Defect]uint64{CompactsWrong: 20, BelievesReads: 30, ForgetsInherited: 275, BelievesMarks: 455}
	for defect, says := range map[Defect]string{
		AcknowledgesEarly: "invariant 5", LosesRecords: "invariant 5", CommitsAhead: "invariant 5",
		RefusedHeartbeats: "invariant 3", ForgetsStates: "waste", ForgetsInherited: "invariant", BelievesMarks: "invariant", BelievesReads: "invariant 2",
		CompactsWrong: "waste", ClaimsSuccess: "unconfirmed", ForgetsRows: "invariant 5",
	} {
		t.Run(string(defect), func(t *testing.T) {
			t.Parallel()
			first := max(1, begins[defect])
			for seed := first; seed < first+within; seed++ {
				r := run(t, seed, defect)
				if strings.Contains(strings.Join(r.Violations, "\n"), says) {
					t.Logf("found by seed %d: %s", seed, r.Violations[0])
					return
				}
			}
			require.Fail(t, "not found", "%d seeds", within)
		})
	}
}
