package pages

import (
	"crypto/rand"
	"sync"
	"time"
)

// maxJobs is how many re-pushes a console remembers; the oldest go first.
const maxJobs = 200

// job is a re-push that was started on the page.
type job struct {
	id       string
	at       time.Time
	eventIDs []string
	leftOut  []cause
}

// jobs remembers the re-pushes that this process started, so that their progress
// has a link. Nothing depends on it: every re-push is in ClickHouse as well.
type jobs struct {
	mu    sync.Mutex
	byID  map[string]job
	order []string
}

func newJobs() *jobs { return &jobs{byID: map[string]job{}} }

// add remembers a re-push and gives it its id.
func (j *jobs) add(started job) string {
	started.id = rand.Text()
	j.mu.Lock()
	defer j.mu.Unlock()
	j.byID[started.id] = started
	j.order = append(j.order, started.id)
	if len(j.order) > maxJobs {
		delete(j.byID, j.order[0])
		j.order = j.order[1:]
	}
	return started.id
}

func (j *jobs) find(id string) (job, bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	found, ok := j.byID[id]
	return found, ok
}
