package console

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"

	"stockpush/cmd/internal/console/shown"
	"stockpush/cmd/internal/eventlog"
	"stockpush/cmd/internal/pushrecords"
	"stockpush/cmd/internal/retry"
	"stockpush/processor/stream/kafka"
)

// problem is an RFC 9457 problem document.
type problem struct {
	Title  string `json:"title"`
	Status int    `json:"status"`
	// Detail is a text for humans.
	Detail string `json:"detail,omitempty"`
	// Parameter names the wrong parameter; empty if none is.
	Parameter string `json:"parameter,omitempty"`
}

func (p problem) write(w http.ResponseWriter) {
	if p.Title == "" {
		p.Title = http.StatusText(p.Status)
	}
	if p.Status == http.StatusServiceUnavailable {
		w.Header().Set("Retry-After", "5")
	}
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(p.Status)
	_ = json.NewEncoder(w).Encode(p) // the client may have disconnected
}

// problemOf returns an error's document, without internals.
func problemOf(err error) problem {
	if bad, ok := errors.AsType[*pushrecords.ParameterError](err); ok {
		return problem{Status: http.StatusBadRequest, Detail: bad.Error(), Parameter: bad.Name}
	}
	if tooLarge, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return problem{Status: http.StatusRequestEntityTooLarge, Detail: tooLarge.Error()}
	}
	for _, known := range []struct {
		cause  error
		detail string
	}{
		{pushrecords.ErrUnavailable, "ClickHouse does not answer in time. Pushes continue without it; try again in a moment."},
		{retry.ErrUnavailable, "Kafka does not answer in time. Try again in a moment."},
		{eventlog.ErrChanged, eventlog.ErrChanged.Error()},
		{eventlog.ErrUndeclared, eventlog.ErrUndeclared.Error()},
		{shown.ErrNoShopee, shown.ErrNoShopee.Error()},
		{shown.ErrBusy, shown.ErrBusy.Error()},
		{kafka.ErrNoTopic, kafka.ErrNoTopic.Error()},
	} {
		if errors.Is(err, known.cause) {
			return problem{Status: http.StatusServiceUnavailable, Detail: known.detail}
		}
	}
	return problem{Status: http.StatusInternalServerError, Detail: "The log of this process has the cause."}
}

// fail answers with an error's document, and logs errors that the client did not cause.
func fail(w http.ResponseWriter, r *http.Request, err error, log *slog.Logger) {
	if r.Context().Err() != nil && errors.Is(err, context.Canceled) {
		return // the client disconnected
	}
	p := problemOf(err)
	if p.Status >= http.StatusInternalServerError {
		log.Warn("request failed", "path", r.URL.Path, "status", p.Status, "error", err)
	}
	p.write(w)
}
