package shopee

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/gofrs/flock"
)

// Token is a shop's pair of tokens.
type Token struct {
	ShopID       int64     `json:"shop_id"`
	AccessToken  string    `json:"access_token"`
	RefreshToken string    `json:"refresh_token"`
	ExpiresAt    time.Time `json:"expires_at"`
}

// ErrNoToken says that a shop has no token: its authorization is lost.
var ErrNoToken = errors.New("the shop has no token (run `stockpush authorize`)")

// TokenStore keeps the tokens of all shops.
type TokenStore interface {
	// Get is the shop's token as it is now; ErrNoToken if it has none.
	Get(shopID int64) (Token, error)
	// Update changes the shop's token under a lock that other processes take
	// too: change sees the token as it is then, and what it returns is durable
	// when Update returns. An error of change leaves the token as it was.
	Update(ctx context.Context, shopID int64, change func(Token) (Token, error)) (Token, error)
}

// FileStore keeps the tokens in one file, for the processes of one machine.
type FileStore struct {
	path string

	mu    sync.Mutex
	seen  fs.FileInfo
	shops map[int64]Token
}

// NewFileStore makes a store on a file, which need not exist yet.
func NewFileStore(path string) *FileStore { return &FileStore{path: path} }

type tokensFile struct {
	Shops []Token `json:"shops"`
}

// Get reads the file again when it changed.
func (s *FileStore) Get(shopID int64) (Token, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.load(); err != nil {
		return Token{}, err
	}
	token, ok := s.shops[shopID]
	if !ok {
		return Token{}, fmt.Errorf("shop %d: %w", shopID, ErrNoToken)
	}
	return token, nil
}

func (s *FileStore) load() error {
	info, err := os.Stat(s.path)
	if errors.Is(err, fs.ErrNotExist) {
		s.shops, s.seen = map[int64]Token{}, nil
		return nil
	}
	if err != nil {
		return fmt.Errorf("shopee.tokens_file: %w", err)
	}
	if s.seen != nil && os.SameFile(info, s.seen) && info.ModTime().Equal(s.seen.ModTime()) && info.Size() == s.seen.Size() {
		return nil
	}
	raw, err := os.ReadFile(s.path)
	if err != nil {
		return fmt.Errorf("shopee.tokens_file: %w", err)
	}
	var file tokensFile
	if err := json.Unmarshal(raw, &file); err != nil {
		// The error of the decoder may quote a token.
		return fmt.Errorf("shopee.tokens_file: %s is not the JSON that `stockpush authorize` writes", s.path)
	}
	s.shops, s.seen = make(map[int64]Token, len(file.Shops)), info
	for _, token := range file.Shops {
		s.shops[token.ShopID] = token
	}
	return nil
}

// lockRetry is how often a lock that another process has is asked for.
const lockRetry = 20 * time.Millisecond

// Update rewrites the file by rename, under the lock beside it.
func (s *FileStore) Update(ctx context.Context, shopID int64, change func(Token) (Token, error)) (Token, error) {
	lock := flock.New(s.path+".lock", flock.SetPermissions(0o600))
	if _, err := lock.TryLockContext(ctx, lockRetry); err != nil {
		return Token{}, fmt.Errorf("lock shopee.tokens_file: %w", err)
	}
	defer func() { _ = lock.Unlock() }()
	current, err := s.Get(shopID)
	if err != nil && !errors.Is(err, ErrNoToken) {
		return Token{}, err
	}
	next, err := change(current)
	if err != nil || next == current {
		return next, err
	}
	next.ShopID = shopID
	return next, s.write(next)
}

func (s *FileStore) write(token Token) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.load(); err != nil {
		return err
	}
	s.shops[token.ShopID] = token
	file := tokensFile{Shops: []Token{}}
	for _, t := range s.shops {
		file.Shops = append(file.Shops, t)
	}
	raw, err := json.MarshalIndent(file, "", "  ")
	if err != nil {
		return err
	}
	s.seen = nil
	if err := replaceFile(s.path, raw); err != nil {
		return fmt.Errorf("shopee.tokens_file: %w", err)
	}
	return nil
}

// replaceFile writes a file beside the old one, durably, and renames it over it.
func replaceFile(path string, content []byte) (err error) {
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".new-*") // mode 0600
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, ignoreAbsent(os.Remove(f.Name()))) }()
	_, err = f.Write(content)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return err
	}
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

func ignoreAbsent(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
