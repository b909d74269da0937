package schemas

import "strings"

// textsRoom is how many bytes of texts share an allocation.
const textsRoom = 4 << 10

// texts makes strings that share allocations: a decoder makes several for each message. A string
// keeps the whole allocation in memory. The zero value is ready; a nil one shares nothing.
type texts struct{ room strings.Builder }

// of returns a copy of a text.
func (t *texts) of(text []byte) string {
	if t == nil || len(text) > textsRoom/4 {
		return string(text)
	}
	if t.room.Len()+len(text) > t.room.Cap() {
		t.room = strings.Builder{}
		t.room.Grow(textsRoom)
	}
	from := t.room.Len()
	t.room.Write(text)
	return t.room.String()[from:]
}
