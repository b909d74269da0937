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

// passwordFile has the password of user default. It is in the data directory.
const passwordFile = "clickhouse-password"

// loadPassword returns a data directory's password and creates it on the first start.
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
		return "", fmt.Errorf("embedded clickhouse: %s is empty (delete it; the next start creates a new password)", path)
	}
	return password, os.Chmod(path, 0o600)
}

// makePassword writes a new password unless the file exists. The file appears atomically.
func makePassword(path string) error {
	if _, err := os.Stat(path); err == nil {
		return nil
	}
	draft, err := os.CreateTemp(filepath.Dir(path), passwordFile+".*") // mode 0600
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
