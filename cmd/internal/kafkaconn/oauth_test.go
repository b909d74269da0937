package kafkaconn

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kerr"
	"golang.org/x/oauth2"

	"stockpush/cmd/internal/config"
)

// tokenServer issues tokens for client credentials.
type tokenServer struct {
	*httptest.Server
	asked, status int
	lives         int // seconds
	scope         string
}

func newTokenServer(t *testing.T) *tokenServer {
	s := &tokenServer{lives: 3600, status: http.StatusOK}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.asked++
		id, secret, _ := r.BasicAuth()
		w.Header().Set("Content-Type", "application/json")
		switch {
		case s.status != http.StatusOK:
			w.WriteHeader(s.status)
		case r.FormValue("grant_type") != "client_credentials" || id != "client" || secret != "hunter2":
			w.WriteHeader(http.StatusUnauthorized)
			_, _ = fmt.Fprintf(w, `{"error":"invalid_client","error_description":"%s"}`, secret)
		default:
			s.scope = r.FormValue("scope")
			_, _ = fmt.Fprintf(w, `{"access_token":"token-%d","token_type":"Bearer","expires_in":%d}`, s.asked, s.lives)
		}
	}))
	t.Cleanup(s.Close)
	return s
}

func (s *tokenServer) config() config.OAuth {
	return config.OAuth{TokenURL: s.URL, ClientID: "client", ClientSecret: "hunter2", Scopes: []string{"kafka", "push"}}
}

func firstMessage(c config.OAuth) (string, error) {
	_, first, err := bearer(c).Authenticate(context.Background(), "broker:9092")
	return string(first), err
}

func TestBearerLogsInWithATokenForClientCredentials(t *testing.T) {
	s := newTokenServer(t)
	mechanism := bearer(s.config())
	require.Equal(t, "OAUTHBEARER", mechanism.Name())
	for range 3 {
		session, first, err := mechanism.Authenticate(t.Context(), "broker:9092")
		require.NoError(t, err)
		require.Equal(t, "n,,\x01auth=Bearer token-1\x01\x01", string(first), "a token serves every connection")
		done, _, err := session.Challenge(nil)
		require.NoError(t, err)
		require.True(t, done)
	}
	require.Equal(t, "kafka push", s.scope)
	s.lives = 1 // it ends within the margin of its next use
	mechanism = bearer(s.config())
	for n := 2; n <= 3; n++ {
		_, first, err := mechanism.Authenticate(t.Context(), "broker:9092")
		require.NoError(t, err)
		require.Contains(t, string(first), fmt.Sprintf("token-%d\x01", n))
	}
}

func TestRefusalsOfTheTokenServerRevealNothing(t *testing.T) {
	s := newTokenServer(t)
	wrong := s.config()
	wrong.ClientSecret = "wrong-secret"
	_, err := firstMessage(wrong)
	refusal, ok := errors.AsType[*oauth2.RetrieveError](err)
	require.True(t, ok)
	require.Equal(t, http.StatusUnauthorized, refusal.Response.StatusCode)
	require.ErrorContains(t, err, "401 Unauthorized invalid_client")
	require.NotContains(t, err.Error(), "wrong-secret")
	_, temporary := errors.AsType[net.Error](err)
	require.False(t, temporary && isTimeout(err))
}

func TestFaultsOfTheTokenServerAreTemporary(t *testing.T) {
	s := newTokenServer(t)
	s.status = http.StatusServiceUnavailable
	_, err := firstMessage(s.config())
	require.True(t, isTimeout(err))
	s.Close()
	_, err = firstMessage(s.config())
	_, network := errors.AsType[net.Error](err)
	require.True(t, network)
}

func isTimeout(err error) bool {
	var failure interface{ Timeout() bool }
	return errors.As(err, &failure) && failure.Timeout()
}

func TestRefusedTokenIsAFailedLogin(t *testing.T) {
	session, _, err := bearer(newTokenServer(t).config()).Authenticate(t.Context(), "broker:9092")
	require.NoError(t, err)
	_, _, err = session.Challenge([]byte(`{"status":"invalid_token"}`))
	require.ErrorIs(t, err, kerr.SaslAuthenticationFailed)
}
