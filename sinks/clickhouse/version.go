package clickhouse

import (
	"context"
	"errors"
	"fmt"
)

// The oldest version of ClickHouse whose SQL the schema needs: earlier ones do not parse the comment
// of a materialized view that follows a table's name. Newer versions are used without a message.
const oldestYear, oldestRelease = 26, 7

// ErrOldServer reports a server that is older than the schema needs.
var ErrOldServer = errors.New("the server's version is too old")

// CheckVersion returns ErrOldServer, with both versions, if the server in use is too old.
func (s *Store) CheckVersion(ctx context.Context) error {
	var version string
	if err := s.conn.QueryRow(ctx, "SELECT version()").Scan(&version); err != nil {
		return fmt.Errorf("read the server's version: %w", err)
	}
	return checkVersion(version)
}

// checkVersion judges a version such as 26.7.3.1. It accepts one that it cannot read.
func checkVersion(version string) error {
	var year, release int
	if _, err := fmt.Sscanf(version, "%d.%d", &year, &release); err != nil {
		return nil
	}
	if year > oldestYear || year == oldestYear && release >= oldestRelease {
		return nil
	}
	return fmt.Errorf("clickhouse %s: %w: stockpush needs %d.%d or newer (upgrade the server)", version, ErrOldServer, oldestYear, oldestRelease)
}
