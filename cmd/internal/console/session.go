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

// sessionID tells two logins apart.
type sessionID [16]byte

// sessions makes and judges the values of login cookies: an expiry and an id, signed
// with a key made of the token. So a new token ends every login, and every console
// with the token knows those of the others; only logouts have to be kept.
type sessions struct {
	key [sha256.Size]byte
	now func() time.Time

	mu sync.Mutex
	// ended are the sessions that were logged out, with when they would have expired.
	ended map[sessionID]int64
}

func newSessions(token string) *sessions {
	return &sessions{key: sha256.Sum256([]byte("stockpush console session\x00" + token)), now: time.Now, ended: map[sessionID]int64{}}
}

const sessionHead = 8 + len(sessionID{})

// begin is the value of a new session that is valid until a time.
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

// read takes a value apart; ok is false of what begin did not make, and after the expiry.
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

// valid reports whether a value is of a session that goes on.
func (s *sessions) valid(value string) bool {
	id, _, ok := s.read(value)
	s.mu.Lock()
	defer s.mu.Unlock()
	_, ended := s.ended[id]
	return ok && !ended
}

// end ends a session for good, and forgets those that have expired since they ended.
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
