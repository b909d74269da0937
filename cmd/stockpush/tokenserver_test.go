package main

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const (
	tokenIssuer = "https://login.example"
	// kafkaAudience is the audience of tokens with kafkaScope. Other tokens have another audience.
	kafkaAudience, kafkaScope = "kafka", "push"
)

// tokenServer is an OpenID Connect server: it issues signed tokens for client credentials, and
// publishes the key that they are verified with.
type tokenServer struct {
	*httptest.Server
	key *rsa.PrivateKey
}

func startTokenServer(t *testing.T) *tokenServer {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	s, paths := &tokenServer{key: key}, http.NewServeMux()
	paths.HandleFunc("POST /token", s.token)
	paths.HandleFunc("GET /keys", s.keys)
	s.Server = httptest.NewServer(paths)
	t.Cleanup(s.Close)
	return s
}

func (s *tokenServer) tokenURL() string { return s.URL + "/token" }

// keysURL serves a JSON Web Key Set.
func (s *tokenServer) keysURL() string { return s.URL + "/keys" }

func (s *tokenServer) token(w http.ResponseWriter, r *http.Request) {
	if id, secret, _ := r.BasicAuth(); id != "stockpush" || secret != sesame {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	token, err := s.sign(r.FormValue("scope"))
	if err != nil {
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]any{"access_token": token, "token_type": "Bearer", "expires_in": 3600})
}

// sign returns a token of RFC 7519, signed by RS256.
func (s *tokenServer) sign(scope string) (string, error) {
	now, audience := time.Now(), "another"
	if scope == kafkaScope {
		audience = kafkaAudience
	}
	claims, err := json.Marshal(map[string]any{
		"iss": tokenIssuer, "aud": audience, "sub": "stockpush", "scope": scope, "iat": now.Unix(), "exp": now.Add(time.Hour).Unix(),
	})
	if err != nil {
		return "", err
	}
	signed := base64url([]byte(`{"alg":"RS256","kid":"1","typ":"JWT"}`)) + "." + base64url(claims)
	hash := sha256.Sum256([]byte(signed))
	signature, err := rsa.SignPKCS1v15(rand.Reader, s.key, crypto.SHA256, hash[:])
	return signed + "." + base64url(signature), err
}

func (s *tokenServer) keys(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	_, _ = fmt.Fprintf(w, `{"keys":[{"kty":"RSA","use":"sig","alg":"RS256","kid":"1","n":"%s","e":"AQAB"}]}`, base64url(s.key.N.Bytes())) // e is 65537
}

func base64url(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }
