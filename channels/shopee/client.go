package shopee

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"stockpush/channels"
	"stockpush/channels/shopee/api"
	"stockpush/channels/shopee/tokens"
)

// Config is the client's configuration.
type Config struct {
	// BaseURL is Shopee's host with its scheme, without a path.
	BaseURL string
	// PartnerID is the app's number in the open platform console, > 0.
	PartnerID int64
	// PartnerKey is the app's API key, used as raw text.
	PartnerKey tokens.Secret
	// Shadow answers each Push as confirmed, without the request that would change stock.
	Shadow bool
	// Timeout bounds one Push or Read as a whole; it must be positive.
	Timeout time.Duration
}

// validate names the keys that are missing, as the user writes them.
func (c Config) validate() error {
	var bad []error
	if c.PartnerID <= 0 {
		bad = append(bad, errors.New("shopee.partner_id: want the app's number, above 0"))
	}
	if c.PartnerKey == "" {
		bad = append(bad, errors.New("shopee.partner_key: is empty"))
	}
	return errors.Join(bad...)
}

// Deps are the client's dependencies.
type Deps struct {
	// Tokens stores the shops' token pairs. Required.
	Tokens tokens.Store
	// Logger gets lifecycle and warnings; nil discards them.
	Logger *slog.Logger
	// Registerer gets the metrics; nil keeps them unregistered.
	Registerer prometheus.Registerer
	// Pace waits until the rate limits allow a call. It is called before each call after the
	// first of a Push or Read: a token refresh, the repeat after it, a second read. Nil does
	// not wait.
	Pace func(ctx context.Context, shopID int64) error
}

// Client is the client of Shopee's API. It implements channels.Channel.
type Client struct {
	api      *api.Caller
	timeout  time.Duration
	shadow   bool
	tokens   tokens.Store
	sessions *sessions
	metrics  *metrics
	pace     func(ctx context.Context, shopID int64) error
}

var _ channels.Channel = (*Client)(nil)

// New returns a client. It makes no call.
func New(cfg Config, deps Deps) (*Client, error) {
	if err := cfg.validate(); err != nil {
		return nil, fmt.Errorf("shopee client: %w", err)
	}
	if deps.Pace == nil {
		deps.Pace = func(context.Context, int64) error { return nil }
	}
	c := &Client{
		api: api.New(cfg.BaseURL, cfg.PartnerID, cfg.PartnerKey, deps.Registerer), metrics: newMetrics(deps.Registerer),
		timeout: cfg.Timeout, shadow: cfg.Shadow, tokens: deps.Tokens, pace: deps.Pace,
	}
	c.sessions = newSessions(c, deps.Logger)
	return c, nil
}

// SetPartnerKey signs all calls with another key from now on, for example after the key was
// reset in Shopee's console, and says whether it changed. An empty key changes nothing.
func (c *Client) SetPartnerKey(key tokens.Secret) (changed bool) {
	return c.api.SetPartnerKey(key)
}

// Close waits for token refreshes in progress, tries once more to store pairs that could not be
// stored, and closes idle connections. Call it once, and no Push or Read after it.
func (c *Client) Close() {
	c.sessions.close()
	c.api.HTTP.CloseIdleConnections()
}
