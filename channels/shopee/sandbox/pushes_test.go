package sandbox_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"

	"stockpush/channels/shopee/sandbox"
)

// listener takes push messages as a seller's server does, checking the signature.
type listener struct {
	*httptest.Server
	got     chan map[string]any
	refuses chan int
}

func newListener(t *testing.T, key string) *listener {
	l := &listener{got: make(chan map[string]any, 100), refuses: make(chan int, 10)}
	l.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		var m map[string]any
		if json.Unmarshal(body, &m) == nil && m["code"] == 0.0 {
			if r.Header.Get("Authorization") == "" {
				l.got <- m
			}
			return
		}
		mac := hmac.New(sha256.New, []byte(key))
		_, _ = mac.Write([]byte(l.URL + "/push|" + string(body)))
		if r.Header.Get("Authorization") != hex.EncodeToString(mac.Sum(nil)) {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		select {
		case status := <-l.refuses:
			w.WriteHeader(status)
			return
		default:
		}
		if m != nil {
			l.got <- m
		}
	}))
	t.Cleanup(l.Close)
	return l
}

// next is the next message's code, action and data.
func (l *listener) next() (code int, action any, data map[string]any) {
	m := <-l.got
	data = m["data"].(map[string]any)
	return int(m["code"].(float64)), data["action"], data
}

func TestPromotionsTellOfThemselves(t *testing.T) {
	for name, key := range map[string]string{"signed with the partner key": "", "signed with a key of its own": "push-key"} {
		t.Run(name, func(t *testing.T) {
			signer := key
			if signer == "" {
				signer = sandbox.DefaultPartnerKey
			}
			l := newListener(t, signer)
			c := newCaller(t, sandbox.Config{})
			require.NoError(t, c.sandbox.SetPush(sandbox.PushTarget{URL: l.URL + "/push", Key: key}))
			code, _, _ := l.next()
			require.Zero(t, code, "the address is tried out")
			p := sandbox.Promotion{ShopID: shopID, ItemID: 7, ModelID: 3}
			for _, step := range []struct {
				reserved int64
				locked   bool
				code     int
				action   string
			}{
				{50, false, 7, "promo_lock_stock"}, {40, false, 8, "place_order"}, {45, false, 8, "cancel_order"}, {45, true, 7, "promo_lock_stock"},
				{45, false, 7, "promo_cancelled"}, {0, false, 7, "promo_end"}, {0, true, 7, "promo_lock_stock"}, {0, false, 7, "promo_end"},
			} {
				p.Reserved, p.Locked = step.reserved, step.locked
				require.NoError(t, c.sandbox.SetPromotion(p))
				require.NoError(t, c.sandbox.SetPromotion(p), "the same again tells nothing")
				code, action, data := l.next()
				require.Equal(t, step.code, code)
				require.Equal(t, step.action, action)
				require.EqualValues(t, shopID, data["shop_id"])
			}
			require.NoError(t, c.sandbox.Describe(sandbox.Item{ShopID: shopID, ItemID: 8, Models: []sandbox.Model{{ModelID: 1}, {ModelID: 2, Locked: true}}}))
			code, action, data := l.next()
			require.Equal(t, 7, code)
			require.Equal(t, "promo_lock_stock", action)
			require.EqualValues(t, 2, data["variation_id"])
			l.refuses <- http.StatusInternalServerError // it is sent again
			require.NoError(t, c.sandbox.Describe(sandbox.Item{ShopID: shopID, ItemID: 8, Models: []sandbox.Model{{ModelID: 1}, {ModelID: 2}}}))
			_, action, _ = l.next()
			require.Equal(t, "promo_end", action)
			require.NoError(t, c.sandbox.SetPush(sandbox.PushTarget{}))
			p.Locked = true
			require.NoError(t, c.sandbox.SetPromotion(p))
			c.sandbox.Wait()
			require.Empty(t, l.got)
		})
	}
}

func TestAnAddressThatDoesNotAnswerIsRefused(t *testing.T) {
	answers := http.NewServeMux()
	answers.HandleFunc("/guarded", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusUnauthorized) })
	answers.HandleFunc("/talks", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "ok") })
	answers.Handle("/moved", http.RedirectHandler("/empty", http.StatusFound))
	answers.HandleFunc("/empty", func(http.ResponseWriter, *http.Request) {})
	l := httptest.NewServer(answers)
	defer l.Close()
	c := newCaller(t, sandbox.Config{})
	for path, said := range map[string]string{"/guarded": "401", "/talks": "2 bytes", "/moved": "302"} {
		require.ErrorContains(t, c.sandbox.SetPush(sandbox.PushTarget{URL: l.URL + path}), said)
	}
	require.NoError(t, c.sandbox.SetPush(sandbox.PushTarget{URL: l.URL + "/empty"}))
	require.ErrorContains(t, c.sandbox.SetPush(sandbox.PushTarget{URL: "push"}), "not an address")
	require.ErrorContains(t, c.sandbox.SetPromotion(sandbox.Promotion{ShopID: 1, ItemID: 1}), "no shop 1")
}
