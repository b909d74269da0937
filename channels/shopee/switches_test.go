package shopee_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"stockpush/channels"
	"stockpush/channels/shopee"
	"stockpush/channels/shopee/sandbox"
	"stockpush/channels/shopee/tokens"
	"stockpush/schemas"
)

const shopID = sandbox.FirstShopID

// combinations are all ways to set the switches: few enough not to choose pairs.
func combinations() (all []sandbox.Switches) {
	for _, shape := range []string{"list", "batch_error", "bare_error"} {
		for _, rate := range []int{http.StatusOK, http.StatusTooManyRequests} {
			for _, auth := range []int{http.StatusForbidden, http.StatusOK} {
				for _, reuse := range []string{"error_auth", "error_shop_refresh_token"} {
					for _, holiday := range []string{"error_holiday_mode_change_stock", "error_auth", "accept"} {
						for _, flags := range []int{0, 1, 2, 3} {
							all = append(all, sandbox.Switches{
								FloorShape: shape, RateLimitStatus: rate, AuthStatus: auth, RefreshReuseCode: reuse, HolidayCode: holiday,
								RefuseEqual: flags&1 != 0, RevokeOldToken: flags&2 != 0,
							})
						}
					}
				}
			}
		}
	}
	return all
}

type market struct {
	t       *testing.T
	sandbox *sandbox.Sandbox
	client  *shopee.Client
	store   *tokens.FileStore
}

func newMarket(t *testing.T, switches sandbox.Switches) *market {
	file := filepath.Join(t.TempDir(), "tokens.json")
	s, err := sandbox.New(sandbox.Config{TokensFile: file, Shops: 2})
	require.NoError(t, err)
	require.NoError(t, s.Set(switches))
	server := httptest.NewServer(s)
	store := tokens.NewFileStore(file, nil)
	client, err := shopee.New(shopee.Config{
		BaseURL: server.URL, PartnerID: sandbox.DefaultPartnerID, PartnerKey: sandbox.DefaultPartnerKey, Timeout: 5 * time.Second,
	}, shopee.Deps{Tokens: store})
	require.NoError(t, err)
	t.Cleanup(func() { client.Close(); server.Close(); s.Wait() })
	return &market{t, s, client, store}
}

func (m *market) push(lines ...channels.Line) []channels.Verdict {
	a := m.client.Push(m.t.Context(), channels.Call{ShopID: shopID, ItemID: 1, Lines: lines})
	require.Len(m.t, a.Verdicts, len(lines))
	return a.Verdicts
}

func (m *market) one(model, qty int64) channels.Verdict {
	return m.push(channels.Line{ModelID: model, Qty: qty})[0]
}

func (m *market) fault(kind string) {
	require.NoError(m.t, m.sandbox.AddFault(sandbox.Fault{ShopID: shopID, Kind: kind, Times: 1}))
}

// Whatever Shopee does about each open question of the reference, the client
// comes to the same verdicts.
func TestTheClientUnderEveryCombinationOfSwitches(t *testing.T) {
	for _, switches := range combinations() {
		t.Run(fmt.Sprintf("%+v", switches), func(t *testing.T) {
			t.Parallel()
			m := newMarket(t, switches)
			require.NoError(t, m.sandbox.Describe(sandbox.Item{ShopID: shopID, ItemID: 1, Models: []sandbox.Model{
				{ModelID: 1}, {ModelID: 2, Reserved: 10}, {ModelID: 3, Locked: true},
			}}))
			require.Equal(t, channels.Confirmed, m.one(1, 5).Outcome)
			m.floors(switches)
			m.holiday(switches)
			m.throttles()
			m.tokens()
		})
	}
}

func (m *market) floors(switches sandbox.Switches) {
	t := m.t
	mixed := m.push(channels.Line{ModelID: 1, Qty: 6}, channels.Line{ModelID: 2, Qty: 9}, channels.Line{ModelID: 3, Qty: 9})
	require.Equal(t, channels.Confirmed, mixed[0].Outcome)
	require.Equal(t, schemas.BelowPromotionReserve, mixed[1].Code, mixed[1].Message)
	require.Equal(t, schemas.PromotionLocked, mixed[2].Code, mixed[2].Message)
	below := m.one(2, 9)
	require.Equal(t, channels.Refused, below.Outcome)
	require.Equal(t, schemas.BelowPromotionReserve, below.Code, below.Message)
	require.Contains(t, below.Message, "10", "the floor is kept in Shopee's words")
	if equal := m.one(2, 10); switches.RefuseEqual {
		require.Equal(t, schemas.BelowPromotionReserve, equal.Code)
	} else {
		require.Equal(t, channels.Confirmed, equal.Outcome)
	}
	require.Equal(t, channels.Confirmed, m.one(2, 11).Outcome)
}

func (m *market) holiday(switches sandbox.Switches) {
	for _, kind := range []string{"partial", "full", "off"} {
		require.NoError(m.t, m.sandbox.SetShop(sandbox.ShopState{ShopID: shopID, Holiday: kind}))
		v := m.one(1, 6)
		if kind == "full" && switches.HolidayCode != "accept" {
			require.Equal(m.t, schemas.HolidayMode, v.Code, v.Message)
			continue
		}
		require.Equal(m.t, channels.Confirmed, v.Outcome, v.Message)
	}
}

func (m *market) throttles() {
	m.fault("throttle")
	v := m.one(1, 7)
	require.Equal(m.t, channels.Refused, v.Outcome)
	require.Equal(m.t, schemas.RateLimited, v.Code)
	m.fault("quota")
	v = m.one(1, 7)
	require.Equal(m.t, schemas.DailyQuotaExhausted, v.Code)
	require.Equal(m.t, channels.ScopeApp, v.Scope)
	midnight := v.HoldUntil.In(time.FixedZone("UTC+8", 8*3600))
	require.Zero(m.t, midnight.Hour()*3600+midnight.Minute()*60+midnight.Second(), midnight)
	require.Equal(m.t, channels.Confirmed, m.one(1, 7).Outcome)
}

func (m *market) tokens() {
	t := m.t
	require.NoError(t, m.sandbox.AddFault(sandbox.Fault{ShopID: shopID, Kind: "expire_token"}))
	require.Equal(t, channels.Confirmed, m.one(1, 8).Outcome, "it was refreshed")
	stocks, v := m.client.Read(t.Context(), shopID, 1)
	require.Equal(t, channels.Confirmed, v.Outcome)
	require.Contains(t, stocks, channels.ModelStock{ModelID: 1, Qty: 8})
	require.NoError(t, m.sandbox.AddFault(sandbox.Fault{ShopID: shopID, Kind: "unlink"}))
	lost := m.one(1, 9)
	require.Equal(t, channels.Refused, lost.Outcome)
	require.Equal(t, schemas.AuthorizationLost, lost.Code, lost.Message)
	require.Equal(t, channels.ScopeShop, lost.Scope)
}
