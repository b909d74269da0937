package clickhouse

import (
	"io"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestOlderServerIsRefusedWithBothVersions(t *testing.T) {
	for _, old := range []string{"25.7.9.1-lts", "25.5.2.1", "24.12.1.1"} {
		err := checkVersion(old)
		require.ErrorIs(t, err, ErrOldServer, old)
		require.ErrorContains(t, err, old)
		require.ErrorContains(t, err, "25.8")
	}
	for _, accepted := range []string{"25.8.2.1", "25.10.1.1", "26.3.9.1-lts", "27.1.1.1", "head"} {
		require.NoError(t, checkVersion(accepted), accepted)
	}
}

func TestEveryAddressMustBeNewEnough(t *testing.T) {
	recent, old, down := answer{addr: "a", version: "26.7.1.1"}, answer{addr: "b", version: "25.5.2.1"}, answer{addr: "c", err: io.EOF}
	require.NoError(t, checkVersions([]answer{recent, down}), "another address can be used")
	err := checkVersions([]answer{recent, down, old})
	require.ErrorIs(t, err, ErrOldServer, "it may be used later")
	require.ErrorContains(t, err, "clickhouse at b")
	err = checkVersions([]answer{down, down})
	require.ErrorIs(t, err, io.EOF)
	require.NotErrorIs(t, err, ErrOldServer)
}
