package sandbox

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"
)

// FirstShopID is the first shop's; the others follow.
const FirstShopID = 10001

// Config sets the sandbox.
type Config struct {
	// PartnerID and PartnerKey are the app's. Defaults: 1000001 and a fixed key.
	PartnerID  int64
	PartnerKey string
	// Shops is how many shops there are. Default 10.
	Shops int
	// ShopRate and AppRate are calls a second that are served; 0 is no limit.
	ShopRate, AppRate float64
	// TokensFile is written if it is absent, and read if it is there; empty is neither.
	TokensFile string
	// TokenLife is how long an access token works. Default 4 h, as Shopee's.
	TokenLife time.Duration
	// MaxCalls bounds the account of calls. Default 200,000; older ones are forgotten.
	MaxCalls int
	// Push is where push messages go; none unless it has a URL.
	Push PushTarget
}

// DefaultPartnerID and DefaultPartnerKey are the app's unless it is configured.
const (
	DefaultPartnerID  = 1000001
	DefaultPartnerKey = "sandbox-partner-key"
)

func (c Config) withDefaults() Config {
	c.PartnerID, c.PartnerKey = cmp.Or(c.PartnerID, DefaultPartnerID), cmp.Or(c.PartnerKey, DefaultPartnerKey)
	c.Shops, c.TokenLife, c.MaxCalls = cmp.Or(c.Shops, 10), cmp.Or(c.TokenLife, 4*time.Hour), cmp.Or(c.MaxCalls, 200_000)
	return c
}

// Sandbox is a fake Shopee.
type Sandbox struct {
	cfg Config
	mux *http.ServeMux
	app *rate.Limiter
	// requests counts the answers, for their request ids.
	requests atomic.Int64

	mu    sync.Mutex
	shops map[int64]*shop
	// used are the consent codes with their shops; each is good for one use.
	used     map[tokenRequest]bool
	faults   []*Fault
	switches Switches
	push     PushTarget
	calls    []Call
	stats    Stats
	// received counts update_stock calls as they come.
	received int64
	// refreshes are when each shop was given a pair of tokens of its own.
	refreshes map[int64][]time.Time
	late      sync.WaitGroup
}

// shop is one shop; Sandbox.mu guards it.
type shop struct {
	ShopState
	limiter     *rate.Limiter
	access      map[string]time.Time
	refresh     string
	linked      bool
	consentedAt time.Time
	items       map[int64]*item
	inFlight    map[int64]int
}

type item struct {
	state     string
	described bool
	models    map[int64]*Model
}

// New makes a sandbox, with the tokens of its file if there is one.
func New(cfg Config) (*Sandbox, error) {
	cfg = cfg.withDefaults()
	s := &Sandbox{cfg: cfg, shops: map[int64]*shop{}, used: map[tokenRequest]bool{}, refreshes: map[int64][]time.Time{}, app: limiter(cfg.AppRate), push: cfg.Push}
	for i := range int64(cfg.Shops) {
		sh := &shop{
			ShopState: ShopState{ShopID: FirstShopID + i}, limiter: limiter(cfg.ShopRate), access: map[string]time.Time{},
			items: map[int64]*item{}, inFlight: map[int64]int{},
		}
		sh.consent()
		s.shops[sh.ShopID] = sh
	}
	s.routes()
	return s, errors.Join(s.Set(Switches{}), s.loadTokens())
}

// limiter allows so many calls a second; 0 is no limit.
func limiter(perSecond float64) *rate.Limiter {
	return rate.NewLimiter(cmp.Or(rate.Limit(perSecond), rate.Inf), max(1, int(perSecond)))
}

// Wait waits for requests that are applied late, and for pending messages.
func (s *Sandbox) Wait() {
	s.mu.Lock()
	s.mu.Unlock() //nolint:staticcheck // those that began are known from here on
	s.late.Wait()
}

// ServeHTTP serves Shopee's paths and the controls.
func (s *Sandbox) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.mux.ServeHTTP(w, r) }

func (s *Sandbox) routes() {
	s.mux = http.NewServeMux()
	s.mux.HandleFunc("POST /api/v2/product/update_stock", s.shopCall(s.updateStock))
	s.mux.HandleFunc("GET /api/v2/product/get_model_list", s.shopRead(s.modelList))
	s.mux.HandleFunc("GET /api/v2/product/get_item_base_info", s.shopRead(baseInfo))
	s.mux.HandleFunc("GET /api/v2/product/get_item_list", s.shopRead(itemList))
	s.mux.HandleFunc("GET /api/v2/product/get_item_promotion", s.shopRead(promotions))
	s.mux.HandleFunc("GET /api/v2/shop/get_shop_holiday_mode", s.shopRead(holidayMode))
	s.mux.HandleFunc("GET /api/v2/shop/get_warehouse_detail", s.shopRead(warehouseDetail))
	s.mux.HandleFunc("GET /api/v2/shop/get_shop_info", s.shopRead(shopInfo))
	s.mux.HandleFunc("GET /api/v2/shop/auth_partner", s.appCall(s.consent))
	s.mux.HandleFunc("GET /api/v2/public/get_shops_by_partner", s.appCall(s.authorizedShops))
	s.mux.HandleFunc("POST /api/v2/auth/access_token/get", s.tokenCall(s.refreshToken))
	s.mux.HandleFunc("POST /api/v2/auth/token/get", s.tokenCall(s.firstToken))
	s.mux.HandleFunc("/api/", func(w http.ResponseWriter, _ *http.Request) {
		s.refuse(w, refusal{http.StatusForbidden, "error_not_found", "The path is invalid, or the sandbox does not have it."})
	})
	s.mux.HandleFunc("GET /sandbox/stock", func(w http.ResponseWriter, r *http.Request) { answer(w, http.StatusOK, s.Stock(shopOf(r))) })
	s.mux.HandleFunc("GET /sandbox/calls", func(w http.ResponseWriter, r *http.Request) { answer(w, http.StatusOK, s.Calls(shopOf(r))) })
	s.mux.HandleFunc("GET /sandbox/stats", func(w http.ResponseWriter, _ *http.Request) { answer(w, http.StatusOK, s.Stats()) })
	s.mux.HandleFunc("POST /sandbox/items", control(s.Describe))
	s.mux.HandleFunc("POST /sandbox/stock", control(s.SetStock))
	s.mux.HandleFunc("POST /sandbox/shops", control(s.SetShop))
	s.mux.HandleFunc("POST /sandbox/promotions", control(s.SetPromotion))
	s.mux.HandleFunc("POST /sandbox/push", control(s.SetPush))
	s.mux.HandleFunc("POST /sandbox/faults", control(s.AddFault))
	s.mux.HandleFunc("DELETE /sandbox/faults", func(w http.ResponseWriter, r *http.Request) {
		s.RemoveFaults(shopOf(r), r.URL.Query().Get("kind"))
		answer(w, http.StatusOK, struct{}{})
	})
	s.mux.HandleFunc("POST /sandbox/switches", control(s.Set))
}

// shopOf returns the shop that a request names; 0 if it names none.
func shopOf(r *http.Request) int64 {
	id, _ := strconv.ParseInt(r.URL.Query().Get("shop_id"), 10, 64)
	return id
}

// control reads a JSON body strictly and applies it.
func control[T any](apply func(T) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var value T
		decoder := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<20))
		decoder.DisallowUnknownFields()
		err := decoder.Decode(&value)
		if err == nil {
			err = apply(value)
		}
		if err != nil {
			answer(w, http.StatusBadRequest, map[string]string{"error": err.Error()})
			return
		}
		answer(w, http.StatusOK, value)
	}
}

func answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // a client that went away has no use for it
}

// refusal is an answer with an error; without a code there is none.
type refusal struct {
	status        int
	code, message string
}

func (s *Sandbox) refuse(w http.ResponseWriter, bad refusal) { s.send(w, bad, nil) }

// send answers as Shopee does: the error, the message and the request id are in every answer,
// beside its own fields.
func (s *Sandbox) send(w http.ResponseWriter, bad refusal, fields map[string]any) {
	all := map[string]any{"error": bad.code, "message": bad.message, "request_id": s.nextRequestID()}
	maps.Copy(all, fields)
	answer(w, cmp.Or(bad.status, http.StatusOK), all)
}

// response returns the fields of an answer that has only a response.
func response(v any) map[string]any { return map[string]any{"response": v} }

func (s *Sandbox) nextRequestID() string { return fmt.Sprintf("sandbox-%d", s.requests.Add(1)) }
