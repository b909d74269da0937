package schemas

import (
	"encoding/binary"
	"math/bits"
)

// isPlain says whether a byte of a JSON text needs no second look: printable
// ASCII, no quote, no backslash.
func isPlain(c byte) bool { return c >= ' ' && c < 0x7f && c != '"' && c != '\\' }

// plainPrefix is how many bytes from the first on are plain. It looks at eight
// at a time, since texts are most of an event.
func plainPrefix(b []byte) int {
	n := 0
	for ; n+8 <= len(b); n += 8 {
		if found := notPlain(binary.LittleEndian.Uint64(b[n:])); found != 0 {
			return n + bits.TrailingZeros64(found)/8
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

// notPlain is zero if each of a word's eight bytes is plain; else its lowest bit
// that is set is in the first byte that is not. x-ones borrows into the high bit
// of a byte that is zero, and so finds bytes that equal another; only bytes
// behind the first one that is found may be found wrongly.
func notPlain(x uint64) uint64 {
	control := (x - ones*' ') &^ x
	quote, backslash := x^ones*'"', x^ones*'\\'
	found := control | (quote-ones)&^quote | (backslash-ones)&^backslash | x | (x + ones)
	return found & highs
}
