package docs

import (
	"testing"

	"stockpush/schemas"
)

func TestFailureCodesOfShopeeAreCurrent(t *testing.T) {
	rows := [][]string{{"code", "class", "what stockpush does", "what it means, and what to do"}}
	for _, code := range schemas.FailureCodes() {
		rows = append(rows, []string{"`" + string(code) + "`", string(code.Class()), treatment(code), code.Hint()})
	}
	requireGenerated(t, "shopee.md", "failure codes", table(rows))
}

// treatment says what happens to a push that is refused with a code.
func treatment(code schemas.FailureCode) string {
	switch {
	case code == schemas.DailyQuotaExhausted:
		return "every shop waits until 00:00 UTC+8"
	case code.Class() == schemas.ClassAuth, code.Class() == schemas.ClassConfig, code == schemas.ShopRestricted:
		return "fails at once; the shop is held, unless one model only was refused"
	case code == schemas.Expired:
		return "has failed"
	}
	switch code.Class() {
	case schemas.ClassThrottle, schemas.ClassInfrastructure:
		return "retried until `channels.max_pending_age`"
	case schemas.ClassCampaign:
		return "fails at once, pushed again after the promotion"
	case schemas.ClassUnknown:
		return "tried three times, then fails"
	}
	return "fails at once"
}
