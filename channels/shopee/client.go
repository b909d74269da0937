package shopee

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"golang.org/x/sync/singleflight"
)

// Config says which app we are and where Shopee is.
type Config struct {
	// BaseURL is the host only, such as https://partner.shopeemobile.com.
	BaseURL    string
	PartnerID  int64
	PartnerKey string
	// Timeout bounds one request. 0 means 10 s.
	Timeout time.Duration
}

// Client calls Shopee; it implements channels.Channel.
type Client struct {
	cfg     Config
	tokens  TokenStore
	http    *http.Client
	refresh singleflight.Group
	metrics *Metrics
}

// New makes a client. Nothing is sent before the first call.
func New(cfg Config, tokens TokenStore, metrics *Metrics) *Client {
	if cfg.Timeout == 0 {
		cfg.Timeout = 10 * time.Second
	}
	cfg.BaseURL = strings.TrimSuffix(cfg.BaseURL, "/")
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConnsPerHost = 64
	return &Client{cfg: cfg, tokens: tokens, metrics: metrics, http: &http.Client{Transport: transport}}
}

// Close gives back idle connections.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// maxAnswerBytes bounds what is read of an answer; Shopee's are a few kilobytes.
const maxAnswerBytes = 4 << 20

// request is one call to Shopee.
type request struct {
	method, path string
	query        url.Values
	// body is sent as JSON; nil for none.
	body any
	// shopID is 0 for calls of the public kind, which carry no access token.
	shopID      int64
	accessToken string
}

// reply is an answer that could be read as Shopee's envelope.
type reply struct {
	status     int
	retryAfter string
	envelope
}

// envelope is what every answer of Shopee has. The auth endpoints have their
// fields beside it instead of below response.
type envelope struct {
	Error     string          `json:"error"`
	Message   string          `json:"message"`
	RequestID string          `json:"request_id"`
	Response  json.RawMessage `json:"response"`
	raw       []byte
}

// ErrUnreadable says that an answer is not Shopee's envelope.
var ErrUnreadable = errors.New("the answer cannot be read")

// do sends a request once. An error means that its outcome is unknown, or that
// it never left.
func (c *Client) do(ctx context.Context, r request) (reply, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, c.cfg.Timeout, fmt.Errorf("no answer within %v", c.cfg.Timeout))
	defer cancel()
	httpRequest, err := c.build(ctx, r)
	if err != nil {
		return reply{}, err
	}
	started := time.Now()
	answer, err := c.http.Do(httpRequest)
	defer func() { c.metrics.observe(r.path, time.Since(started)) }()
	if err != nil {
		return reply{}, withoutURL(err)
	}
	defer func() { _ = answer.Body.Close() }()
	raw, err := io.ReadAll(io.LimitReader(answer.Body, maxAnswerBytes))
	if err != nil {
		return reply{}, fmt.Errorf("read the answer: %w", err)
	}
	out := reply{status: answer.StatusCode, retryAfter: answer.Header.Get("Retry-After")}
	if err := json.Unmarshal(raw, &out.envelope); err != nil {
		return out, fmt.Errorf("%w: HTTP %d", ErrUnreadable, answer.StatusCode)
	}
	out.raw = raw
	return out, nil
}

func (c *Client) build(ctx context.Context, r request) (*http.Request, error) {
	var body io.Reader
	if r.body != nil {
		encoded, err := json.Marshal(r.body)
		if err != nil {
			return nil, fmt.Errorf("encode %s: %w", r.path, err)
		}
		body = bytes.NewReader(encoded)
	}
	out, err := http.NewRequestWithContext(ctx, r.method, c.cfg.BaseURL+r.path+"?"+c.signed(r).Encode(), body)
	if err != nil {
		return nil, fmt.Errorf("shopee.base_url: %w", withoutURL(err))
	}
	if body != nil {
		out.Header.Set("Content-Type", "application/json")
	}
	return out, nil
}

func (c *Client) signed(r request) url.Values {
	query := url.Values{}
	for name, values := range r.query {
		query[name] = values
	}
	timestamp := decimal(time.Now().Unix())
	parts := []string{decimal(c.cfg.PartnerID), r.path, timestamp}
	if r.shopID != 0 {
		parts = append(parts, r.accessToken, decimal(r.shopID))
		query.Set("access_token", r.accessToken)
		query.Set("shop_id", decimal(r.shopID))
	}
	query.Set("partner_id", decimal(c.cfg.PartnerID))
	query.Set("timestamp", timestamp)
	query.Set("sign", sign(c.cfg.PartnerKey, parts...))
	return query
}

// withoutURL takes the URL, which has the access token in it, out of an error.
func withoutURL(err error) error {
	var withURL *url.Error
	if errors.As(err, &withURL) {
		return fmt.Errorf("%s: %w", withURL.Op, withURL.Err)
	}
	return err
}
