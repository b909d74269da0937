package tokens

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gofrs/flock"
)

// lockPoll is how often a lock that another process holds is tried.
const lockPoll = 20 * time.Millisecond

// trust is how long the file is not checked again after a check, which costs a tenth of a call.
// A token that another process replaced meanwhile is refused, and Update always reads the file.
const trust = 50 * time.Millisecond

// fileMode is the tokens file's mode: only its owner may read and write it.
const fileMode fs.FileMode = 0o600

// FileStore stores token pairs in the file of shopee.tokens_file, for the processes of one
// machine. Before a use, at most every 50 ms, it checks the file's identity, size and times, and
// reads the file again if they changed.
type FileStore struct {
	path string
	log  *slog.Logger
	lock *flock.Flock
	// turn admits one caller of this process to the lock.
	turn chan struct{}

	// mu is held while the file is read.
	mu       sync.Mutex
	lookedAt time.Time
	seen     fs.FileInfo

	// known is what was read last; Peek reads it without mu.
	known atomic.Pointer[Known]
}

var _ Store = (*FileStore)(nil)

// NewFileStore returns a store and opens no file; a missing file has no shops. The logger gets
// warnings; nil discards them.
func NewFileStore(path string, log *slog.Logger) *FileStore {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	s := &FileStore{
		path: path, log: log, turn: make(chan struct{}, 1),
		lock: flock.New(path+".lock", flock.SetPermissions(fileMode)),
	}
	s.known.Store(&Known{Err: ErrUnread})
	return s
}

// Check fails if the path cannot be a tokens file. The file may be missing.
func (s *FileStore) Check() error {
	if err := regularOrMissing(s.path); err != nil {
		return fmt.Errorf("shopee.tokens_file: %w", err)
	}
	return nil
}

// Read reads the file if it changed.
func (s *FileStore) Read(context.Context) Known {
	if !s.unchanged() {
		_, _ = s.reread() // Known has the error
	}
	return s.Peek()
}

// Peek returns the pairs as they were when the file was read last.
func (s *FileStore) Peek() Known { return *s.known.Load() }

// unchanged says whether the file is the one that was read last.
func (s *FileStore) unchanged() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.seen == nil || s.Peek().Err != nil {
		return false
	}
	if time.Since(s.lookedAt) < trust {
		return true
	}
	info, err := os.Stat(s.path)
	if err != nil || !sameFile(s.seen, info) {
		return false
	}
	s.lookedAt = time.Now()
	return true
}

func sameFile(a, b fs.FileInfo) bool {
	return os.SameFile(a, b) && a.Size() == b.Size() && a.ModTime().Equal(b.ModTime())
}

// reread reads the file, stores what it read, and warns if others may read the file. A file that
// cannot be read leaves the pairs as they were.
func (s *FileStore) reread() (*document, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	doc, info, err := readDocument(s.path)
	if err != nil {
		s.known.Store(&Known{s.Peek().Pairs, err})
		return nil, err
	}
	if info != nil && info.Mode().Perm()&^fileMode != 0 && (s.seen == nil || s.seen.Mode() != info.Mode()) {
		s.log.Warn("shopee.tokens_file may be read or written by others: it has the shops' tokens, set its mode to 0600", "file", s.path, "mode", info.Mode().Perm())
	}
	s.seen = info
	s.known.Store(&Known{Pairs: doc.pairs})
	return doc, nil
}

// Update holds <file>.lock while change runs. Before that it writes and syncs a file as long as the
// new one can become, so it fails on a full disk or a read-only directory before change spends a
// refresh token, which works once.
func (s *FileStore) Update(ctx context.Context, shopID int64, change Change) (Pair, error) {
	unlock, err := s.acquire(ctx)
	if err != nil {
		return Pair{}, err
	}
	defer unlock()
	before, next, err := s.update(ctx, shopID, change)
	if refused := err; errors.Is(refused, ErrRefused) {
		_, next, err = s.update(ctx, shopID, func(ctx context.Context, held Pair) (Pair, error) {
			if held.RefreshToken == "" || held.RefreshToken == before.RefreshToken {
				return Pair{}, refused
			}
			return change(ctx, held)
		})
	}
	return next, err
}

// acquire takes the lock: first this process's turn, then the file's.
func (s *FileStore) acquire(ctx context.Context) (unlock func(), err error) {
	select {
	case s.turn <- struct{}{}:
	case <-ctx.Done():
		return nil, fmt.Errorf("wait for the lock of shopee.tokens_file: %w", ctx.Err())
	}
	err = regularOrMissing(s.lock.Path()) // opening others may block
	if err == nil {
		_, err = s.lock.TryLockContext(ctx, lockPoll)
	}
	if err == nil {
		err = keepLockOwner(s.path)
	}
	if err != nil {
		_ = s.lock.Unlock() // does nothing without the lock
		<-s.turn
		return nil, fmt.Errorf("lock shopee.tokens_file: %w", err)
	}
	return func() { _ = s.lock.Unlock(); <-s.turn }, nil
}
