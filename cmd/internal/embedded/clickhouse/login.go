package clickhouse

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"

	"github.com/ClickHouse/ch-go/proto"
)

// The library ends when it refuses a login of the native protocol. So those that
// it would refuse do not get there: they are answered here, as it would.

// admits says whether the library takes a login, with the one user that it has by itself.
func admits(user, password string) bool { return user == "default" && password == "" }

// maxHelloText is longer than any text of a proper Hello, in bytes.
const maxHelloText = 64 << 10

var errNoHello = errors.New("not the Hello of the native protocol")

// login reads the rest of a client's Hello and returns all that was read, which is to
// be passed on. It fails where that is no Hello, or after it answered one that is refused.
func (f *forwarder) login(first []byte, client net.Conn) (read []byte, err error) {
	var all bytes.Buffer
	user, password, err := readHello(bufio.NewReader(io.TeeReader(io.MultiReader(bytes.NewReader(first), client), &all)))
	if err != nil || f.admits(user, password) {
		return all.Bytes(), err
	}
	refusal := proto.Exception{
		Code: proto.ErrAuthenticationFailed, Name: "DB::Exception",
		Message: user + ": Authentication failed: the embedded ClickHouse has no user but default, which has no password",
	}
	var answer proto.Buffer
	proto.ServerCodeException.Encode(&answer)
	refusal.EncodeAware(&answer, proto.Version)
	_, err = client.Write(answer.Buf)
	return nil, errors.Join(fmt.Errorf("user %q: %w", user, proto.ErrAuthenticationFailed), err)
}

// readHello reads a packet of the client's: its kind, name, version (three numbers),
// database, user and password.
func readHello(r *bufio.Reader) (user, password string, err error) {
	number := func() (n uint64) {
		if err == nil {
			n, err = binary.ReadUvarint(r)
		}
		return n
	}
	text := func() string {
		n := number()
		if err == nil && n > maxHelloText {
			err = errNoHello
		}
		if err != nil {
			return ""
		}
		b := make([]byte, n)
		_, err = io.ReadFull(r, b)
		return string(b)
	}
	number()
	text()
	number()
	number()
	number()
	text()
	user, password = text(), text()
	return user, password, err
}
