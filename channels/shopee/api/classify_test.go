package api

import (
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"stockpush/channels"
	"stockpush/channels/shopee/shopeetest"
	"stockpush/schemas"
)

func TestEveryRefusalHasItsMeaning(t *testing.T) {
	require.GreaterOrEqual(t, len(shopeetest.Refusals), 90)
	for _, r := range shopeetest.Refusals {
		t.Run(r.Code+" "+r.Message, func(t *testing.T) { requireMeaning(t, r, r.Code, r.Message) })
	}
}

func TestNoDocumentedCodeIsMissing(t *testing.T) {
	seen := map[string]bool{}
	for _, r := range shopeetest.Refusals {
		require.True(t, r.Message != "" || r.Code == "", "%s has no text", r.Code)
		code := bareCode(r.Code)
		seen[code[max(0, strings.LastIndex(code, ".")+1):]], seen[code] = true, true
	}
	for _, code := range shopeetest.Codes {
		require.True(t, seen[code], code)
	}
}

// A shouted, padded or prefixed refusal means the same; so does one whose message
// has more words around it, as those with a variation's name have, or other ones for "cannot".
func TestMutationsDoNotChangeAMeaning(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := rapid.SampledFrom(shopeetest.Refusals).Draw(t, "refusal")
		code, message := mutate(t, r.Code), mutate(t, reword(t, r.Message))
		if r.Code != "" && rapid.Bool().Draw(t, "prefixed") {
			code = rapid.SampledFrom([]string{"product.", "common.", "shop.warehouse."}).Draw(t, "module") + code
		}
		requireMeaning(t, r, code, message)
	})
}

// Words that no rule knows are kept, whatever they look like, and are not taken
// for anything else.
func TestWhatNobodyKnowsIsUnknown(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		letters := rapid.StringOfN(rapid.SampledFrom([]rune("qxzjkvw ,.!:")), 0, 80, -1)
		code := "error_" + rapid.StringOfN(rapid.SampledFrom([]rune("qxzjkvw_")), 1, 30, -1).Draw(t, "code")
		v, act := classify(rapid.SampledFrom([]string{code, "product." + code, ""}).Draw(t, "which"), letters.Draw(t, "message"), time.Time{})
		require.Equal(t, channels.Verdict{Outcome: channels.Refused, Code: schemas.UnknownFailure}, v)
		require.Equal(t, refuse, act)
	})
}

var cannot = regexp.MustCompile(`(?i)can't|cannot|can not`)

// reword says the same with other words.
func reword(t *rapid.T, message string) string {
	if bareWord(message) {
		return message // a code where a reason should be
	}
	message = cannot.ReplaceAllString(message, rapid.SampledFrom([]string{"can't", "cannot", "can not", "Cannot"}).Draw(t, "cannot"))
	before := rapid.SampledFrom([]string{"", "Failed: ", "[stock] ", "update_stock says: "}).Draw(t, "words before")
	return before + message + rapid.SampledFrom([]string{"", ".", " for 01 UN", " Please double check.", " (request 17)"}).Draw(t, "words after")
}

// mutate changes case, spacing and the punctuation between words.
func mutate(t *rapid.T, text string) string {
	var b strings.Builder
	for _, c := range text {
		switch {
		case c == ' ':
			b.WriteString(rapid.SampledFrom([]string{" ", "  ", "\t", "\n", "\u00a0 "}).Draw(t, "space"))
		case unicode.IsLetter(c) && rapid.Bool().Draw(t, "case"):
			b.WriteRune(unicode.ToUpper(c))
		default:
			b.WriteRune(c)
		}
	}
	return rapid.SampledFrom([]string{"", " ", "\t"}).Draw(t, "before") + b.String() + rapid.SampledFrom([]string{"", " ", "\r\n"}).Draw(t, "after")
}

func TestCaseSpacingAndPrefixesDoNotChangeAMeaning(t *testing.T) {
	for _, r := range shopeetest.Refusals {
		requireMeaning(t, r, strings.ToUpper(r.Code), strings.ToUpper(r.Message))
		requireMeaning(t, r, r.Code, strings.ReplaceAll(r.Message, " ", "  \t"))
		if r.Code != "" {
			requireMeaning(t, r, "product."+r.Code, " "+r.Message+" ")
		}
	}
}

var asks = map[action]shopeetest.Ask{refuse: shopeetest.Refuse, unsure: shopeetest.Unsure, refresh: shopeetest.Refresh, holdDay: shopeetest.HoldDay}

func requireMeaning(t require.TestingT, want shopeetest.Refusal, code, message string) {
	now := time.Date(2026, 11, 24, 3, 0, 0, 0, time.UTC)
	v, act := classify(code, message, now)
	if want.Code == "" {
		v = ClassifyModel(message)
		act = asked(v)
	}
	require.Equal(t, want.Want, v.Code, "%s: %s", code, message)
	require.Equal(t, want.Scope, v.Scope, "%s: %s", code, message)
	require.Equal(t, want.Asks, asks[act], "%s: %s", code, message)
	require.Equal(t, act == unsure, v.Outcome == channels.Unknown, "%s: %s", code, message)
	require.Equal(t, act == holdDay, !v.HoldUntil.IsZero(), "%s: %s", code, message)
}

// asked is what a model's verdict asks for: no more than that it is unsure.
func asked(v channels.Verdict) action {
	if v.Outcome == channels.Unknown {
		return unsure
	}
	return refuse
}

// alone are codes that mean the same without a text.
var alone = map[string]schemas.FailureCode{
	"error_server": schemas.ChannelUnavailable, "error_rate_limit": schemas.RateLimited, "error_limit": schemas.DailyQuotaExhausted,
	"invalid_acceess_token": schemas.AuthorizationLost, "shop_banned": schemas.ShopRestricted, "error_sign": schemas.SignatureRejected,
	"source_ip_undeclared": schemas.IPNotAllowed, "error_kyc_auth": schemas.ShopRestricted, "error_auth": schemas.UnknownFailure,
	"error_stock_bigger_then_limit": schemas.InvalidQuantity, "error_stock_less_then_min_limit": schemas.InvalidQuantity, "error_stock_limit_no_pass": schemas.InvalidQuantity,
}

func TestACodeWithoutATextHasItsMeaning(t *testing.T) {
	for code, want := range alone {
		v, _ := classify(code, "", time.Time{})
		require.Equal(t, want, v.Code, code)
	}
}

// unfortunate are names of models that have words of other refusals.
var unfortunate = []string{
	"Daily Care Limited Edition", "Partner Keychain", "Time Stamp", "Pirate Limited", "Holiday Mode", "Shop is banned", "rate limit", "no permission",
	"Invalid access_token", "error_limit", "Refresh Token", "1 (reserve stock number)", "for model X", "try later", "status invalid", "IP whitelist",
}

// requireNameless holds that a model's name behind a text changes nothing of its verdict.
func requireNameless(t require.TestingT, code, text, name string) {
	text += " for model"
	named := text + " " + name
	want, _ := classify(code, text, time.Time{})
	got, _ := classify(code, named, time.Time{})
	require.Equal(t, want, got, "%s: %s", code, named)
	reason := ClassifyModel(named)
	require.Equal(t, ClassifyModel(text), reason, named)
	require.Equal(t, channels.ScopeModel, reason.Scope)
	require.Zero(t, reason.HoldUntil)
	require.NotEqual(t, schemas.ClassThrottle, reason.Code.Class(), "the worker would hold the shop")
}

func TestAModelsNameChangesNothing(t *testing.T) {
	for _, r := range shopeetest.Refusals {
		for _, name := range unfortunate {
			requireNameless(t, r.Code, r.Message, name)
		}
		if r.Code == "" && !strings.Contains(r.Message, "for model") && !bareWord(r.Message) && r.Message != "" {
			requireMeaning(t, r, "", r.Message+" for model Daily Care Limited Edition")
		}
	}
}

func TestAnyModelsNameChangesNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := rapid.SampledFrom(shopeetest.Refusals).Draw(t, "refusal")
		other := rapid.SampledFrom(shopeetest.Refusals).Draw(t, "refusal in the name")
		name := rapid.SampledFrom([]string{rapid.String().Draw(t, "any"), other.Message, other.Code, rapid.SampledFrom(unfortunate).Draw(t, "known")}).Draw(t, "name")
		requireNameless(t, r.Code, mutate(t, r.Message), mutate(t, name))
	})
}

// A name that does not follow "for model" still matches no rule by half a word.
func TestHalfAWordIsNoWord(t *testing.T) {
	for _, name := range unfortunate[:4] {
		v := ClassifyModel(name)
		require.Equal(t, schemas.UnknownFailure, v.Code, name)
		require.Equal(t, channels.ScopeModel, v.Scope, name)
	}
}

func TestTheFloorIsReadFromARefusal(t *testing.T) {
	for _, c := range []struct {
		code, message string
		floor         int64
	}{
		{"product.error_busi", "Stock should be larger than 13 (reserve stock number) for model 01 UN", 13},
		{"", "STOCK should be LARGER   than 125(reserve stock\nnumber) for model 7 (reserve stock number)", 125},
		{"", "Stock should be larger than 1,250 ( reserve stock number)", 1250},
		{"error_auth", "Stock should be larger than 0 (reserved stock number).", 0},
		{"", "must cover the reserve: reserved stock is 40", 40},
		{"error_auth", "Total stock must be more than reserved stock.", -1},
		{"", "larger than 99999999999999999999 (reserve stock number)", -1},
		{"", "item in promotion, stock locked until 12 (reserve stock)", -1},
	} {
		v, _ := classify(c.code, c.message, time.Time{})
		if c.floor < 0 {
			require.Nil(t, v.Floor, c.message)
			continue
		}
		require.Equal(t, schemas.BelowPromotionReserve, v.Code, c.message)
		require.Equal(t, &c.floor, v.Floor, c.message)
	}
}

func TestTheQuotaDayBeginsAtMidnightInUTC8(t *testing.T) {
	midnight := time.Date(2026, 11, 24, 16, 0, 0, 0, time.UTC)
	require.True(t, nextQuotaDay(midnight.Add(-time.Nanosecond)).Equal(midnight))
	require.True(t, nextQuotaDay(midnight).Equal(midnight.Add(24*time.Hour)))
}

func TestRetryAfterIsSecondsOrADateAndBounded(t *testing.T) {
	now := time.Date(2026, 11, 24, 3, 0, 0, 0, time.UTC)
	require.Equal(t, now.Add(7*time.Second), retryAfter(" 7 ", now))
	require.Equal(t, now.Add(30*time.Second), retryAfter("Tue, 24 Nov 2026 03:00:30 GMT", now))
	require.Equal(t, now.Add(maxRetryAfter), retryAfter("999999999999", now))
	for _, none := range []string{"", "soon", "-4", "0", "Tue, 24 Nov 2020 03:00:30 GMT"} {
		require.Zero(t, retryAfter(none, now), none)
	}
}

// Each code and each phrase of the table decides by its own row, which no earlier row hides.
func TestNoRowHidesALaterOne(t *testing.T) {
	orNone := func(of []string) []string { return append(of[:len(of):len(of)], make([]string, 1-min(1, len(of)))...) }
	decides := func(code, message string) int {
		return slices.IndexFunc(rules, func(r rule) bool { return r.matches(squeeze(code), plain(message)) })
	}
	for i, r := range rules {
		for _, code := range orNone(r.codes) {
			for _, phrases := range orNone(r.says) {
				require.Equal(t, i, decides(code, strings.ReplaceAll(phrases, "&", "qx")), "%s %s: %s", r.failure, code, phrases)
			}
		}
	}
}
