package pages_test

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"stockpush/cmd/internal/console/pages"
	"stockpush/cmd/internal/console/shown"
	"stockpush/cmd/internal/pushrecords"
	"stockpush/schemas"
)

// shop is a Checker with one answer.
type shop struct {
	answer shown.Answer
	err    error
	asked  []schemas.Key
}

func (s *shop) Check(_ context.Context, key schemas.Key) (shown.Answer, error) {
	s.asked = append(s.asked, key)
	return s.answer, s.err
}

func TestHistoryAsksShopeeWhenItIsTold(t *testing.T) {
	qty := func(n int64) *int64 { return &n }
	s := &shop{answer: shown.Answer{ShouldShow: 30, Shows: qty(33), Status: "Successfully", ReadAt: time.Now()}}
	h := pages.New(pages.Deps{Reader: sample(1), Retrier: &publisher{}, Checker: s})
	_, page, _ := get(t, h, historyOfEvil)
	require.Contains(t, page, "Check Shopee now")
	require.NotContains(t, page, `id="checked"`)
	require.Empty(t, s.asked, "looking at a history asks nothing")
	now := historyOfEvil + "&check=now"
	_, page, _ = get(t, h, now)
	require.Contains(t, page, "Shopee shows 3 more than it should")
	require.Len(t, s.asked, 1)
	inert(t, page)
	status, _, _ := get(t, h, now, "Stockpush-Live", "1")
	require.Equal(t, http.StatusOK, status)
	require.Len(t, s.asked, 1, "following the page does not ask again")

	for _, c := range []struct {
		answer shown.Answer
		err    error
		says   string
	}{
		{shown.Answer{ShouldShow: 30, Shows: qty(28), Status: "Pending"}, nil, "2 less than it should"},
		{shown.Answer{ShouldShow: 30, Shows: qty(28), Status: "Pending"}, nil, "still to be pushed"},
		{shown.Answer{ShouldShow: 30, Shows: qty(30), Status: "Successfully"}, nil, "Shopee shows what it should."},
		{shown.Answer{ShouldShow: 30, Status: "Failed", Code: "authorization_lost", Message: "no consent"}, nil, "no consent"},
		{shown.Answer{}, shown.ErrBusy, "at most once a second"},
	} {
		s.answer, s.err = c.answer, c.err
		_, page, _ := get(t, h, now)
		require.Contains(t, page, c.says)
	}
	_, page, _ = get(t, h, now, "Accept-Language", "vi")
	require.Contains(t, page, "Kiểm tra Shopee ngay")
	_, page, _ = get(t, pages.New(pages.Deps{Reader: sample(1), Retrier: &publisher{}}), now)
	require.NotContains(t, page, "Check Shopee now", "without Shopee there is no button")
}

func TestDriftThatAnAuditFoundIsShownUntilAPushIsConfirmed(t *testing.T) {
	r := sample(1)
	at := time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)
	r.findings = map[schemas.Key]pushrecords.Finding{}
	for _, key := range []schemas.Key{r.skus[0].Key(), {Channel: "shopee", ShopID: 10001, StoreSKU: evil}} {
		r.findings[key] = pushrecords.Finding{Expected: 30, Shown: 33, Kind: "above", Fixed: true, FoundAt: at}
	}
	h := pages.New(pages.Deps{Reader: r, Retrier: &publisher{}})
	for _, path := range []string{"/push-records", historyOfEvil} {
		_, page, _ := get(t, h, path)
		for _, words := range []string{"Shopee showed too much", "the last audit found 33 instead of 30", "pushed again"} {
			require.Contains(t, page, words, path)
		}
		_, page, _ = get(t, h, path, "Accept-Language", "zh-CN")
		require.Contains(t, page, "Shopee 显示过多")
	}
	later := at.Add(time.Second)
	r.skus[0].ConfirmedAt = &later
	for _, path := range []string{"/push-records", historyOfEvil} {
		_, page, _ := get(t, h, path)
		require.NotContains(t, page, "Shopee showed too much", path)
	}
}
