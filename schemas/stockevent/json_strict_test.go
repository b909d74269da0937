package stockevent

import (
	"encoding/binary"
	"math/bits"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestEveryByteIsPlainAloneAndAmongOthersOrNot(t *testing.T) {
	for c := range 256 {
		for place := range 8 {
			word := [8]byte{'a', ' ', '~', 'z', '0', '!', '#', ']'}
			word[place] = byte(c)
			want := 64
			if !isPlain(byte(c)) {
				want = place*8 + 7
			}
			require.Equal(t, want, bits.TrailingZeros64(notPlain(binary.LittleEndian.Uint64(word[:]))), "%x at %d", c, place)
		}
	}
}

func TestThePlainPrefixIsThatOfBytewiseReading(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.SliceOf(rapid.OneOf(rapid.ByteRange('a', 'f'), rapid.Byte())).Draw(t, "text")
		want := 0
		for want < len(text) && isPlain(text[want]) {
			want++
		}
		require.Equal(t, want, plainPrefix(text))
	})
}
