package api

import (
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"stockpush/channels"
	"stockpush/schemas"
)

// action is what a refusal asks for in addition to its failure code.
type action uint8

const (
	// refuse: nothing was applied.
	refuse action = iota
	// unsure: Shopee failed half-way; the quantity may have been applied.
	unsure
	// refresh: the access token is invalid; refresh it and repeat once.
	refresh
	// holdDay: no more calls until the quota's next day.
	holdDay
)

// maxRetryAfter is the longest Retry-After that is accepted.
const maxRetryAfter = time.Hour

// classify judges an error code with its message. The verdict has no Message and no
// RequestID yet.
func classify(code, message string, now time.Time) (channels.Verdict, action) {
	message = withoutName(message)
	squeezed, text := squeeze(bareCode(code)), plain(message)
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

// ClassifyModel judges one model's reason for failing, a free text. It applies to that model
// only: it never holds the shop or the app, and throttling means to retry the model.
func ClassifyModel(reason string) channels.Verdict {
	v, _ := classify("", reason, time.Time{})
	v.Scope, v.HoldUntil = channels.ScopeModel, time.Time{}
	if v.Code.Class() == schemas.ClassThrottle {
		v.Code = schemas.ChannelUnavailable
	}
	return v
}

// names matches the words before a model's name at the end of Shopee's text. It does not match
// `model_id`, which a number follows.
var names = regexp.MustCompile(`(?i)(?:^|[^\pL\pN_])for[^\pL\pN_]+model(?:[^\pL\pN_]|$)`)

// withoutName cuts a message before a model's name, which the seller chose and which may be any
// text.
func withoutName(message string) string {
	if at := names.FindStringIndex(message); at != nil {
		return message[:at[1]]
	}
	return message
}

// bareWord says whether a reason is nothing but a code, such as "error_item_not_found".
func bareWord(s string) bool { return len(strings.Fields(s)) == 1 }

// rule is one row of the table.
type rule struct {
	failure schemas.FailureCode
	scope   channels.Scope
	act     action
	// codes are bare codes. One must match; nil if only says decides.
	codes []string
	// says are patterns of the message. One must match; nil if only codes decide. A pattern is
	// phrases joined with &, which must all occur, as whole words.
	says []string
}

func (r *rule) matches(code, text string) bool {
	isCode := func(c string) bool { return squeeze(c) == code }
	isSaid := func(pattern string) bool {
		return !slices.ContainsFunc(strings.Split(pattern, "&"), func(phrase string) bool { return !strings.Contains(text, plain(phrase)) })
	}
	return (r.codes == nil || slices.ContainsFunc(r.codes, isCode)) && (r.says == nil || slices.ContainsFunc(r.says, isSaid))
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

// floorIn returns the reserve that a message names, in units; nil if it names none.
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

// plain returns a text's words in lower case with a space before, between and after them. A phrase
// in it then begins and ends with a word, and case, spacing and punctuation do not matter. It
// replaces negations by one form.
func plain(s string) string {
	words := strings.FieldsFunc(strings.ToLower(s), func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
	return negations.Replace(" " + strings.Join(words, " ") + " ")
}

// negations has the forms of "can't" and the like without punctuation.
var negations = strings.NewReplacer(" can t ", " cannot ", " can not ", " cannot ", " don t ", " do not ", " doesn t ", " does not ", " isn t ", " is not ")

// squeeze keeps a code's letters and digits, in lower case.
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
		prefix, tail, found := strings.Cut(code, ".")
		if !found || tail == "" || strings.EqualFold(prefix, "error") {
			return code
		}
		code = tail
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
