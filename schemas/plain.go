package schemas

import "encoding/binary"

// isPlain says whether a byte of a JSON text needs no second look: printable
// ASCII, no quote, no backslash.
func isPlain(c byte) bool { return c >= ' ' && c < 0x7f && c != '"' && c != '\\' }

// plainPrefix is how many bytes from the first on are plain. It looks at eight
// at a time, since texts are most of an event.
func plainPrefix(b []byte) int {
	n := 0
	for ; n+8 <= len(b); n += 8 {
		if !allPlain(binary.LittleEndian.Uint64(b[n:])) {
			break
		}
	}
	for n < len(b) && isPlain(b[n]) {
		n++
	}
	return n
}

const (
	ones  = 0x0101010101010101
	highs = 0x8080808080808080
)

// allPlain is isPlain for each of a word's eight bytes. x-ones borrows into the
// high bit of a byte that is zero, and so finds bytes that equal another.
func allPlain(x uint64) bool {
	control := (x - ones*' ') &^ x
	quote, backslash := x^ones*'"', x^ones*'\\'
	found := control | (quote-ones)&^quote | (backslash-ones)&^backslash | x | (x + ones)
	return found&highs == 0
}
