package tokens

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"maps"
	"os"
	"slices"
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

// watchPoll is how often Watch checks the file.
const watchPoll = 500 * time.Millisecond

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

	mu       sync.Mutex
	lookedAt time.Time
	seen     fs.FileInfo
	shops    map[int64]Pair

	// known is what was read last; Peek reads it without mu.
	known atomic.Pointer[knownPairs]
}

// knownPairs are the pairs that were read last, and why they may be out of date.
type knownPairs struct {
	shops map[int64]Pair
	err   error
}

// errUnread says that the store was not read yet.
var errUnread = errors.New("the tokens have not been read yet")

var _ Store = (*FileStore)(nil)

// NewFileStore returns a store and opens no file; a missing file has no shops. The logger gets
// warnings; nil discards them.
func NewFileStore(path string, log *slog.Logger) *FileStore {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return &FileStore{
		path: path, log: log, turn: make(chan struct{}, 1),
		lock: flock.New(path+".lock", flock.SetPermissions(fileMode)),
	}
}

// Check fails if the path cannot be a tokens file. The file may be missing.
func (s *FileStore) Check() error {
	info, err := os.Stat(s.path)
	if err == nil {
		err = regular(info)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("shopee.tokens_file: %s: %w", s.path, err)
	}
	return nil
}

// Load returns a shop's pair. If the file cannot be read it returns the pair that was read last,
// and an error if there is none.
func (s *FileStore) Load(_ context.Context, shopID int64) (Pair, error) {
	shops, err := s.current()
	return knownPairs{shops, err}.of(shopID)
}

// Peek returns a shop's pair as it was when the file was read last.
func (s *FileStore) Peek(shopID int64) (Pair, error) {
	known := s.known.Load()
	if known == nil {
		return Pair{}, errUnread
	}
	return known.of(shopID)
}

func (k knownPairs) of(shopID int64) (Pair, error) {
	if pair, ok := k.shops[shopID]; ok {
		return pair, nil
	}
	if k.err != nil {
		return Pair{}, k.err
	}
	return Pair{}, Missing(shopID)
}

// current returns the file's pairs and reads the file only if it changed. The map is never
// written to again.
func (s *FileStore) current() (map[int64]Pair, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	shops, err := s.look()
	s.known.Store(&knownPairs{shops, err})
	return shops, err
}

// look reads the file if it changed. The caller holds s.mu.
func (s *FileStore) look() (map[int64]Pair, error) {
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
	doc, err := readDocument(s.path)
	if err != nil {
		return s.shops, err
	}
	s.keep(info, doc)
	return s.shops, nil
}

// keep stores what was read, and warns if others may read the file. The caller holds s.mu.
func (s *FileStore) keep(info fs.FileInfo, doc *document) {
	if wide := info.Mode().Perm() &^ fileMode; wide != 0 && (s.seen == nil || s.seen.Mode() != info.Mode()) {
		s.log.Warn("shopee.tokens_file may be read or written by others: it has the shops' tokens, set its mode to 0600", "file", s.path, "mode", info.Mode().Perm())
	}
	s.seen, s.shops = info, doc.pairs
}

func sameFile(a, b fs.FileInfo) bool {
	return os.SameFile(a, b) && a.Size() == b.Size() && a.ModTime().Equal(b.ModTime())
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
	if !errors.Is(err, ErrRefused) {
		return next, err
	}
	doc, readErr := s.reread()
	if readErr != nil {
		return Pair{}, errors.Join(err, readErr)
	}
	if again, ok := doc.pairs[shopID]; !ok || again.RefreshToken == before.RefreshToken {
		return Pair{}, err
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
	if err := s.takeLock(ctx); err != nil {
		<-s.turn
		return nil, fmt.Errorf("lock shopee.tokens_file: %w", err)
	}
	return func() { _ = s.lock.Unlock(); <-s.turn }, nil
}

// takeLock locks <file>.lock, which must be a regular file: opening others may block.
func (s *FileStore) takeLock(ctx context.Context) error {
	info, err := os.Stat(s.path + ".lock")
	if err == nil {
		err = regular(info)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s.lock: %w", s.path, err)
	}
	_, err = s.lock.TryLockContext(ctx, lockPoll)
	return err
}

// reread reads the file without checking its times, and stores what it read.
func (s *FileStore) reread() (*document, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	doc, err := s.readAgain()
	s.known.Store(&knownPairs{s.shops, err})
	return doc, err
}

// readAgain reads the file. The caller holds s.mu.
func (s *FileStore) readAgain() (*document, error) {
	info, err := os.Stat(s.path)
	if errors.Is(err, fs.ErrNotExist) {
		s.seen, s.shops = nil, nil
		return &document{}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("look at shopee.tokens_file: %w", err)
	}
	doc, err := readDocument(s.path)
	if err != nil {
		return nil, err
	}
	s.keep(info, doc)
	return doc, nil
}

// Shops lists the shops that the file has tokens of, in order.
func (s *FileStore) Shops(context.Context) ([]int64, error) {
	pairs, err := s.current()
	if err != nil {
		return nil, err
	}
	return slices.Sorted(maps.Keys(pairs)), nil
}

// Watch checks the file every half second.
func (s *FileStore) Watch(ctx context.Context, changed func(shopID int64)) error {
	return WatchPairs(ctx, watchPoll, s.current, changed)
}
