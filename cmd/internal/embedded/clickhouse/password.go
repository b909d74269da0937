package clickhouse

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// passwordFile is the file in the data directory with the password of the user default.
const passwordFile = "clickhouse-password"

// loadPassword reads the password of a data directory, and makes one at the first start.
func loadPassword(dataDir string) (string, error) {
	path := filepath.Join(dataDir, passwordFile)
	if err := makePassword(path); err != nil {
		return "", fmt.Errorf("embedded clickhouse: make its password: %w", err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return "", fmt.Errorf("embedded clickhouse: read its password: %w", err)
	}
	password := strings.TrimSpace(string(text))
	if password == "" {
		return "", fmt.Errorf("embedded clickhouse: %s is empty (delete it, and the next start makes a password)", path)
	}
	return password, os.Chmod(path, 0o600)
}

// makePassword writes a new password unless the file is there. Others see the file whole or not at all.
func makePassword(path string) error {
	if _, err := os.Stat(path); err == nil {
		return nil
	}
	draft, err := os.CreateTemp(filepath.Dir(path), passwordFile+".*") // only the user may read it
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(draft.Name()) }()
	_, err = draft.WriteString(rand.Text() + "\n")
	if err := errors.Join(err, draft.Close()); err != nil {
		return err
	}
	if err := os.Link(draft.Name(), path); !errors.Is(err, fs.ErrExist) {
		return err
	}
	return nil
}
