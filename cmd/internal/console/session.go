package console

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"sync"
	"time"
)

// sessionID identifies a login.
type sessionID [16]byte

// sessions creates and checks login cookies: an expiry and an id, signed with a key derived from
// the token. So a new token ends every login, and all consoles with the token accept each other's
// sessions. Only logouts are stored.
type sessions struct {
	key [sha256.Size]byte
	now func() time.Time

	mu sync.Mutex
	// ended are the logged-out sessions with their expiry.
	ended map[sessionID]int64
}

func newSessions(token string) *sessions {
	return &sessions{key: sha256.Sum256([]byte("stockpush console session\x00" + token)), now: time.Now, ended: map[sessionID]int64{}}
}

const sessionHead = 8 + len(sessionID{})

// begin returns the value of a new session that is valid until a time.
func (s *sessions) begin(until time.Time) string {
	head := binary.BigEndian.AppendUint64(nil, uint64(until.Unix()))
	var id sessionID
	_, _ = rand.Read(id[:]) // never fails
	head = append(head, id[:]...)
	return base64.RawURLEncoding.EncodeToString(append(head, s.sign(head)...))
}

func (s *sessions) sign(head []byte) []byte {
	mac := hmac.New(sha256.New, s.key[:])
	mac.Write(head)
	return mac.Sum(nil)
}

// read parses a cookie's value. ok is false if the signature is wrong or the session has expired.
func (s *sessions) read(value string) (id sessionID, expiry int64, ok bool) {
	raw, err := base64.RawURLEncoding.DecodeString(value)
	if err != nil || len(raw) != sessionHead+sha256.Size {
		return id, 0, false
	}
	head := raw[:sessionHead]
	expiry = int64(binary.BigEndian.Uint64(head))
	copy(id[:], head[8:])
	return id, expiry, hmac.Equal(raw[sessionHead:], s.sign(head)) && s.now().Unix() < expiry
}

// valid reports whether a session is neither expired nor logged out.
func (s *sessions) valid(value string) bool {
	id, _, ok := s.read(value)
	s.mu.Lock()
	defer s.mu.Unlock()
	_, ended := s.ended[id]
	return ok && !ended
}

// end logs a session out, and removes the expired ones from ended.
func (s *sessions) end(value string) {
	id, expiry, ok := s.read(value)
	if !ok {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for other, at := range s.ended {
		if at <= s.now().Unix() {
			delete(s.ended, other)
		}
	}
	s.ended[id] = expiry
}
