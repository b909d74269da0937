package retry

import (
	"strings"
	"unicode/utf8"

	"stockpush/schemas"
)

// Origin says who requests a re-push, for the log and for the events.
type Origin struct {
	// Via is the way: page, api or command.
	Via string
	// RequestedBy names the person, in the form that UserName returns. If it is empty, events name
	// Via.
	RequestedBy string
	// Remote is the client's network address; empty for a command.
	Remote string
}

// UserName returns a person's name as an event may contain it: valid UTF-8 without control
// characters, truncated to schemas.MaxRequestedByBytes.
func UserName(text string) string {
	text = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return -1
		}
		return r
	}, strings.ToValidUTF8(strings.TrimSpace(text), ""))
	if len(text) <= schemas.MaxRequestedByBytes {
		return text
	}
	end := schemas.MaxRequestedByBytes
	for !utf8.RuneStart(text[end]) {
		end--
	}
	return text[:end]
}

// maxFilterBytes is where the log truncates a filter, which may name a thousand store SKUs.
const maxFilterBytes = 2 << 10

// audit logs who re-pushed what, and how many events were published. A failed request may have
// published some.
func (r *Retrier) audit(q Request, result Result, err error) {
	if r.Logger == nil {
		return
	}
	filter := q.Filter.Values().Encode()
	details := []any{
		"via", q.Origin.Via, "requested_by", q.Origin.RequestedBy, "remote", q.Origin.Remote,
		"filter", filter[:min(len(filter), maxFilterBytes)], "event_ids", len(q.EventIDs), "all", q.All, "limit", q.Limit,
		"matched", result.Matched, "published", result.Published, "left_out", result.LeftOut,
	}
	if q.pushes > 0 {
		details = append(details, "store_skus", q.pushes)
	}
	if err != nil {
		r.Logger.Warn("re-push failed", append(details, "error", err)...)
		return
	}
	message := "failures re-pushed"
	if q.pushes > 0 {
		message = "store SKUs pushed now"
	}
	r.Logger.Info(message, details...)
}
