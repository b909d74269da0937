package clickhouse

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestOlderServerIsRefusedWithBothVersions(t *testing.T) {
	for _, old := range []string{"25.8.2.1", "26.6.9.1-lts", "24.12.1.1"} {
		err := checkVersion(old)
		require.ErrorIs(t, err, ErrOldServer, old)
		require.ErrorContains(t, err, old)
		require.ErrorContains(t, err, "26.7")
	}
	for _, accepted := range []string{"26.7.1.1", "26.10.1.1", "27.1.1.1", "head"} {
		require.NoError(t, checkVersion(accepted), accepted)
	}
}
