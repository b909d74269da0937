package console

import (
	"fmt"
	"net/http"
	"net/url"
	"time"

	"stockpush/cmd/internal/pushrecords"
	"stockpush/cmd/internal/retry"
)

// retry publishes re-pushes. It answers when ClickHouse shows the events, or after 10 s.
func (a *api) retry(w http.ResponseWriter, r *http.Request) error {
	if _, err := parameters(r, nil); err != nil {
		return err // reject a filter in the URL, which has no effect
	}
	body := retryBody{filter: url.Values{}}
	if err := readBody(r, "retry", body.member); err != nil {
		return err
	}
	q, err := body.request(time.Now())
	if err != nil {
		return err
	}
	q.Origin = a.origin(r, body.requestedBy)
	result, err := a.retrier.Do(r.Context(), q)
	if err != nil {
		return err
	}
	return a.respondShown(w, r, result)
}

// respondShown answers when ClickHouse shows the published events.
func (a *api) respondShown(w http.ResponseWriter, r *http.Request, result retry.Result) error {
	if len(result.EventIDs) > 0 {
		if err := a.retrier.Wait(r.Context(), result.EventIDs, nil); err != nil {
			a.log.Warn("events re-pushed, but their outcomes cannot be read", "error", err)
		}
	}
	return respond(w, result)
}

// origin returns the sender of a request: the user that the proxy names, or without such a proxy the
// one that the client claims.
func (a *api) origin(r *http.Request, claimed string) retry.Origin {
	if a.userHeader != "" {
		claimed = r.Header.Get(a.userHeader)
	}
	return retry.Origin{Via: "api", RequestedBy: retry.UserName(claimed), Remote: r.RemoteAddr}
}

func (a *api) outcomes(w http.ResponseWriter, r *http.Request) error {
	v, err := parameters(r, []string{"event_id"})
	if err != nil {
		return err
	}
	ids := v["event_id"]
	if len(ids) == 0 || len(ids) > pushrecords.MaxValues {
		return &pushrecords.ParameterError{Name: "event_id", Problem: fmt.Sprintf("is given %d times, and takes 1 to %d", len(ids), pushrecords.MaxValues)}
	}
	items, err := a.retrier.Outcomes(r.Context(), ids)
	if err != nil {
		return err
	}
	return respond(w, pushrecords.List[retry.Outcome]{Items: items})
}
