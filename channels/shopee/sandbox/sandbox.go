package sandbox

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"sync"
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

	mu       sync.Mutex
	shops    map[int64]*shop
	usedMain map[string]bool
	faults   []*Fault
	switches Switches
	push     PushTarget
	calls    []Call
	stats    Stats
	requests int64
	// received counts update_stock calls as they come.
	received  int64
	refreshes []Refresh
	late      sync.WaitGroup
}

// shop is one shop; Sandbox.mu guards it.
type shop struct {
	id      int64
	limiter *rate.Limiter
	access  map[string]time.Time
	refresh string
	used    map[string]bool
	linked  bool
	// consentedAt and endsAt are the authorization's.
	consentedAt, endsAt time.Time
	banned              bool
	holiday             string
	// warehouses are the location ids that update_stock may name.
	warehouses []string
	items      map[int64]*item
	inFlight   map[int64]int
}

type item struct {
	state     string
	described bool
	models    map[int64]*model
}

type model struct {
	stock, reserved int64
	locked          bool
}

// New makes a sandbox, with the tokens of its file if there is one.
func New(cfg Config) (*Sandbox, error) {
	cfg = cfg.withDefaults()
	s := &Sandbox{cfg: cfg, shops: map[int64]*shop{}, usedMain: map[string]bool{}, app: limiter(cfg.AppRate), switches: defaultSwitches(), push: cfg.Push}
	for i := range int64(cfg.Shops) {
		id := FirstShopID + i
		s.shops[id] = &shop{
			id: id, limiter: limiter(cfg.ShopRate), access: map[string]time.Time{}, used: map[string]bool{}, linked: true,
			items: map[int64]*item{}, inFlight: map[int64]int{},
		}
		s.shops[id].authorize(time.Now())
	}
	if err := s.loadTokens(); err != nil {
		return nil, err
	}
	s.routes()
	return s, nil
}

func limiter(perSecond float64) *rate.Limiter {
	if perSecond == 0 {
		return rate.NewLimiter(rate.Inf, 0)
	}
	return rate.NewLimiter(rate.Limit(perSecond), max(1, int(perSecond)))
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
	s.mux.HandleFunc("GET /api/v2/product/get_model_list", s.shopCall(s.modelList))
	s.mux.HandleFunc("GET /api/v2/product/get_item_base_info", s.shopCall(s.baseInfo))
	s.mux.HandleFunc("GET /api/v2/shop/auth_partner", s.consent)
	s.mux.HandleFunc("GET /api/v2/public/get_shops_by_partner", s.authorizedShops)
	s.mux.HandleFunc("GET /api/v2/product/get_item_promotion", s.shopCall(s.promotions))
	s.mux.HandleFunc("GET /api/v2/shop/get_shop_holiday_mode", s.shopCall(s.holidayMode))
	s.mux.HandleFunc("GET /api/v2/shop/get_warehouse_detail", s.shopCall(s.warehouseDetail))
	s.mux.HandleFunc("POST /api/v2/auth/access_token/get", s.refreshToken)
	s.mux.HandleFunc("POST /api/v2/auth/token/get", s.firstToken)
	s.mux.HandleFunc("GET /api/v2/shop/get_shop_info", s.shopCall(s.shopInfo))
	s.mux.HandleFunc("GET /api/v2/product/get_item_list", s.shopCall(s.itemList))
	s.mux.HandleFunc("/api/", func(w http.ResponseWriter, _ *http.Request) {
		s.refuse(w, refusal{http.StatusForbidden, "error_not_found", "The path is invalid, or the sandbox does not have it."})
	})
	s.mux.HandleFunc("GET /sandbox/stock", s.showStock)
	s.mux.HandleFunc("GET /sandbox/calls", s.showCalls)
	s.mux.HandleFunc("GET /sandbox/stats", func(w http.ResponseWriter, _ *http.Request) { answer(w, http.StatusOK, s.Stats()) })
	s.mux.HandleFunc("POST /sandbox/items", control(s.Describe))
	s.mux.HandleFunc("POST /sandbox/stock", control(s.SetStock))
	s.mux.HandleFunc("POST /sandbox/shops", control(s.SetShop))
	s.mux.HandleFunc("POST /sandbox/promotions", control(s.SetPromotion))
	s.mux.HandleFunc("POST /sandbox/push", control(s.SetPush))
	s.mux.HandleFunc("POST /sandbox/faults", control(s.AddFault))
	s.mux.HandleFunc("DELETE /sandbox/faults", s.removeFaults)
	s.mux.HandleFunc("POST /sandbox/switches", control(s.Set))
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

// envelope is what every answer of Shopee has.
type envelope struct {
	Error     string `json:"error"`
	Message   string `json:"message"`
	RequestID string `json:"request_id"`
	Response  any    `json:"response,omitempty"`
}

// refusal is an answer without a response.
type refusal struct {
	status        int
	code, message string
}

func (s *Sandbox) refuse(w http.ResponseWriter, r refusal) {
	answer(w, r.status, envelope{Error: r.code, Message: r.message, RequestID: s.nextRequestID()})
}

func (s *Sandbox) nextRequestID() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests++
	return fmt.Sprintf("sandbox-%d", s.requests)
}
