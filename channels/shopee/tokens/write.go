package tokens

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// update reads, changes and writes; the lock is held. It returns the pair before and after.
func (s *FileStore) update(ctx context.Context, shopID int64, change Change) (held, next Pair, err error) {
	doc, err := s.reread()
	if err != nil {
		return held, next, err
	}
	path, err := target(s.path)
	if err != nil {
		return held, next, err
	}
	sweep(path)
	tmp, err := reserve(path, doc, shopID)
	if err != nil {
		return held, next, fmt.Errorf("write shopee.tokens_file: %w", err)
	}
	defer discard(tmp)
	held = doc.pairs[shopID]
	next, err = change(ctx, held)
	if err != nil || next == held {
		return held, next, err
	}
	if err := replace(path, tmp, doc, shopID, next); err != nil {
		return held, Pair{}, fmt.Errorf("write shopee.tokens_file: %w", err)
	}
	_, _ = s.reread()
	return held, next, nil
}

// sweep removes what writers that were killed left beside the file: it has
// tokens. The lock is held, so that nobody is writing. What cannot be removed stays.
func sweep(path string) {
	beside, err := os.ReadDir(filepath.Dir(path))
	if err != nil {
		return
	}
	for _, entry := range beside {
		random, ours := strings.CutPrefix(entry.Name(), filepath.Base(path)+".")
		random, ended := strings.CutSuffix(random, ".tmp")
		if ours && ended && random != "" && strings.Trim(random, "0123456789") == "" {
			_ = os.Remove(filepath.Join(filepath.Dir(path), entry.Name()))
		}
	}
}

// target follows a symbolic link, which the rename would else replace.
func target(path string) (string, error) {
	real, err := filepath.EvalSymlinks(path)
	if errors.Is(err, fs.ErrNotExist) {
		return path, nil
	}
	if err != nil {
		return "", fmt.Errorf("find shopee.tokens_file: %w", err)
	}
	return real, nil
}

// maxTokenBytes is how long a token may be for its pair to be sure of its room in the
// file. Shopee's have 32 to some hundreds.
const maxTokenBytes = 4096

// reserve makes a file beside path, mode 0600, as long as the document with the
// longest pair of a shop, and syncs it. What is written over it later needs no more room.
func reserve(path string, doc *document, shopID int64) (*os.File, error) {
	noise := make([]byte, maxTokenBytes) // in hex twice as long, and hard to compress
	_, _ = rand.Read(noise)              // it never fails
	text := Secret(hex.EncodeToString(noise))
	b, err := doc.with(shopID, Pair{text[:maxTokenBytes], text[maxTokenBytes:], time.Now()})
	if err != nil {
		return nil, err
	}
	tmp, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*.tmp")
	if err != nil {
		return nil, err
	}
	_, err = tmp.Write(b)
	if err = errors.Join(err, tmp.Sync()); err != nil {
		discard(tmp)
		return nil, err
	}
	return tmp, nil
}

// discard removes a file that was not needed; after a rename there is nothing to remove.
func discard(tmp *os.File) {
	_ = tmp.Close()
	_ = os.Remove(tmp.Name())
}

// replace writes the document with one pair changed over tmp and puts it in path's
// place; it is durable when replace returns.
func replace(path string, tmp *os.File, doc *document, shopID int64, next Pair) error {
	b, err := doc.with(shopID, next)
	if err != nil {
		return err
	}
	if _, err := tmp.WriteAt(b, 0); err != nil {
		return err
	}
	if err := errors.Join(tmp.Truncate(int64(len(b))), tmp.Sync()); err != nil {
		return err
	}
	if err := os.Rename(tmp.Name(), path); err != nil {
		return err
	}
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}
