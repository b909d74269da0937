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

// sweep removes temporary files of killed writers, which have tokens. The caller holds the lock,
// so none is in use. It leaves what cannot be removed.
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

// target follows a symbolic link, which the rename would replace otherwise.
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

// maxTokenBytes is the longest token for which reserve makes room. Shopee's have 32 to some
// hundred bytes.
const maxTokenBytes = 4096

// reserve creates a file beside path with mode 0600, as long as the document with the longest pair
// of a shop, and syncs it. Overwriting it later needs no more room.
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
	if err = errors.Join(err, keepOwner(tmp, path), tmp.Sync()); err != nil {
		discard(tmp)
		return nil, err
	}
	return tmp, nil
}

// discard removes a file that was not needed. After a rename there is nothing to remove.
func discard(tmp *os.File) {
	_ = tmp.Close()
	_ = os.Remove(tmp.Name())
}

// replace writes the document with one pair changed to tmp and renames tmp to path. The change is
// durable when replace returns.
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
