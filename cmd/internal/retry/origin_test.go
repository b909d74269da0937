package retry

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"stockpush/cmd/internal/pushrecords"
	"stockpush/schemas"
)

func TestUserNameIsValidInAnEvent(t *testing.T) {
	for text, want := range map[string]string{
		"": "", " ann@example.com ": "ann@example.com", "a\x00b\nc\x7fd": "abcd", "a\xffb": "ab", "Ann Ä": "Ann Ä",
		strings.Repeat("x", 200): strings.Repeat("x", 128), strings.Repeat("é", 65): strings.Repeat("é", 64), "x" + strings.Repeat("é", 64): "x" + strings.Repeat("é", 63),
	} {
		require.Equal(t, want, UserName(text), text)
		require.LessOrEqual(t, len(UserName(text)), schemas.MaxRequestedByBytes)
	}
}

func TestRePushIsLoggedInOneLine(t *testing.T) {
	var said bytes.Buffer
	r := New(Deps{Logger: slog.New(slog.NewTextHandler(&said, nil))})
	q := Request{Filter: pushrecords.Filter{Shops: []int64{10001}}, Limit: 5, Origin: Origin{Via: "api", RequestedBy: "ann", Remote: "10.0.0.1:5"}}
	r.audit(q, Result{Matched: 3, Published: 2, LeftOut: map[string]int{OnItsWay: 1}}, nil)
	require.Contains(t, said.String(), `level=INFO msg="failures re-pushed" via=api requested_by=ann remote=10.0.0.1:5 filter="shop_id=10001" `+
		`event_ids=0 all=false limit=5 matched=3 published=2 left_out=map[retry_on_its_way:1]`)
	said.Reset()
	q.Filter.StoreSKUs = []string{strings.Repeat("s", 10_000)}
	r.audit(q, Result{Published: 1}, errors.New("kafka is down"))
	require.Contains(t, said.String(), `published=1`)
	require.Contains(t, said.String(), `error="kafka is down"`)
	require.Less(t, said.Len(), 3000)
	require.Equal(t, 1, strings.Count(said.String(), "\n"))
}
