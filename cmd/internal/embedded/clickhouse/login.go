package clickhouse

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"time"

	"github.com/ClickHouse/ch-go/proto"
	"github.com/ClickHouse/clickhouse-go/v2"
)

// The library ends when it refuses a login of the native protocol. So those that
// it would refuse do not get there: they are answered here, as it would.

// admits says whether the library takes a login, with the one user that it has by itself.
func admits(user, password string) bool { return user == "default" && password == "" }

// maxHelloText is longer than any text of a proper Hello, in bytes.
const maxHelloText = 64 << 10

var (
	errNoHello = errors.New("not the Hello of the native protocol")
	errRefused = errors.New("the login is refused")
)

// hello is what a client's Hello says of the login.
type hello struct{ database, user, password string }

// login reads the rest of a client's Hello and returns all that was read, which is to
// be passed on to the target. It fails where that is no Hello, or after it answered one that is refused.
func (f *forwarder) login(first []byte, client net.Conn, target string) (read []byte, err error) {
	var all bytes.Buffer
	h, err := readHello(bufio.NewReader(io.TeeReader(io.MultiReader(bytes.NewReader(first), client), &all)))
	if err != nil {
		return nil, err
	}
	var refusal proto.Exception
	switch {
	case !f.admits(h.user, h.password):
		refusal.Code = proto.ErrAuthenticationFailed
		refusal.Message = h.user + ": Authentication failed: the embedded ClickHouse has no user but default, which has no password"
	case !hasDatabase(target, h.database):
		refusal.Code, refusal.Message = proto.ErrUnknownDatabase, "Database "+h.database+" does not exist"
	default:
		return all.Bytes(), nil
	}
	refusal.Name = "DB::Exception"
	var answer proto.Buffer
	proto.ServerCodeException.Encode(&answer)
	refusal.EncodeAware(&answer, proto.Version)
	_, err = client.Write(answer.Buf)
	return nil, errors.Join(errRefused, err)
}

// lookTimeout bounds the question for a database.
const lookTimeout = 10 * time.Second

// hasDatabase asks the library. It is left to judge where it does not answer.
func hasDatabase(target, name string) bool {
	if name == "" || name == "default" {
		return true
	}
	conn, err := clickhouse.Open(&clickhouse.Options{Addr: []string{target}})
	if err != nil {
		return true
	}
	defer func() { _ = conn.Close() }()
	ctx, cancel := context.WithTimeout(context.Background(), lookTimeout)
	defer cancel()
	var n uint64
	err = conn.QueryRow(ctx, "SELECT count() FROM system.databases WHERE name = ?", name).Scan(&n)
	return err != nil || n > 0
}

// readHello reads a packet of the client's: its kind, name, version (three numbers),
// database, user and password.
func readHello(r *bufio.Reader) (h hello, err error) {
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
	h.database, h.user, h.password = text(), text(), text()
	return h, err
}
