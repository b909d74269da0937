package clickhouse

import (
	"context"
	"errors"
	"fmt"
)

// The oldest version of ClickHouse on which the tests of the schema and of its readers pass: a
// version with long-term support. Newer versions are used without a message.
const oldestYear, oldestRelease = 25, 8

// ErrOldServer reports a server that is older than the schema needs.
var ErrOldServer = errors.New("the server's version is too old")

// CheckVersion asks every address and returns ErrOldServer, with both versions, if one of them is
// too old: each may be used later. An address that does not answer is an error only if no other
// one answers.
func (s *Store) CheckVersion(ctx context.Context) error {
	answers := make([]answer, len(s.servers.all))
	for i, server := range s.servers.all {
		version, err := server.version(ctx)
		answers[i] = answer{server.addr, version, err}
	}
	return checkVersions(answers)
}

// answer is what an address said.
type answer struct {
	addr, version string
	err           error
}

func checkVersions(answers []answer) error {
	var old, silent []error
	for _, a := range answers {
		if a.err != nil {
			silent = append(silent, fmt.Errorf("read the version of %s: %w", a.addr, a.err))
		} else if err := checkVersion(a.version); err != nil {
			old = append(old, fmt.Errorf("clickhouse at %s: %w", a.addr, err))
		}
	}
	if len(silent) == len(answers) {
		return errors.Join(silent...)
	}
	return errors.Join(old...)
}

// version asks within the time limit of a new connection.
func (s *server) version(ctx context.Context) (version string, err error) {
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	err = s.queries.QueryRow(ctx, "SELECT version()").Scan(&version)
	return version, err
}

// checkVersion judges a version such as 25.8.2.1. It accepts one that it cannot read.
func checkVersion(version string) error {
	var year, release int
	if _, err := fmt.Sscanf(version, "%d.%d", &year, &release); err != nil {
		return nil
	}
	if year > oldestYear || year == oldestYear && release >= oldestRelease {
		return nil
	}
	return fmt.Errorf("version %s: %w: stockpush needs %d.%d or newer (upgrade the server)", version, ErrOldServer, oldestYear, oldestRelease)
}
