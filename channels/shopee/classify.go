package shopee

import (
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode"

	"stockpush/channels"
	"stockpush/schemas"
)

// action is what a refusal asks for, beside its failure code.
type action uint8

const (
	// refuse: nothing was applied.
	refuse action = iota
	// unsure: Shopee broke down half-way; the quantity may have been applied.
	unsure
	// refresh: the access token is no good; take a new one and repeat once.
	refresh
	// holdDay: no more calls until the quota's next day.
	holdDay
)

// maxRetryAfter bounds how long a Retry-After is believed.
const maxRetryAfter = time.Hour

// classify judges an error code with its message, or one model's reason for
// failing (code empty). Rules on messages come before rules on codes: Shopee
// uses error_auth, error_param, error_server and error_inner for everything.
// The verdict has no Message and no RequestID yet.
func classify(code, message string, now time.Time) (channels.Verdict, action) {
	squeezed, text := squeeze(bareCode(code)), squeeze(message)
	for i := range rules {
		if rules[i].matches(squeezed, text) {
			v := rules[i].verdict(now)
			if v.Code == schemas.BelowPromotionReserve {
				v.Floor = floorIn(message)
			}
			return v, rules[i].act
		}
	}
	if code == "" && bareWord(message) {
		return classify(message, "", now)
	}
	return channels.Verdict{Outcome: channels.Refused, Code: schemas.UnknownFailure}, refuse
}

// bareWord says whether a reason is nothing but a code, such as "error_item_not_found".
func bareWord(s string) bool { return s != "" && !strings.ContainsAny(s, " \t\n") }

// rule is one row of the table.
type rule struct {
	failure schemas.FailureCode
	scope   channels.Scope
	act     action
	// codes are bare codes, any of which matches; nil where says decides alone.
	codes []string
	// says are patterns of the message, any of which matches; nil where codes
	// decide alone. A pattern is fragments joined with &, all of which must occur.
	says []string
}

func (r *rule) matches(code, text string) bool {
	return (r.codes == nil || r.hasCode(code)) && (r.says == nil || r.saidIn(text))
}

func (r *rule) hasCode(code string) bool {
	for _, c := range r.codes {
		if squeeze(c) == code {
			return true
		}
	}
	return false
}

func (r *rule) saidIn(text string) bool {
	for _, pattern := range r.says {
		if allIn(text, strings.Split(pattern, "&")) {
			return true
		}
	}
	return false
}

func allIn(text string, fragments []string) bool {
	for _, f := range fragments {
		if !strings.Contains(text, squeeze(f)) {
			return false
		}
	}
	return true
}

func (r *rule) verdict(now time.Time) channels.Verdict {
	v := channels.Verdict{Outcome: channels.Refused, Code: r.failure, Scope: r.scope}
	switch r.act {
	case unsure:
		v.Outcome = channels.Unknown
	case holdDay:
		v.HoldUntil = nextQuotaDay(now)
	case refuse, refresh:
	}
	return v
}

// floors are how a refusal names the reserve: "larger than 125 (reserve stock number)", "reserved stock is 125".
var floors = regexp.MustCompile(`(?i)(\d[\d,]*)\s*\(?\s*reserved?\s*stock|reserved?\s*stock(?:\s*number)?\s*(?:is|of|:|=|\()\s*(\d[\d,]*)`)

// floorIn is the reserve that a message names, in units; nil where it names none.
func floorIn(message string) *int64 {
	found := floors.FindStringSubmatch(message)
	if found == nil {
		return nil
	}
	floor, err := strconv.ParseInt(strings.ReplaceAll(found[1]+found[2], ",", ""), 10, 64)
	if err != nil {
		return nil
	}
	return &floor
}

// squeeze keeps letters and digits only, in lower case, so that neither case
// nor spacing nor punctuation decides.
func squeeze(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return unicode.ToLower(r)
		}
		return -1
	}, s)
}

// bareCode takes module prefixes off a code: "product.error_param" is
// "error_param". "error.param" is a whole code.
func bareCode(code string) string {
	code = strings.TrimSpace(code)
	for {
		prefix, rest, found := strings.Cut(code, ".")
		if !found || rest == "" || strings.EqualFold(prefix, "error") {
			return code
		}
		code = rest
	}
}

// quotaZone is where Shopee's day of quotas begins, UTC+8.
var quotaZone = time.FixedZone("UTC+8", 8*60*60)

// nextQuotaDay is the next 00:00 in UTC+8.
func nextQuotaDay(now time.Time) time.Time {
	y, m, d := now.In(quotaZone).Date()
	return time.Date(y, m, d+1, 0, 0, 0, 0, quotaZone)
}

// retryAfter reads a Retry-After header, seconds or a date; zero if there is
// none, and at most maxRetryAfter from now.
func retryAfter(header string, now time.Time) time.Time {
	at := now
	if seconds, err := strconv.ParseInt(strings.TrimSpace(header), 10, 64); err == nil {
		seconds = min(max(seconds, 0), int64(maxRetryAfter/time.Second))
		at = now.Add(time.Duration(seconds) * time.Second)
	} else if at, err = http.ParseTime(header); err != nil {
		return time.Time{}
	}
	if limit := now.Add(maxRetryAfter); at.After(limit) {
		return limit
	}
	if !at.After(now) {
		return time.Time{}
	}
	return at
}
