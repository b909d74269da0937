package clickhouse

import (
	"bufio"
	"bytes"
	"testing"

	"github.com/ClickHouse/ch-go/proto"
	"github.com/stretchr/testify/require"
)

// Whatever a connection begins with, it is a Hello that says who comes, or an error.
func FuzzHello(f *testing.F) {
	f.Add([]byte{}, "default", "")
	f.Add([]byte("\x00\xff\xff\xff\xff\xff\xff\xff\xff\xff\x7f"), "nobody", "x")
	f.Fuzz(func(t *testing.T, garbage []byte, user, password string) {
		_, _ = readHello(bufio.NewReader(bytes.NewReader(garbage)))
		var b proto.Buffer
		proto.ClientHello{Name: "client", Major: 1, ProtocolVersion: proto.Version, Database: string(garbage), User: user, Password: password}.Encode(&b)
		got, err := readHello(bufio.NewReader(bytes.NewReader(append(b.Buf, garbage...))))
		if len(user) > maxHelloText || len(password) > maxHelloText || len(garbage) > maxHelloText {
			require.ErrorIs(t, err, errNoHello)
			return
		}
		require.NoError(t, err)
		require.Equal(t, hello{string(garbage), user, password}, got)
	})
}
