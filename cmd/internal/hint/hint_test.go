package hint

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"testing"

	"github.com/ClickHouse/ch-go"
	"github.com/ClickHouse/ch-go/proto"
	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kerr"
	"golang.org/x/oauth2"

	"stockpush/cmd/internal/config"
)

func TestRefusalsOfBothClickHouseClientsHaveAHint(t *testing.T) {
	for code, advice := range map[proto.Error]string{
		proto.ErrAuthenticationFailed: "check clickhouse.username and clickhouse.password",
		proto.ErrUnknownUser:          "check clickhouse.username and clickhouse.password",
		proto.ErrAccessDenied:         "lacks rights",
		proto.ErrUnknownDatabase:      "stockpush setup",
		proto.ErrUnknownTable:         "stockpush setup",
		proto.ErrNoSuchColumnInTable:  "stockpush setup",
	} {
		query, insert := &clickhouse.Exception{Code: int32(code)}, &ch.Exception{Code: code}
		for _, refusal := range []error{query, insert} {
			advised := ClickHouse(config.ClickHouse{}, fmt.Errorf("insert: %w", refusal))
			require.ErrorContains(t, advised, advice, "%v of %T", code, refusal)
			require.ErrorIs(t, advised, refusal)
		}
	}
	other := error(&ch.Exception{Code: proto.ErrMemoryLimitExceeded})
	require.Equal(t, other, ClickHouse(config.ClickHouse{}, other))
	require.NoError(t, ClickHouse(config.ClickHouse{}, nil))
	unknown := errors.New("something else")
	require.Equal(t, unknown, ClickHouse(config.ClickHouse{}, unknown))
}

func TestKafkaLoginsHaveAHint(t *testing.T) {
	refused := &oauth2.RetrieveError{Response: &http.Response{Status: "401 Unauthorized", StatusCode: http.StatusUnauthorized}}
	away := &url.Error{Op: "Post", URL: "https://login.example/token", Err: errors.New("no route")}
	for _, c := range []struct {
		mechanism string
		err       error
		advice    string
	}{
		{"SCRAM-SHA-512", kerr.SaslAuthenticationFailed, "kafka.sasl.username"},
		{"OAUTHBEARER", kerr.SaslAuthenticationFailed, "kafka.sasl.oauth.client_id"},
		{"AWS_MSK_IAM", kerr.SaslAuthenticationFailed, "kafka-cluster:Connect"},
		{"AWS_MSK_IAM", io.EOF, "AWS_REGION"},
		{"OAUTHBEARER", kerr.UnsupportedSaslMechanism, "kafka.sasl.mechanism"},
		{"OAUTHBEARER", refused, "client_secret"},
		{"OAUTHBEARER", away, "kafka.sasl.oauth.token_url"},
		{"AWS_MSK_IAM", away, "AWS_ACCESS_KEY_ID"},
	} {
		advised := Kafka(config.Kafka{SASL: config.SASL{Mechanism: c.mechanism}, TLS: config.TLS{Enabled: true}}, fmt.Errorf("connect: %w", c.err))
		require.ErrorContains(t, advised, c.advice, "%s: %v", c.mechanism, c.err)
		require.ErrorIs(t, advised, c.err)
	}
}
