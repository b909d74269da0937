package kafkaconn

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/sasl"
	"github.com/twmb/franz-go/pkg/sasl/oauth"
	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"

	"stockpush/cmd/internal/config"
)

// tokenTimeout limits a request for credentials.
const tokenTimeout = 10 * time.Second

// bearer logs in with tokens of kafka.sasl.oauth.token_url. A token is used for every connection
// until it ends.
func bearer(c config.OAuth) sasl.Mechanism {
	client := &http.Client{Timeout: tokenTimeout}
	credentials := clientcredentials.Config{ClientID: c.ClientID, ClientSecret: c.ClientSecret.Reveal(), TokenURL: c.TokenURL, Scopes: c.Scopes}
	source := credentials.TokenSource(context.WithValue(context.Background(), oauth2.HTTPClient, client))
	return strict{oauth.Oauth(func(context.Context) (oauth.Auth, error) {
		token, err := source.Token()
		if err != nil {
			return oauth.Auth{}, tokenError(err)
		}
		return oauth.Auth{Token: token.AccessToken}, nil
	})}
}

// tokenError says how the token server answered, without the body of its answer.
func tokenError(err error) error {
	refusal, ok := errors.AsType[*oauth2.RetrieveError](err)
	if !ok {
		return fmt.Errorf("kafka.sasl.oauth.token_url: %w", err)
	}
	return &noToken{refusal}
}

// noToken is an answer of the token server that is no token.
type noToken struct{ refusal *oauth2.RetrieveError }

func (e *noToken) Error() string {
	return fmt.Sprintf("kafka.sasl.oauth.token_url answers %s %s", e.refusal.Response.Status, e.refusal.ErrorCode)
}

func (e *noToken) Unwrap() error { return e.refusal }

// Timeout makes the error a net.Error: a server that has a fault is asked again.
func (e *noToken) Timeout() bool {
	return e.refusal.Response.StatusCode >= http.StatusInternalServerError
}

// strict marks what a broker answers to a token that it refuses: it sends the reason, which the
// mechanism returns as an error without a type.
type strict struct{ sasl.Mechanism }

// Authenticate starts a login.
func (s strict) Authenticate(ctx context.Context, host string) (sasl.Session, []byte, error) {
	session, first, err := s.Mechanism.Authenticate(ctx, host)
	return strictSession{session}, first, err
}

type strictSession struct{ sasl.Session }

// Challenge takes the broker's answer.
func (s strictSession) Challenge(answer []byte) (done bool, next []byte, err error) {
	done, next, err = s.Session.Challenge(answer)
	if err != nil {
		err = fmt.Errorf("%w: %w", kerr.SaslAuthenticationFailed, err)
	}
	return done, next, err
}
