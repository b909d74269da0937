package clickhouse

import (
	"fmt"
	"strings"
	"testing"

	"github.com/ClickHouse/ch-go/proto"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// The encoding equals that of the client library's column, also after truncation on either side of
// a block's end.
func TestTextsAreSentAsTheClientWouldSendThem(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var texts wireTexts
		var want []string
		for range rapid.IntRange(1, 4).Draw(t, "turns") {
			for range rapid.SampledFrom([]int{0, 1, 7, blockRows - 3, blockRows, blockRows + 1}).Draw(t, "added") {
				text := strings.Repeat("x", len(want)%131) + fmt.Sprint(len(want))
				texts.add(text)
				want = append(want, text)
			}
			kept := max(0, len(want)-rapid.SampledFrom([]int{0, 1, 2, 9, blockRows - 1, blockRows, 3 * blockRows}).Draw(t, "forgotten"))
			texts.keep(kept)
			want = want[:kept]
		}
		for from := 0; from < len(want); from += blockRows {
			to := min(from+blockRows, len(want))
			texts.show(from, to)
			require.Equal(t, to-from, texts.shown.Rows())
			require.Equal(t, wireOf(want[from:to]), encoded(&texts.shown))
		}
	})
}

func wireOf(texts []string) []byte {
	var c proto.ColStr
	for _, text := range texts {
		c.Append(text)
	}
	return encoded(c)
}

func encoded(c proto.ColInput) []byte {
	var b proto.Buffer
	c.EncodeColumn(&b)
	return b.Buf
}
