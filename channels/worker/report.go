package worker

import (
	"bytes"
	"time"

	"github.com/sony/gobreaker/v2"

	"stockpush/channels/due"
	"stockpush/channels/lane"
	"stockpush/channels/sku"
	"stockpush/processor/stream/kafka"
	"stockpush/schemas"
	"stockpush/schemas/wire"
)

// A worker reports what operators cannot see in records: what happened so far to a Pending push
// that was tried, and each shop's state. It reports once a second what changed since the last
// report, so a push that succeeds at once costs nothing.
//
// A shop's status is part of the state topic too, so that the next owner knows since when it has
// been so, and corrects it if that changed.

const (
	// observeInterval is the time between two looks at a worker's lanes.
	observeInterval = time.Second
	// statusKey begins the Kafka key of a shop's status in the state topic. No store SKU's key
	// begins with it.
	statusKey = "~shop/"
	// maxAnswerBytes is how much of an answer is retained until it is reported.
	maxAnswerBytes = 512
)

// reporting is what a worker reports next.
type reporting struct {
	// epoch is that of the reports' versions.
	epoch int64
	// at is when the worker looked last.
	at time.Time
	// tried are the pushes that were tried since and stay Pending.
	tried map[*sku.SKU]lane.Try
}

// noteTried remembers, and logs at debug, the answers after which pushes stay Pending.
func (w *worker) noteTried(tried []lane.Try) {
	for _, t := range tried {
		t.Code, t.Message = codeOf(t.Code), schemas.Cut(t.Message, maxAnswerBytes)
		w.reporting.tried[t.SKU] = t
		p := t.SKU.Waiting
		w.deps.Logger.Debug("push will be retried", "store_sku", t.SKU.Key.String(), "attempts", p.Attempts, "code", t.Code, "next", p.NotBefore)
	}
}

// observe looks at every shop, at most once a second because it reads everything that waits. It
// updates the metrics and reports what changed. again is when to look next; zero means after the
// next command or answer.
func (w *worker) observe(now time.Time) (again time.Time) {
	if next := w.reporting.at.Add(observeInterval); now.Before(next) {
		return next
	}
	w.reporting.at = now
	seen := snapshot{stopped: map[int64]schemas.ShopStatus{}}
	for _, sh := range w.shops {
		seen.add(sh, now)
		state := w.reportShop(sh, now)
		if state > schemas.ShopHeld { // these states end with time alone
			again = now.Add(observeInterval)
		}
		if state != schemas.ShopOK && state != schemas.ShopThrottled { // throttled is too short to be seen
			seen.stopped[sh.ID] = sh.reported
		}
	}
	w.reportTried(now)
	w.deps.Metrics.observed(w, seen)
	return again
}

// reportTried reports the pushes that were tried and still wait.
func (w *worker) reportTried(now time.Time) {
	for s, t := range w.reporting.tried {
		if p := s.Waiting; p != nil && p.Attempts > 0 && !p.IsRepair() {
			w.writing.report(&schemas.Report{
				Shop: s.Key.Shop(), StoreSKU: s.Key.StoreSKU, Version: w.reporting.version(now),
				Progress: &schemas.Progress{Position: p.Position, Attempts: p.Attempts, Code: t.Code, Answer: t.Message, Next: p.NotBefore},
			})
		}
	}
	clear(w.reporting.tried)
}

func (r *reporting) version(now time.Time) schemas.ReportVersion {
	return schemas.ReportVersion{Epoch: r.epoch, At: now}
}

func codeOf(c schemas.FailureCode) schemas.FailureCode {
	if c.Valid() {
		return c
	}
	return schemas.UnknownFailure
}

// reportShop reports a shop's status if it changed, and returns its state.
func (w *worker) reportShop(sh *shop, now time.Time) schemas.ShopState {
	status := w.statusOf(sh, now)
	if status.State == sh.reported.State {
		status.Since = sh.reported.Since
	}
	if status == sh.reported || status.State == schemas.ShopOK && sh.reported.State == 0 {
		return status.State
	}
	sh.reported = status
	w.writing.status(&schemas.Report{Shop: sh.Shop, Version: w.reporting.version(now), Status: &status})
	return status.State
}

// statusOf returns a shop's status. Of several states it is the one that must end before
// the shop is pushed again. Times are in milliseconds, as they are stored.
func (w *worker) statusOf(sh *shop, now time.Time) schemas.ShopStatus {
	s := schemas.ShopStatus{State: schemas.ShopOK, Since: now}
	by, limited := w.deps.Pacer.Limit(sh.turn, now)
	verdict, held := sh.lane.Held()
	switch {
	case sh.lane.Paused():
		s.State = schemas.ShopPaused
	case held:
		s.State, s.Until, s.Code, s.Message = schemas.ShopHeld, sh.lane.NextProbe(), codeOf(verdict.Code), verdict.Message
		if limited && by.Quota { // probes wait for it, too
			s.Until = due.Later(s.Until, by.Until)
		}
	case limited && by.Quota:
		s.State, s.Until, s.Code, s.Message = schemas.ShopQuotaExhausted, by.Until, schemas.DailyQuotaExhausted, by.Message
	case sh.breaker.State() != gobreaker.StateClosed:
		s.State, s.Until, s.Code, s.Message = schemas.ShopBreakerOpen, sh.breaker.OpenUntil, codeOf(sh.breaker.Failure.Code), sh.breaker.Failure.Message
	case limited:
		s.State, s.Until, s.Code, s.Message = schemas.ShopThrottled, by.Until, schemas.RateLimited, by.Message
	case sh.inherits(now):
		return sh.reported
	}
	s.Since, s.Until = s.Since.UTC().Truncate(time.Millisecond), s.Until.UTC().Truncate(time.Millisecond)
	return s
}

// inherits says whether the status that an earlier owner reported still holds. Each owner has a new
// breaker and new limits, but the shop is not well before a call has shown it.
func (sh *shop) inherits(now time.Time) bool {
	switch sh.reported.State {
	case schemas.ShopBreakerOpen:
		return !sh.breaker.Reached
	case schemas.ShopQuotaExhausted:
		return !sh.breaker.Reached && now.Before(sh.reported.Until)
	default:
		return false
	}
}

// restoreStatus takes a shop's status from the state topic; false if the message is none.
func (w *worker) restoreStatus(m *kafka.Record) bool {
	text, ok := bytes.CutPrefix(m.Key, []byte(statusKey))
	if !ok {
		return false
	}
	name, err := schemas.ParseShop(string(text))
	if err != nil {
		return true
	}
	sh := w.shop(name)
	_ = wire.DecodeRecordsAndReports(m.Value, nil, func(r *schemas.Report) error {
		if r.Status != nil {
			sh.reported = *r.Status
		}
		return nil
	}) // a status that cannot be read is written again
	w.visit(sh)
	return true
}

// report adds a report to the turn. Reports travel in messages of their own.
func (w *writing) report(r *schemas.Report) {
	w.reports.AddReport(r)
	w.outcomes++
}

// status adds a shop's status to the turn: as a report, and for the next owner.
func (w *writing) status(r *schemas.Report) {
	w.report(r)
	w.outcomes++
	w.stateMessage(statusKey+r.Shop.String(), wire.EncodeReport(r), noSource)
}
