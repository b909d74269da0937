package shopee

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
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
)

// maxBody bounds an answer, in bytes. The greatest proper one, a model list,
// has at most a few hundred models of about 1 KiB each.
const maxBody = 4 << 20

// errTimeout is the cause of the client's own deadline.
var errTimeout = errors.New("no answer within shopee.timeout")

// request is one call.
type request struct {
	method, path string
	// query is what the call has beside the signature.
	query url.Values
	// body is sent as JSON unless nil.
	body any
	// shopID is 0 for a public call.
	shopID int64
	token  tokens.Secret
	// hidden are further secrets that an answer might repeat.
	hidden []tokens.Secret
	// allowed is asked right before the request goes out; nil is always.
	allowed func() bool
}

func (r *request) mayGo() bool { return r.allowed == nil || r.allowed() }

// result is what a call came to.
type result struct {
	// body is the whole answer and response its payload; nil where unreadable.
	body, response json.RawMessage
	// requestID is Shopee's.
	requestID string
	// token was sent: what is taken from the answer must not repeat it.
	token tokens.Secret
	// verdict is what the envelope says; its Code is empty if no error.
	verdict channels.Verdict
	// act says what verdict asks for.
	act action
	// failure says whether the call counts for the breaker.
	failure bool
	// cancelled says that our caller gave the call up.
	cancelled bool
}

func (r *result) ok() bool { return r.verdict.Code == "" }

func (r *result) outcomeLabel() string {
	switch {
	case r.cancelled:
		return outcomeCancelled
	case r.ok():
		return outcomeOK
	}
	return string(r.verdict.Code.Class())
}

// maxRequestIDBytes is where a request id is cut: Shopee's have about 40, and
// each goes into a record.
const maxRequestIDBytes = 128

// envelope is around every answer.
type envelope struct {
	Error     string          `json:"error"`
	Message   string          `json:"message"`
	RequestID string          `json:"request_id"`
	Response  json.RawMessage `json:"response"`
}

// send makes one call. Its context carries the deadline.
func (c *Client) send(ctx context.Context, req request) *result {
	start := time.Now()
	r := c.roundTrip(ctx, req)
	c.metrics.called(req.path, r, time.Since(start))
	return r
}

func (c *Client) roundTrip(ctx context.Context, req request) *result {
	var connected atomic.Bool
	trace := &httptrace.ClientTrace{GotConn: func(httptrace.GotConnInfo) { connected.Store(true) }}
	hr, err := c.newRequest(httptrace.WithClientTrace(ctx, trace), req)
	if err != nil {
		return c.broken(ctx, req, err, channels.Refused)
	}
	resp, err := c.http.Do(hr)
	if err != nil && !connected.Load() {
		return c.broken(ctx, req, err, channels.Refused)
	}
	if err != nil {
		return c.broken(ctx, req, err, channels.Unknown)
	}
	body, err := readBody(resp.Body)
	if err != nil {
		return c.broken(ctx, req, err, channels.Unknown)
	}
	return c.judge(req, resp, body)
}

func (c *Client) newRequest(ctx context.Context, req request) (*http.Request, error) {
	var body io.Reader
	if req.body != nil {
		b, err := json.Marshal(req.body)
		if err != nil {
			return nil, fmt.Errorf("encode body: %w", err)
		}
		body = bytes.NewReader(b)
	}
	hr, err := http.NewRequestWithContext(ctx, req.method, c.base+req.path+"?"+c.signedQuery(req), body)
	if err != nil {
		return nil, err
	}
	hr.Header.Set("Accept", "application/json")
	if req.body != nil {
		hr.Header.Set("Content-Type", "application/json")
	}
	return hr, nil
}

func (c *Client) signedQuery(req request) string {
	query := c.signer.query(req.path, time.Now(), req.shopID, req.token)
	maps.Copy(query, req.query)
	return query.Encode()
}

// readBody reads an answer up to maxBody and drains a little more, so that the
// connection can be used again.
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

// broken is the result of a call without an answer. Outcome is Refused where
// no connection was had, so that nothing can have been applied.
func (c *Client) broken(ctx context.Context, req request, err error, o channels.Outcome) *result {
	v := channels.Verdict{Outcome: o, Code: schemas.ChannelUnavailable, Message: c.clean(req, withoutURL(err).Error())}
	var timeout interface{ Timeout() bool }
	ours := errors.Is(context.Cause(ctx), errTimeout)
	if ours {
		v.Message = errTimeout.Error()
	}
	if ours || (errors.As(err, &timeout) && timeout.Timeout()) {
		v.Code = schemas.TimedOut
	}
	cancelled := ctx.Err() != nil && !ours
	return &result{verdict: v, failure: !cancelled, cancelled: cancelled}
}

// withoutURL drops the URL of an HTTP error: its query carries the token.
func withoutURL(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err
	}
	return err
}

// judge reads an answer's envelope, whatever its status.
func (c *Client) judge(req request, resp *http.Response, body []byte) *result {
	var env envelope
	err := json.Unmarshal(body, &env)
	env.RequestID = cut(c.clean(req, env.RequestID), maxRequestIDBytes)
	throttled := resp.StatusCode == http.StatusTooManyRequests
	if err == nil && env.Error == "" && resp.StatusCode/100 == 2 {
		return &result{body: body, response: env.Response, requestID: env.RequestID, token: req.token}
	}
	r := &result{requestID: env.RequestID, token: req.token, failure: resp.StatusCode >= 500}
	now := time.Now()
	switch {
	case throttled && !quota(env):
		r.verdict = channels.Verdict{Outcome: channels.Refused, Code: schemas.RateLimited, Scope: channels.ScopeShop}
	case err != nil || env.Error == "":
		r.verdict, r.failure = channels.Verdict{Code: schemas.ChannelUnavailable}, true
	default:
		r.body, r.response = body, env.Response
		r.verdict, r.act = classify(env.Error, env.Message, now)
		c.metrics.judged(r.verdict)
	}
	r.verdict.RequestID = env.RequestID
	r.verdict.Message = c.clean(req, words(env, resp.StatusCode))
	if r.verdict.Code.Class() == schemas.ClassThrottle {
		r.failure = false
	}
	if r.verdict.HoldUntil.IsZero() && holds(r.verdict.Code) {
		r.verdict.HoldUntil = retryAfter(resp.Header.Get("Retry-After"), now)
	}
	return r
}

// quota says whether an envelope tells of the day's quota.
func quota(env envelope) bool {
	v, _ := classify(env.Error, env.Message, time.Time{})
	return v.Code == schemas.DailyQuotaExhausted
}

func holds(code schemas.FailureCode) bool {
	return code == schemas.RateLimited || code == schemas.ChannelUnavailable
}

// words is what Shopee said: its code as it sent it, and its message.
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

// clean takes every secret of a call out of a message and cuts it to the
// length that records keep.
func (c *Client) clean(req request, message string) string {
	keys := c.signer.keys.Load()
	for _, secret := range append([]tokens.Secret{req.token, keys.current, keys.before}, req.hidden...) {
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
