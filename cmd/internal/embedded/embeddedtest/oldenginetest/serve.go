package oldenginetest

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/ClickHouse/ch-go/compress"
	chproto "github.com/ClickHouse/ch-go/proto"
	"github.com/ClickHouse/clickhouse-go/v2/lib/proto"
)

// revision is the protocol's: the first with parameters.
const revision = 54459

// Run serves until standard input is closed. Its words are those of the embedded engine's process;
// the first names the folder of the Python package chdb instead of a library.
func Run(words []string) error {
	if len(words) < 5 {
		return errors.New("the engine's arguments are missing")
	}
	flags := flag.NewFlagSet("engine", flag.ContinueOnError)
	path, host, port := flags.String("path", "", ""), flags.String("listen_host", "", ""), flags.String("tcp_port", "", "")
	for _, unused := range []string{"http_port", "background_pool_size", "background_schedule_pool_size", "query", "config-file"} {
		flags.String(unused, "", "")
	}
	if err := flags.Parse(words[4:]); err != nil {
		return err
	}
	e, err := start(words[0], *path, words[3])
	if err != nil {
		return err
	}
	if _, err := e.run("SELECT 1"); err != nil {
		return err
	}
	listener, err := net.Listen("tcp", net.JoinHostPort(*host, *port))
	if err != nil {
		return err
	}
	go accept(listener, e) // ends with the process
	_, err = io.Copy(io.Discard, os.Stdin)
	return err
}

func accept(listener net.Listener, e *engine) {
	for {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		go func() {
			defer func() { _ = conn.Close() }()
			s := &session{engine: e, conn: conn, reader: chproto.NewReader(conn)}
			if err := s.serve(); !errors.Is(err, io.EOF) {
				fmt.Fprintln(os.Stderr, "session:", err)
			}
		}()
	}
}

// session is a client's connection.
type session struct {
	engine *engine
	conn   net.Conn
	reader *chproto.Reader
	// revision is the smaller one of both sides.
	revision   int
	compressed bool
}

func (s *session) send(b *chproto.Buffer) error {
	_, err := s.conn.Write(b.Buf)
	return err
}

// serve returns why the connection ended, io.EOF if the client closed it.
func (s *session) serve() error {
	if err := s.greet(); err != nil {
		return err
	}
	for {
		code, err := s.reader.UVarInt()
		if err != nil {
			return err
		}
		switch chproto.ClientCode(code) {
		case chproto.ClientCodePing:
			var b chproto.Buffer
			chproto.ServerCodePong.Encode(&b)
			err = s.send(&b)
		case chproto.ClientCodeQuery:
			err = s.answer()
		case chproto.ClientCodeCancel: // the statement has ended
		default:
			err = fmt.Errorf("packet %d is not expected", code)
		}
		if err != nil {
			return err
		}
	}
}

func (s *session) greet() error {
	if _, err := s.reader.UVarInt(); err != nil {
		return err
	}
	var hello chproto.ClientHello
	if err := hello.Decode(s.reader); err != nil {
		return err
	}
	s.revision = min(revision, hello.ProtocolVersion)
	var b chproto.Buffer
	(&chproto.ServerHello{Name: "ClickHouse", Major: 25, Minor: 1, Revision: revision, Timezone: "UTC"}).EncodeAware(&b, s.revision)
	if err := s.send(&b); err != nil {
		return err
	}
	if !chproto.FeatureAddendum.In(s.revision) {
		return nil
	}
	_, err := s.reader.Str()
	return err
}

// answer executes a query. An error of ClickHouse is part of the answer.
func (s *session) answer() error {
	var q chproto.Query
	if err := q.DecodeAware(s.reader, s.revision); err != nil {
		return err
	}
	s.compressed = q.Compression == chproto.CompressionEnabled
	if _, err := s.receive(); err != nil { // the end of the external tables; clients send none
		return err
	}
	err := s.execute(q)
	var b chproto.Buffer
	if failed, ok := errors.AsType[exception](err); ok {
		chproto.ServerCodeException.Encode(&b)
		(&chproto.Exception{Code: failed.code(), Name: "DB::Exception", Message: string(failed)}).EncodeAware(&b, s.revision)
	} else if err != nil {
		return err
	} else {
		chproto.ServerCodeEndOfStream.Encode(&b)
	}
	return s.send(&b)
}

var insert = regexp.MustCompile(`(?is)^\s*INSERT INTO\s+(\S+?)\s*\(([^)]*)\)\s*VALUES\s*$`)

func (s *session) execute(q chproto.Query) error {
	if m := insert.FindStringSubmatch(q.Body); m != nil {
		return s.insert(q, strings.ReplaceAll(m[1], `"`, "`"), strings.ReplaceAll(m[2], `"`, "`"))
	}
	blocks, err := s.engine.query(q)
	if err != nil {
		return err
	}
	for _, block := range blocks {
		if err := s.write(block); err != nil {
			return err
		}
	}
	return nil
}

// insert asks for blocks, writes them into a file, and inserts that.
func (s *session) insert(q chproto.Query, table, columns string) error {
	s.engine.mu.Lock()
	header, err := s.engine.header("SELECT " + columns + " FROM " + table)
	s.engine.mu.Unlock()
	if err != nil {
		return err
	}
	if err := s.write(header); err != nil {
		return err
	}
	file, err := os.CreateTemp(s.engine.scratch, "insert-")
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(file.Name()) }()
	rows, err := s.save(file)
	if err := errors.Join(err, file.Close()); err != nil || rows == 0 {
		return err
	}
	path, err := filepath.Abs(file.Name())
	if err != nil {
		return err
	}
	q.Body = "INSERT INTO " + table + " (" + columns + ") FROM INFILE " + quote(path) + " FORMAT Native"
	_, err = s.engine.query(q)
	return err
}

// save writes the client's blocks in Native format.
func (s *session) save(file io.Writer) (rows int, err error) {
	for {
		block, err := s.receive()
		if err != nil || block.End() {
			return rows, err
		}
		rows += block.Rows
		var b chproto.Buffer
		if err := block.EncodeRawBlock(&b, 0, block.input); err != nil {
			return rows, err
		}
		if _, err := file.Write(b.Buf); err != nil {
			return rows, err
		}
	}
}

// received is a block of the client's.
type received struct {
	chproto.Block
	input chproto.Input
}

// receive reads a data packet.
func (s *session) receive() (block received, err error) {
	code, err := s.reader.UVarInt()
	if err != nil {
		return block, err
	}
	if chproto.ClientCode(code) != chproto.ClientCodeData {
		return block, fmt.Errorf("packet %d instead of data", code)
	}
	var data chproto.ClientData
	if err := data.DecodeAware(s.reader, s.revision); err != nil {
		return block, err
	}
	if s.compressed {
		s.reader.EnableCompression()
		defer s.reader.DisableCompression()
	}
	var results chproto.Results
	if err := block.DecodeBlock(s.reader, s.revision, results.Auto()); err != nil {
		return block, err
	}
	for _, column := range results {
		block.input = append(block.input, chproto.InputColumn{Name: column.Name, Data: column.Data.(chproto.ColInput)})
	}
	return block, nil
}

// write sends a data packet.
func (s *session) write(block *proto.Block) error {
	var b, content chproto.Buffer
	chproto.ServerCodeData.Encode(&b)
	b.PutString("")
	if err := encode(block, &content, s.revision); err != nil {
		return err
	}
	if s.compressed {
		w := compress.NewWriter(compress.LevelZero, compress.LZ4)
		if err := w.Compress(content.Buf); err != nil {
			return err
		}
		content.Buf = w.Data
	}
	b.Buf = append(b.Buf, content.Buf...)
	return s.send(&b)
}

// encode appends a block. Of one without rows a client expects names and types only, unlike what
// the library writes.
func encode(block *proto.Block, b *chproto.Buffer, revision int) error {
	if block.Rows() > 0 {
		return block.Encode(b, uint64(revision))
	}
	if err := block.EncodeHeader(b, uint64(revision)); err != nil {
		return err
	}
	for _, column := range block.Columns {
		b.PutString(column.Name())
		b.PutString(string(column.Type()))
		if chproto.FeatureCustomSerialization.In(revision) {
			b.PutBool(false)
		}
	}
	return nil
}
