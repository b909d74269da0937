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

// The library crashes when it refuses a login of the native protocol, or receives anything else. So
// this file reads the first packet and answers, as ClickHouse would, logins that would be refused.

// login checks the first packet of native connections.
type login struct {
	password string
	// required says that the password is needed. Otherwise a login may omit it, but a wrong
	// password is still refused.
	required bool
	// unjudged leaves authentication to the engine.
	unjudged bool
}

func (s *Server) newLogin() login {
	return login{password: s.password, required: s.cfg.remote(), unjudged: s.cfg.OwnUsers}
}

func (l login) admits(user, password string) bool {
	return user == userName && (same(password, l.password) || password == "" && !l.required)
}

// maxHelloText limits a string of a Hello in bytes; real ones are shorter.
const maxHelloText = 64 << 10

var (
	errNoHello = errors.New("not the Hello of the native protocol")
	errRefused = errors.New("the login is refused")
)

// begin reads a client's Hello and returns the bytes to send to the target instead. It fails if the
// data is no Hello, or after it has refused the login.
func (l login) begin(client net.Conn, target string) ([]byte, error) {
	var all bytes.Buffer
	from := bufio.NewReader(io.TeeReader(client, &all))
	first, err := from.Peek(1)
	switch {
	case err != nil:
		return nil, err
	case first[0] != byte(proto.ClientCodeHello):
		return nil, errNoHello
	case l.unjudged:
		return all.Bytes(), nil
	}
	h, err := readHello(from)
	if err != nil {
		return nil, err
	}
	if refusal := l.judge(h, target); refusal != nil {
		return nil, errors.Join(errRefused, answer(client, refusal))
	}
	h.Password = "" // the engine's user has none
	var hello proto.Buffer
	h.Encode(&hello)
	remaining, err := from.Peek(from.Buffered())
	return append(hello.Buf, remaining...), err
}

// judge returns the exception for a login that the library would refuse, or nil.
func (l login) judge(h proto.ClientHello, target string) *proto.Exception {
	switch {
	case !l.admits(h.User, h.Password):
		return &proto.Exception{Code: proto.ErrAuthenticationFailed, Name: "DB::Exception",
			Message: h.User + ": Authentication failed: the embedded ClickHouse has no user but " + userName + ", whose password is in " + passwordFile + " in the data directory"}
	case !hasDatabase(target, h.Database):
		return &proto.Exception{Code: proto.ErrUnknownDatabase, Name: "DB::Exception", Message: "Database " + h.Database + " does not exist"}
	default:
		return nil
	}
}

func answer(client net.Conn, refusal *proto.Exception) error {
	var b proto.Buffer
	proto.ServerCodeException.Encode(&b)
	refusal.EncodeAware(&b, proto.Version)
	_, err := client.Write(b.Buf)
	return err
}

// lookTimeout limits the query for a database.
const lookTimeout = 10 * time.Second

// hasDatabase asks the library whether a database exists. If the library does not answer, it
// decides itself.
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

// readHello reads a client's Hello: kind, name, version (three numbers), database, user and
// password.
func readHello(r *bufio.Reader) (h proto.ClientHello, err error) {
	number := func() (n int) {
		if err == nil {
			var u uint64
			u, err = binary.ReadUvarint(r)
			n = int(u)
		}
		return n
	}
	text := func() string {
		n := number()
		if err == nil && (n < 0 || n > maxHelloText) {
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
	h.Name, h.Major, h.Minor, h.ProtocolVersion = text(), number(), number(), number()
	h.Database, h.User, h.Password = text(), text(), text()
	return h, err
}
