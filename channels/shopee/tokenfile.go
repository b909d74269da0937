package shopee

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gofrs/flock"
)

// lockPoll is how often a lock that another process holds is tried.
const lockPoll = 20 * time.Millisecond

// trust is how long the file is taken as it was when it was looked at last: a
// look costs as much as a tenth of a call. A token that another process replaced
// meanwhile is refused, and Update reads the file whatever its times say.
const trust = 50 * time.Millisecond

// watchPoll is how often Watch looks at the file.
const watchPoll = 500 * time.Millisecond

// FileStore keeps token pairs in the file of shopee.tokens_file, for the
// processes of one machine. Before a use, but not oftener than every 50 ms, it
// looks at the file's identity, size and times, and reads it again when they changed.
type FileStore struct {
	path string
	lock *flock.Flock
	// turn is held by the one caller of this process that may take the lock.
	turn chan struct{}

	mu       sync.Mutex
	lookedAt time.Time
	seen     fs.FileInfo
	shops    map[int64]TokenPair

	// known is what was read last, for those that may not wait for mu.
	known atomic.Pointer[knownPairs]
}

// knownPairs is the file as it was read last, and why that may be old.
type knownPairs struct {
	shops map[int64]TokenPair
	err   error
}

// errUnread says that the store was not read yet.
var errUnread = errors.New("the tokens have not been read yet")

var _ TokenStore = (*FileStore)(nil)

// NewFileStore opens no file: a missing one is a file without shops.
func NewFileStore(path string) *FileStore {
	return &FileStore{
		path: path, turn: make(chan struct{}, 1),
		lock: flock.New(path+".lock", flock.SetPermissions(0o600)),
	}
}

// Load returns a shop's pair. While the file cannot be read it answers from
// what was read last, and with an error where nothing was.
func (s *FileStore) Load(_ context.Context, shopID int64) (TokenPair, error) {
	shops, err := s.current()
	return knownPairs{shops, err}.of(shopID)
}

// Peek returns a shop's pair as it was when the file was read last.
func (s *FileStore) Peek(shopID int64) (TokenPair, error) {
	known := s.known.Load()
	if known == nil {
		return TokenPair{}, errUnread
	}
	return known.of(shopID)
}

func (k knownPairs) of(shopID int64) (TokenPair, error) {
	if pair, ok := k.shops[shopID]; ok {
		return pair, nil
	}
	if k.err != nil {
		return TokenPair{}, k.err
	}
	return TokenPair{}, NoTokens(shopID)
}

// current is the file's pairs, read only if the file changed. The map is never
// written to again.
func (s *FileStore) current() (map[int64]TokenPair, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	shops, err := s.look()
	s.known.Store(&knownPairs{shops, err})
	return shops, err
}

// look reads the file if it changed; s.mu is held.
func (s *FileStore) look() (map[int64]TokenPair, error) {
	if s.seen != nil && time.Since(s.lookedAt) < trust {
		return s.shops, nil
	}
	info, err := os.Stat(s.path)
	if errors.Is(err, fs.ErrNotExist) {
		s.seen, s.shops = nil, nil
		return nil, nil
	}
	if err != nil {
		return s.shops, fmt.Errorf("look at shopee.tokens_file: %w", err)
	}
	if s.seen != nil && sameFile(s.seen, info) {
		s.lookedAt = time.Now()
		return s.shops, nil
	}
	doc, err := readTokens(s.path)
	if err != nil {
		return s.shops, err
	}
	s.seen, s.shops = info, doc.pairs
	return s.shops, nil
}

func sameFile(a, b fs.FileInfo) bool {
	return os.SameFile(a, b) && a.Size() == b.Size() && a.ModTime().Equal(b.ModTime())
}

// Update holds <file>.lock for as long as change takes. The new file is
// created before change is called, so that a directory that cannot be written
// is noticed before a refresh token, which works once, is spent.
func (s *FileStore) Update(ctx context.Context, shopID int64, change Change) (TokenPair, error) {
	unlock, err := s.acquire(ctx)
	if err != nil {
		return TokenPair{}, err
	}
	defer unlock()
	before, next, err := s.update(ctx, shopID, change)
	if !errors.Is(err, ErrRefused) {
		return next, err
	}
	doc, readErr := s.reread()
	if readErr != nil {
		return TokenPair{}, errors.Join(err, readErr)
	}
	if again, ok := doc.pairs[shopID]; !ok || again.RefreshToken == before.RefreshToken {
		return TokenPair{}, err
	}
	_, next, err = s.update(ctx, shopID, change)
	return next, err
}

// acquire takes the lock: first this process's turn, then the file's.
func (s *FileStore) acquire(ctx context.Context) (unlock func(), err error) {
	select {
	case s.turn <- struct{}{}:
	case <-ctx.Done():
		return nil, fmt.Errorf("wait for the lock of shopee.tokens_file: %w", ctx.Err())
	}
	if _, err := s.lock.TryLockContext(ctx, lockPoll); err != nil {
		<-s.turn
		return nil, fmt.Errorf("lock shopee.tokens_file: %w", err)
	}
	return func() { _ = s.lock.Unlock(); <-s.turn }, nil
}

// update reads, changes and writes; the lock is held. It returns the pair before and after.
func (s *FileStore) update(ctx context.Context, shopID int64, change Change) (held, next TokenPair, err error) {
	doc, err := s.reread()
	if err != nil {
		return held, next, err
	}
	path, err := target(s.path)
	if err != nil {
		return held, next, err
	}
	sweep(path)
	tmp, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*.tmp")
	if err != nil {
		return held, next, fmt.Errorf("write shopee.tokens_file: %w", err)
	}
	defer func() { _ = tmp.Close(); _ = os.Remove(tmp.Name()) }()
	held = doc.pairs[shopID]
	next, err = change(ctx, held)
	if err != nil || next == held {
		return held, next, err
	}
	if err := replace(path, tmp, doc, shopID, next); err != nil {
		return held, TokenPair{}, fmt.Errorf("write shopee.tokens_file: %w", err)
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

// reread reads the file whatever its times say, and remembers what it read.
func (s *FileStore) reread() (*tokenDoc, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	doc, err := s.readAgain()
	s.known.Store(&knownPairs{s.shops, err})
	return doc, err
}

// readAgain reads the file; s.mu is held.
func (s *FileStore) readAgain() (*tokenDoc, error) {
	info, err := os.Stat(s.path)
	if errors.Is(err, fs.ErrNotExist) {
		s.seen, s.shops = nil, nil
		return &tokenDoc{}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("look at shopee.tokens_file: %w", err)
	}
	doc, err := readTokens(s.path)
	if err != nil {
		return nil, err
	}
	s.seen, s.shops = info, doc.pairs
	return doc, nil
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

// replace writes the document with one pair changed to tmp and puts it in path's
// place; it is durable when replace returns. os.CreateTemp made tmp mode 0600.
func replace(path string, tmp *os.File, doc *tokenDoc, shopID int64, next TokenPair) error {
	b, err := doc.with(shopID, next)
	if err != nil {
		return err
	}
	if _, err := tmp.Write(b); err != nil {
		return err
	}
	if err := tmp.Sync(); err != nil {
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

// Watch looks at the file every half second.
func (s *FileStore) Watch(ctx context.Context, changed func(shopID int64)) error {
	return WatchPairs(ctx, watchPoll, s.current, changed)
}
