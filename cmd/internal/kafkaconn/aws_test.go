package kafkaconn

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"stockpush/cmd/internal/config"
)

const mskHost = "b-1.shop.abc123.c2.kafka.eu-central-1.amazonaws.com"

func payload(t *testing.T) (map[string]string, error) {
	mechanism, err := mechanismOf(config.SASL{Mechanism: "AWS_MSK_IAM"})
	require.NoError(t, err)
	require.Equal(t, "AWS_MSK_IAM", mechanism.Name())
	_, first, err := mechanism.Authenticate(t.Context(), mskHost+":9098")
	if err != nil {
		return nil, err
	}
	var fields map[string]string
	require.NoError(t, json.Unmarshal(first, &fields))
	return fields, nil
}

func sign(key []byte, text string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(text))
	return h.Sum(nil)
}

// signature is AWS's Signature Version 4 of a presigned request, written from its specification.
func signature(fields map[string]string, secret string) string {
	query := url.Values{}
	for lower, name := range map[string]string{
		"action": "Action", "x-amz-algorithm": "X-Amz-Algorithm", "x-amz-credential": "X-Amz-Credential", "x-amz-date": "X-Amz-Date",
		"x-amz-expires": "X-Amz-Expires", "x-amz-signedheaders": "X-Amz-SignedHeaders", "x-amz-security-token": "X-Amz-Security-Token",
	} {
		if value, ok := fields[lower]; ok {
			query.Set(name, value)
		}
	}
	empty := sha256.Sum256(nil)
	canonical := strings.Join([]string{"GET", "/", strings.ReplaceAll(query.Encode(), "+", "%20"), "host:" + fields["host"], "", "host", hex.EncodeToString(empty[:])}, "\n")
	digest := sha256.Sum256([]byte(canonical))
	_, scope, _ := strings.Cut(fields["x-amz-credential"], "/")
	text := strings.Join([]string{"AWS4-HMAC-SHA256", fields["x-amz-date"], scope, hex.EncodeToString(digest[:])}, "\n")
	key := []byte("AWS4" + secret)
	for _, part := range strings.Split(scope, "/") {
		key = sign(key, part)
	}
	return hex.EncodeToString(sign(key, text))
}

func TestAWSPayloadIsSignedWithTheCredentialsOfTheEnvironment(t *testing.T) {
	t.Setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "a/secret+key")
	t.Setenv("AWS_SESSION_TOKEN", "session/token+==")
	fields, err := payload(t)
	require.NoError(t, err)
	require.Equal(t, map[string]string{
		"version": "2020_10_22", "host": mskHost, "user-agent": "stockpush", "action": "kafka-cluster:Connect", "x-amz-algorithm": "AWS4-HMAC-SHA256",
		"x-amz-credential":    "AKIDEXAMPLE/" + fields["x-amz-date"][:8] + "/eu-central-1/kafka-cluster/aws4_request",
		"x-amz-date":          fields["x-amz-date"],
		"x-amz-signedheaders": "host", "x-amz-expires": "300", "x-amz-security-token": "session/token+==", "x-amz-signature": signature(fields, "a/secret+key"),
	}, fields)
	at, err := time.Parse("20060102T150405Z", fields["x-amz-date"])
	require.NoError(t, err)
	require.WithinDuration(t, time.Now(), at, time.Minute)
}

func TestAWSCredentialsOfAContainer(t *testing.T) {
	t.Setenv("AWS_ACCESS_KEY_ID", "")
	_, err := payload(t)
	require.ErrorIs(t, err, ErrNoAWSCredentials)
	file := filepath.Join(t.TempDir(), "token")
	require.NoError(t, os.WriteFile(file, []byte("of-the-pod\n"), 0o600))
	asked, lives := 0, time.Hour
	endpoint := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "of-the-pod" {
			w.WriteHeader(http.StatusForbidden)
			return
		}
		asked++
		_, _ = fmt.Fprintf(w, `{"AccessKeyId":"ASIA%d","SecretAccessKey":"secret","Token":"t","Expiration":%q}`, asked, time.Now().Add(lives).UTC().Format(time.RFC3339))
	}))
	t.Cleanup(endpoint.Close)
	t.Setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", endpoint.URL)
	_, err = payload(t)
	require.ErrorContains(t, err, "403 Forbidden")
	t.Setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", file)
	mechanism := awsIAM()
	access := func() string {
		_, first, err := mechanism.Authenticate(t.Context(), mskHost+":9098")
		require.NoError(t, err)
		var fields map[string]string
		require.NoError(t, json.Unmarshal(first, &fields))
		require.Equal(t, signature(fields, "secret"), fields["x-amz-signature"])
		id, _, _ := strings.Cut(fields["x-amz-credential"], "/")
		return id
	}
	require.Equal(t, "ASIA1", access())
	require.Equal(t, "ASIA1", access(), "they serve until they end soon")
	mechanism, lives = awsIAM(), 4*time.Minute
	require.Equal(t, "ASIA2", access())
	require.Equal(t, "ASIA3", access())
}
