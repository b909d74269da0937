package retry

import (
	"strings"
	"unicode/utf8"

	"stockpush/schemas"
)

// Origin says who asks for a re-push, for the log and for its events.
type Origin struct {
	// Via is the way: page, api or command.
	Via string
	// RequestedBy names the person, as UserName leaves a name; empty where nobody says.
	RequestedBy string
	// Remote is the client's network address; empty for a command.
	Remote string
}

// UserName is a person's name as an event may have it: without control characters
// and what is not UTF-8, and cut to schemas.MaxRequestedByBytes.
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

// maxFilterBytes is how much of a filter, which may name a thousand store SKUs, the log shows.
const maxFilterBytes = 2 << 10

// audit logs who re-pushed what, and how many events that came to. A request that
// failed may have published some.
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
	if err != nil {
		r.Logger.Warn("failures re-pushed in part or not at all", append(details, "error", err)...)
		return
	}
	r.Logger.Info("failures re-pushed", details...)
}
