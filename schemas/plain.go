package schemas

import (
	"encoding/binary"
	"math/bits"
)

// isPlain says whether a byte of a JSON string is printable ASCII, and neither quote nor
// backslash.
func isPlain(c byte) bool { return c >= ' ' && c < 0x7f && c != '"' && c != '\\' }

// plainPrefix returns the length of the plain bytes that b begins with. It checks eight at a
// time, since most of an event is text.
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

// notPlain returns zero if all eight bytes of a word are plain; otherwise its lowest set bit is
// in the first byte that is not. x-ones borrows into the high bit of a zero byte. Only bytes
// after the first one that it finds can be reported wrongly.
func notPlain(x uint64) uint64 {
	control := (x - ones*' ') &^ x
	quote, backslash := x^ones*'"', x^ones*'\\'
	found := control | (quote-ones)&^quote | (backslash-ones)&^backslash | x | (x + ones)
	return found & highs
}
