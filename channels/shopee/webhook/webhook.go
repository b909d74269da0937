package webhook

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"stockpush/channels/shopee/tokens"
)

// MaxBodyBytes is how long a message may be; real ones have less than 4 KiB.
const MaxBodyBytes = 64 << 10

// Config is how Shopee sends messages.
type Config struct {
	// URL is the callback URL, exactly as it is registered with Shopee.
	URL string
	// Key signs: the push partner key if one was made, else the partner key.
	Key tokens.Secret
}

// Deps are a receiver's dependencies.
type Deps struct {
	// Released is called for each item whose promotion released stock. It must not block.
	Released func(Change)
	Logger   *slog.Logger
	// Registerer is nil for no metrics.
	Registerer prometheus.Registerer
}

// Receiver is the HTTP handler of push messages, at any path.
type Receiver struct {
	url      string
	key      atomic.Pointer[tokens.Secret]
	deps     Deps
	messages *prometheus.CounterVec
	refused  *prometheus.CounterVec
}

// Why a request is refused, a metric's label.
const (
	refusedMethod    = "method"
	refusedBody      = "body"
	refusedSignature = "signature"
)

// New returns a receiver.
func New(cfg Config, deps Deps) *Receiver {
	f := promauto.With(deps.Registerer)
	r := &Receiver{url: cfg.URL, deps: deps,
		messages: f.NewCounterVec(prometheus.CounterOpts{
			Name: "stockpush_webhook_messages_total", Help: "Push messages of Shopee's, by code (0, a trial of the URL, 7, 8, other) and by what they say: a promotion released stock, irrelevant, unreadable.",
		}, []string{"code", "meaning"}),
		refused: f.NewCounterVec(prometheus.CounterOpts{
			Name: "stockpush_webhook_refused_total", Help: "Requests to the webhook that are no push messages of Shopee's, by cause.",
		}, []string{"cause"}),
	}
	r.SetKey(cfg.Key)
	for _, code := range []string{codeTrial, codePromotion, codeReserved, codeOther} {
		for _, meaning := range []string{unreadable, irrelevant, released} {
			r.messages.WithLabelValues(code, meaning)
		}
	}
	for _, cause := range []string{refusedMethod, refusedBody, refusedSignature} {
		r.refused.WithLabelValues(cause)
	}
	return r
}

// SetKey sets another key that signs messages from now on.
func (r *Receiver) SetKey(key tokens.Secret) { r.key.Store(&key) }

// ServeHTTP answers a message with an empty body, as Shopee requires: 200 if the signature is
// right, for any content, since Shopee would send it again otherwise. It answers a test of the URL
// the same, without a signature, and ignores it.
func (r *Receiver) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	if q.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		r.refuse(w, refusedMethod, http.StatusMethodNotAllowed)
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, q.Body, MaxBodyBytes))
	if err != nil {
		status := http.StatusBadRequest
		if _, tooLong := errors.AsType[*http.MaxBytesError](err); tooLong {
			status = http.StatusRequestEntityTooLarge
		}
		r.refuse(w, refusedBody, status)
		return
	}
	code, meaning, change := read(body)
	// A trial has no signature: the key is created on the page on which the URL is entered.
	if code != codeTrial && !r.signed(q.Header.Get("Authorization"), body) {
		r.refuse(w, refusedSignature, http.StatusUnauthorized)
		return
	}
	r.messages.WithLabelValues(code, meaning).Inc()
	switch {
	case code == codeTrial:
		r.deps.Logger.Debug("the webhook's URL was tried out")
	case meaning == released:
		r.deps.Released(change)
	case meaning == unreadable:
		r.deps.Logger.Warn("a push message of Shopee's cannot be read, it is ignored", "code", code, "bytes", len(body))
	}
	w.WriteHeader(http.StatusOK)
}

func (r *Receiver) refuse(w http.ResponseWriter, cause string, status int) {
	r.refused.WithLabelValues(cause).Inc()
	r.deps.Logger.Debug("a request to the webhook is refused", "cause", cause)
	w.WriteHeader(status)
}

// signed compares the signature with HMAC-SHA256 of the URL, a bar and the body as it came.
func (r *Receiver) signed(signature string, body []byte) bool {
	mac := hmac.New(sha256.New, []byte(r.key.Load().Reveal()))
	_, _ = mac.Write([]byte(r.url + "|")) // a hash never fails
	_, _ = mac.Write(body)
	given, err := hex.DecodeString(strings.TrimSpace(signature))
	return err == nil && hmac.Equal(given, mac.Sum(nil))
}
