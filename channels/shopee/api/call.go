package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strings"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"stockpush/channels"
	"stockpush/channels/shopee/tokens"
	"stockpush/schemas"

	"github.com/prometheus/client_golang/prometheus"
)

// maxBody bounds an answer, in bytes. The largest valid one, a model list, has at most a few
// hundred models of about 1 KiB each.
const maxBody = 4 << 20

// ErrTimeout is the cause of the deadline that the client sets.
var ErrTimeout = errors.New("no answer within shopee.timeout")

// Caller makes signed calls. It is safe for concurrent use.
type Caller struct {
	// HTTP makes the requests.
	HTTP      *http.Client
	base      string
	partnerID int64
	keys      atomic.Pointer[signingKeys]
	metrics   *metrics
}

// New makes a caller; baseURL is Shopee's host with its scheme. A nil registerer keeps the
// metrics unregistered.
func New(baseURL string, partnerID int64, key tokens.Secret, reg prometheus.Registerer) *Caller {
	c := &Caller{HTTP: newHTTPClient(), base: strings.TrimRight(baseURL, "/"), partnerID: partnerID, metrics: newMetrics(reg)}
	c.keys.Store(&signingKeys{current: key})
	return c
}

// newHTTPClient is sized for many shops on one host. It follows no redirect:
// the query carries the access token, which is for the configured host only.
func newHTTPClient() *http.Client {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.MaxIdleConns, t.MaxIdleConnsPerHost = 256, 256
	t.MaxResponseHeaderBytes = 64 << 10
	return &http.Client{
		Transport:     t,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// PartnerID is the app's number.
func (c *Caller) PartnerID() int64 { return c.partnerID }

// Request is one call.
type Request struct {
	Method, Path string
	// Query has the parameters without the signature's.
	Query url.Values
	// Body is sent as JSON unless nil.
	Body any
	// ShopID is 0 for a call on behalf of no shop.
	ShopID int64
	Token  tokens.Secret
	// Hidden is a secret in the body, which an answer might repeat.
	Hidden tokens.Secret
}

// Result is the outcome of a call.
type Result struct {
	// Body is the whole answer and Response its payload; nil if they cannot be read.
	Body, Response json.RawMessage
	// RequestID is Shopee's.
	RequestID string
	// Token was sent: what is kept of the answer must not repeat it.
	Token tokens.Secret
	// Verdict is what the envelope says; its Code is empty if it has no error.
	Verdict channels.Verdict
	// TokenRefused says that the access token is not valid: refresh it and repeat the call.
	TokenRefused bool
	// Failure says whether the call counts as a failure for the breaker.
	Failure bool
	// Cancelled says that the caller's context ended.
	Cancelled bool
}

// OK says whether Shopee answered without an error.
func (r *Result) OK() bool { return r.Verdict.Code == "" }

func (r *Result) outcomeLabel() string {
	switch {
	case r.Cancelled:
		return outcomeCancelled
	case r.OK():
		return OutcomeOK
	}
	return string(r.Verdict.Code.Class())
}

// maxRequestIDBytes is where a request id is cut. Shopee's have about 40 bytes, and each becomes
// part of a record.
const maxRequestIDBytes = 128

// envelope is around every answer.
type envelope struct {
	Error     string          `json:"error"`
	Message   string          `json:"message"`
	RequestID string          `json:"request_id"`
	Response  json.RawMessage `json:"response"`
}

// Send makes one call. Its context carries the deadline.
func (c *Caller) Send(ctx context.Context, req Request) (r *Result) {
	start := time.Now()
	defer func() { c.metrics.called(req.Path, r, time.Since(start)) }()
	var connected atomic.Bool
	trace := &httptrace.ClientTrace{GotConn: func(httptrace.GotConnInfo) { connected.Store(true) }}
	hr, err := c.newRequest(httptrace.WithClientTrace(ctx, trace), req)
	var resp *http.Response
	if err == nil {
		resp, err = c.HTTP.Do(hr)
	}
	var body []byte
	if err == nil {
		body, err = readBody(resp.Body)
	}
	if err != nil {
		return c.broken(ctx, req, err, connected.Load())
	}
	return c.judge(req, resp, body)
}

func (c *Caller) newRequest(ctx context.Context, req Request) (*http.Request, error) {
	var body io.Reader
	if req.Body != nil {
		b, err := json.Marshal(req.Body)
		if err != nil {
			return nil, fmt.Errorf("encode body: %w", err)
		}
		body = bytes.NewReader(b)
	}
	hr, err := http.NewRequestWithContext(ctx, req.Method, c.URL(req), body)
	if err != nil {
		return nil, err
	}
	hr.Header.Set("Accept", "application/json")
	if req.Body != nil {
		hr.Header.Set("Content-Type", "application/json")
	}
	return hr, nil
}

// URL returns the signed URL of a call.
func (c *Caller) URL(req Request) string {
	query := c.signedQuery(req, time.Now())
	maps.Copy(query, req.Query)
	return c.base + req.Path + "?" + query.Encode()
}

// readBody reads an answer up to maxBody and drains a little more, so the connection can be
// reused.
func readBody(body io.ReadCloser) ([]byte, error) {
	defer func() { _ = body.Close() }()
	b, err := io.ReadAll(io.LimitReader(body, maxBody+1))
	if err != nil {
		return nil, fmt.Errorf("read answer: %w", err)
	}
	if len(b) > maxBody {
		_, _ = io.CopyN(io.Discard, body, 64<<10)
		return nil, fmt.Errorf("read answer: longer than %d bytes", maxBody)
	}
	return b, nil
}

// broken returns the result of a call without an answer. Its outcome is Refused if there was no
// connection, so nothing can have been applied.
func (c *Caller) broken(ctx context.Context, req Request, err error, connected bool) *Result {
	ours := errors.Is(context.Cause(ctx), ErrTimeout)
	timeout, ok := errors.AsType[net.Error](err)
	timedOut := ours || ok && timeout.Timeout()
	if u, ok := errors.AsType[*url.Error](err); ok {
		err = u.Err // the URL has the token
	}
	v := channels.Verdict{Code: schemas.ChannelUnavailable, Message: c.Clean(req, err.Error())}
	if !connected {
		v.Outcome = channels.Refused
	}
	if timedOut {
		v.Code = schemas.TimedOut
	}
	if ours {
		v.Message = ErrTimeout.Error()
	}
	cancelled := ctx.Err() != nil && !ours
	return &Result{Verdict: v, Failure: !cancelled, Cancelled: cancelled}
}

// judge reads an answer's envelope, with any HTTP status.
func (c *Caller) judge(req Request, resp *http.Response, body []byte) *Result {
	var env envelope
	err := json.Unmarshal(body, &env)
	env.RequestID = cut(c.Clean(req, env.RequestID), maxRequestIDBytes)
	if err == nil && env.Error == "" && resp.StatusCode/100 == 2 {
		return &Result{Body: body, Response: env.Response, RequestID: env.RequestID, Token: req.Token}
	}
	r := &Result{RequestID: env.RequestID, Token: req.Token, Failure: resp.StatusCode >= 500}
	now := time.Now()
	verdict, act := classify(env.Error, env.Message, now)
	switch {
	case resp.StatusCode == http.StatusTooManyRequests && verdict.Code != schemas.DailyQuotaExhausted:
		r.Verdict = channels.Verdict{Outcome: channels.Refused, Code: schemas.RateLimited, Scope: channels.ScopeShop}
	case err != nil || env.Error == "":
		r.Verdict, r.Failure = channels.Verdict{Code: schemas.ChannelUnavailable}, true
	default:
		r.Body, r.Response = body, env.Response
		r.Verdict, r.TokenRefused = verdict, act == refresh
		c.Judged(r.Verdict)
	}
	r.Verdict.RequestID = env.RequestID
	r.Verdict.Message = c.Clean(req, words(env, resp.StatusCode))
	if r.Verdict.Code.Class() == schemas.ClassThrottle {
		r.Failure = false
	}
	waits := r.Verdict.Code == schemas.RateLimited || r.Verdict.Code == schemas.ChannelUnavailable
	if waits && r.Verdict.HoldUntil.IsZero() {
		r.Verdict.HoldUntil = retryAfter(resp.Header.Get("Retry-After"), now)
	}
	return r
}

// words returns Shopee's code and message.
func words(env envelope, status int) string {
	switch {
	case env.Error == "" && env.Message == "":
		return fmt.Sprintf("HTTP status %d without a readable error", status)
	case env.Error == "":
		return env.Message
	case env.Message == "":
		return env.Error
	}
	return env.Error + ": " + env.Message
}

// Clean redacts every secret of a call in a message and cuts it to the length that records keep.
func (c *Caller) Clean(req Request, message string) string {
	keys := c.keys.Load()
	for _, secret := range []tokens.Secret{req.Token, req.Hidden, keys.current, keys.before} {
		if secret != "" {
			message = strings.ReplaceAll(message, secret.Reveal(), secret.String())
		}
	}
	return cut(message, schemas.MaxFailureReasonBytes)
}

// cut shortens s to at most n bytes, at a character's border.
func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}
