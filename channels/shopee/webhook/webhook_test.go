package webhook_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"stockpush/channels/shopee/webhook"
)

const (
	callback = "https://seller.example/shopee/push?v=2"
	key      = "push-key"
)

// receiver is a webhook with what it told and counted.
type receiver struct {
	t        *testing.T
	handler  *webhook.Receiver
	registry *prometheus.Registry
	told     []webhook.Change
}

func newReceiver(t *testing.T) *receiver {
	r := &receiver{t: t, registry: prometheus.NewRegistry()}
	r.handler = webhook.New(webhook.Config{URL: callback, Key: key}, webhook.Deps{
		Released: func(c webhook.Change) { r.told = append(r.told, c) }, Logger: slog.New(slog.DiscardHandler), Registerer: r.registry,
	})
	return r
}

func sign(secret, signed string) string {
	mac := hmac.New(sha256.New, []byte(secret))
	_, _ = mac.Write([]byte(signed))
	return hex.EncodeToString(mac.Sum(nil))
}

func (r *receiver) send(method, signature, body string) *httptest.ResponseRecorder {
	q := httptest.NewRequest(method, "/whatever/the/proxy/asks", strings.NewReader(body))
	q.Header.Set("Authorization", signature)
	w := httptest.NewRecorder()
	r.handler.ServeHTTP(w, q)
	require.Empty(r.t, w.Body.String(), "the answer has no body")
	return w
}

func (r *receiver) signed(body string) *httptest.ResponseRecorder {
	return r.send(http.MethodPost, sign(key, callback+"|"+body), body)
}

func (r *receiver) count(name string, labels ...string) int {
	families, err := r.registry.Gather()
	require.NoError(r.t, err)
	total := 0.0
	for _, f := range families {
		for _, m := range f.GetMetric() {
			text := fmt.Sprint(m.GetLabel())
			matches := f.GetName() == name
			for _, label := range labels {
				matches = matches && strings.Contains(text, `"`+label+`"`)
			}
			if matches {
				total += m.GetCounter().GetValue()
			}
		}
	}
	return int(total)
}

func TestMessagesAreUnderstood(t *testing.T) {
	item := []webhook.Change{{ShopID: 46641242, ItemID: 14946910660}}
	for name, c := range map[string]struct {
		body string
		want []webhook.Change
		code string
		is   string
	}{
		"a promotion ends": {
			`{"data":{"shop_id":46641242,"item_id":14946910660,"variation_id":58,"promotion_type":"flash_sale","action":"promo_end","reserved_stock":0},"shop_id":46641242,"code":7,"timestamp":1660123421}`,
			item, "7", "released",
		},
		"a promotion is cancelled, with texts for numbers": {
			`{"data":{"item_id":"14946910660","action":"promo_cancelled"},"shop_id":"46641242","code":"7","timestamp":"1660123421"}`, item, "7", "released",
		},
		"the shop is named in the data only":         {`{"data":{"shop_id":46641242,"item_id":14946910660,"action":"promo_end"},"code":7}`, item, "7", "released"},
		"an unknown action":                          {`{"data":{"item_id":14946910660,"action":"promo_moved"},"shop_id":46641242,"code":7}`, item, "7", "released"},
		"a promotion takes stock":                    {`{"data":{"item_id":14946910660,"action":"promo_lock_stock","reserved_stock":100},"shop_id":46641242,"code":7}`, nil, "7", "irrelevant"},
		"the reserve falls":                          {reserved(100, 99), item, "8", "released"},
		"the reserve falls, in texts":                {reserved(`"100"`, `"99"`), item, "8", "released"},
		"the reserve rises":                          {reserved(100, 101), nil, "8", "irrelevant"},
		"the reserve changes to an unreadable value": {reserved("null", `"x"`), nil, "8", "unreadable"},
		"the reserve changes without its values":     {`{"data":{"item_id":14946910660,"action":"place_order"},"shop_id":46641242,"code":8}`, item, "8", "released"},
		"another kind of message":                    {`{"data":{"ordersn":"1","status":"READY_TO_SHIP"},"shop_id":46641242,"code":3,"timestamp":1660123421}`, nil, "other", "irrelevant"},
		"data that is a text, of another kind":       {`{"data":"x","code":12}`, nil, "other", "irrelevant"},
		"the test of a new URL":                      {`{"data":{"verify_info":"please answer"},"shop_id":0,"code":0,"timestamp":1660123421}`, nil, "0", "irrelevant"},
		"nothing":                                    {``, nil, "other", "irrelevant"},
		"no JSON":                                    {`<xml>`, nil, "other", "unreadable"},
		"no item":                                    {`{"data":{"action":"promo_end"},"shop_id":46641242,"code":7}`, nil, "7", "unreadable"},
		"no data":                                    {`{"shop_id":46641242,"code":7}`, nil, "7", "unreadable"},
		"a shop that cannot be":                      {`{"data":{"item_id":5,"action":"promo_end"},"shop_id":-1,"code":7}`, nil, "7", "unreadable"},
	} {
		t.Run(name, func(t *testing.T) {
			r := newReceiver(t)
			require.Equal(t, http.StatusOK, r.signed(c.body).Code)
			require.Equal(t, c.want, r.told)
			require.Equal(t, 1, r.count("stockpush_webhook_messages_total", c.code, c.is))
			require.Equal(t, 1, r.count("stockpush_webhook_messages_total"))
			require.Zero(t, r.count("stockpush_webhook_refused_total"))
		})
	}
}

func reserved(before, after any) string {
	return fmt.Sprintf(`{"data":{"shop_id":46641242,"item_id":14946910660,"variation_id":58,"action":"place_order","ordersn":"22",`+
		`"changed_values":[{"name":"reserved_stock","old":%v,"new":%v}]},"shop_id":46641242,"code":8,"timestamp":1660123421}`, before, after)
}

func TestOnlyWhatShopeeSignedIsTaken(t *testing.T) {
	const body = `{"data":{"item_id":5,"action":"promo_end"},"shop_id":7,"code":7}`
	right := sign(key, callback+"|"+body)
	for name, signature := range map[string]string{
		"none": "", "another key": sign("partner-key", callback+"|"+body), "another URL": sign(key, "https://seller.example/shopee/push|"+body),
		"the body alone": sign(key, body), "another body": sign(key, callback+"|"+body+" "), "cut": right[:40], "no hex": strings.Repeat("z", 64), "longer": right + "00",
	} {
		t.Run(name, func(t *testing.T) {
			r := newReceiver(t)
			require.Equal(t, http.StatusUnauthorized, r.send(http.MethodPost, signature, body).Code)
			require.Empty(t, r.told)
			require.Equal(t, 1, r.count("stockpush_webhook_refused_total", "signature"))
			require.Zero(t, r.count("stockpush_webhook_messages_total"))
		})
	}
	r := newReceiver(t)
	require.Equal(t, http.StatusOK, r.send(http.MethodPost, " "+strings.ToUpper(right), body).Code, "hex has no case")
	require.Len(t, r.told, 1)
}

func TestAnotherKeySignsFromThenOn(t *testing.T) {
	r := newReceiver(t)
	body := reserved(9, 8)
	r.handler.SetKey("another")
	require.Equal(t, http.StatusUnauthorized, r.signed(body).Code)
	require.Equal(t, http.StatusOK, r.send(http.MethodPost, sign("another", callback+"|"+body), body).Code)
	require.Len(t, r.told, 1)
}

// Shopee saves a callback URL only after it answered a trial, which has no signature.
func TestATrialOfTheURLNeedsNoSignature(t *testing.T) {
	const released = `"data":{"item_id":5,"action":"promo_end"},"shop_id":7`
	for body, want := range map[string]int{
		`{"data":{"verify_info":"This is a Verification message. Please respond in a specified format."},"shop_id":0,"code":0,"timestamp":1660123421}`: http.StatusOK,
		`{"code":"0","data":{"verify_info":"x"}}`:       http.StatusOK,
		`{"code":0,` + released + `}`:                   http.StatusOK,
		`{"code":7,` + released + `,"code":0}`:          http.StatusOK,
		`{"code":0,` + released + `,"code":7}`:          http.StatusUnauthorized,
		`{"code":7,"verify_info":"x",` + released + `}`: http.StatusUnauthorized,
		`{"code":8,"data":{"verify_info":"x"}}`:         http.StatusUnauthorized,
		reserved(9, 8):                                  http.StatusUnauthorized,
		`{"data":{"verify_info":"x"}}`:                  http.StatusUnauthorized,
		`{"code":null}`:                                 http.StatusUnauthorized,
		`{"code":0`:                                     http.StatusUnauthorized,
		``:                                              http.StatusUnauthorized,
	} {
		for _, signature := range []string{"", "00", sign("another", callback+"|"+body)} {
			r := newReceiver(t)
			require.Equal(t, want, r.send(http.MethodPost, signature, body).Code, body)
			require.Empty(t, r.told, body)
			if want == http.StatusOK {
				require.Equal(t, 1, r.count("stockpush_webhook_messages_total", "0", "irrelevant"), body)
				require.Zero(t, r.count("stockpush_webhook_refused_total"), body)
			}
		}
	}
}

func TestWhatIsNoMessageIsRefused(t *testing.T) {
	r := newReceiver(t)
	get := r.send(http.MethodGet, "", "")
	require.Equal(t, http.StatusMethodNotAllowed, get.Code)
	require.Equal(t, http.MethodPost, get.Header().Get("Allow"))
	require.Equal(t, http.StatusRequestEntityTooLarge, r.signed(strings.Repeat(" ", webhook.MaxBodyBytes+1)).Code)
	require.Equal(t, http.StatusOK, r.signed(reserved(9, 8)+strings.Repeat(" ", 1000)).Code)
	require.Equal(t, 1, r.count("stockpush_webhook_refused_total", "method"))
	require.Equal(t, 1, r.count("stockpush_webhook_refused_total", "body"))
}

func FuzzMessages(f *testing.F) {
	f.Add(reserved(9, 8))
	f.Add(`{"data":{"item_id":5,"action":"promo_end"},"shop_id":7,"code":7}`)
	f.Fuzz(func(t *testing.T, body string) {
		r := newReceiver(t)
		require.Equal(t, http.StatusOK, r.signed(body).Code)
		for _, c := range r.told {
			require.Positive(t, c.ShopID)
			require.Positive(t, c.ItemID)
		}
	})
}
