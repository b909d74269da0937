package audit

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// ErrOtherAudit says that a file keeps the progress of another audit.
var ErrOtherAudit = errors.New("the file keeps the progress of an audit with other flags; give those, or another file")

// Load reads the progress that a file keeps of a request; the start if there is no file.
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
		return start, fmt.Errorf("%s does not keep the progress of an audit: %w", file, err)
	}
	if p.Request != q {
		return start, fmt.Errorf("%s: %w", file, ErrOtherAudit)
	}
	return p, nil
}

// Save keeps a progress in a file, at once or not at all.
func (p Progress) Save(file string) error {
	raw, err := json.Marshal(p)
	if err != nil {
		return err
	}
	next, err := os.CreateTemp(filepath.Dir(file), filepath.Base(file)+".*")
	if err != nil {
		return fmt.Errorf("keep progress: %w", err)
	}
	_, err = next.Write(raw)
	if err = errors.Join(err, next.Close()); err == nil {
		err = os.Rename(next.Name(), file)
	}
	if err != nil {
		return fmt.Errorf("keep progress: %w", errors.Join(err, os.Remove(next.Name())))
	}
	return nil
}
