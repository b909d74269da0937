package hint

import (
	"errors"
	"fmt"
	"testing"

	"github.com/ClickHouse/ch-go"
	"github.com/ClickHouse/ch-go/proto"
	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/stretchr/testify/require"

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
