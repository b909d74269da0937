package audit

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// ErrOtherAudit reports a progress file of an audit with other flags.
var ErrOtherAudit = errors.New("the file has the progress of an audit with other flags: give those flags, or name another file")

// Load reads the progress of a request from a file. Without the file it returns the start.
func Load(file string, q Request) (Progress, error) {
	start := Progress{Request: q}
	raw, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return start, nil
	}
	if err != nil {
		return start, fmt.Errorf("read progress: %w", err)
	}
	var p Progress
	if err := json.Unmarshal(raw, &p); err != nil {
		return start, fmt.Errorf("%s is not the progress file of an audit: %w", file, err)
	}
	if p.Request != q {
		return start, fmt.Errorf("%s: %w", file, ErrOtherAudit)
	}
	return p, nil
}

// Save replaces a file's content atomically.
func (p Progress) Save(file string) error {
	raw, err := json.Marshal(p)
	if err != nil {
		return err
	}
	next, err := os.CreateTemp(filepath.Dir(file), filepath.Base(file)+".*")
	if err != nil {
		return fmt.Errorf("save progress: %w", err)
	}
	_, err = next.Write(raw)
	if err = errors.Join(err, next.Close()); err == nil {
		err = os.Rename(next.Name(), file)
	}
	if err != nil {
		return fmt.Errorf("save progress: %w", errors.Join(err, os.Remove(next.Name())))
	}
	return nil
}
