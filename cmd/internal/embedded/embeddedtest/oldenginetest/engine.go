// Package oldenginetest serves ClickHouse's native protocol for versions whose embedded form has no
// listeners (before 26.7): a Python process runs the version that the package chdb contains, and
// this package forwards statements, their settings and parameters, and blocks. It has one user, no
// HTTP interface, and executes one statement after the other.
package oldenginetest

import (
	"bufio"
	_ "embed"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"

	chproto "github.com/ClickHouse/ch-go/proto"
	"github.com/ClickHouse/clickhouse-go/v2/lib/column"
	"github.com/ClickHouse/clickhouse-go/v2/lib/proto"
)

//go:embed host.py
var host string

// engine is the Python process. Its session keeps settings from one statement to the next.
type engine struct {
	mu      sync.Mutex
	in      io.Writer
	out     *bufio.Reader
	set     map[string]string
	scratch string
}

// exception is an error of ClickHouse.
type exception string

func (e exception) Error() string { return string(e) }

var codeInText = regexp.MustCompile(`Code: (\d+)\.`)

// code returns ClickHouse's number of the error; 1001 (a standard exception) if it has none.
func (e exception) code() chproto.Error {
	if m := codeInText.FindStringSubmatch(string(e)); m != nil {
		n, _ := strconv.Atoi(m[1]) // digits, as the pattern says
		return chproto.Error(n)
	}
	return 1001
}

// start starts the engine on a folder. The process ends when ours does.
func start(packages, folder, scratch string) (*engine, error) {
	cmd := exec.Command("python3", "-c", host, packages, folder)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	return &engine{in: in, out: bufio.NewReader(out), scratch: scratch}, cmd.Start()
}

// run executes a statement and returns its result in Native format.
func (e *engine) run(statement string) ([]byte, error) {
	message := binary.LittleEndian.AppendUint32(nil, uint32(len(statement)))
	if _, err := e.in.Write(append(message, statement...)); err != nil {
		return nil, err
	}
	var head [5]byte
	if _, err := io.ReadFull(e.out, head[:]); err != nil {
		return nil, fmt.Errorf("the engine ended: %w", err)
	}
	result := make([]byte, binary.LittleEndian.Uint32(head[1:]))
	if _, err := io.ReadFull(e.out, result); err != nil {
		return nil, fmt.Errorf("the engine ended: %w", err)
	}
	if head[0] != 0 {
		return nil, exception(result)
	}
	return result, nil
}

// configure gives the session the settings and parameters of a query.
func (e *engine) configure(q chproto.Query) error {
	// clickhouse-go does not decode what ch-go's LowCardinality encodes, so results have plain types.
	wanted := map[string]string{"low_cardinality_allow_in_native_format": "'0'"}
	for _, s := range q.Settings {
		wanted[s.Key] = quote(s.Value)
	}
	for _, p := range q.Parameters {
		wanted["param_"+p.Key] = p.Value
	}
	var changes []string
	for _, key := range slices.Sorted(maps.Keys(e.set)) {
		if _, ok := wanted[key]; !ok && !strings.HasPrefix(key, "param_") {
			changes = append(changes, key+" = DEFAULT")
		}
	}
	for _, key := range slices.Sorted(maps.Keys(wanted)) {
		changes = append(changes, key+" = "+wanted[key])
	}
	e.set = wanted
	_, err := e.run("SET " + strings.Join(changes, ", "))
	return err
}

func quote(s string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(s) + "'"
}

// query returns the blocks of a statement's result; one without rows has at least its columns.
func (e *engine) query(q chproto.Query) ([]*proto.Block, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if err := e.configure(q); err != nil {
		return nil, err
	}
	result, err := e.run(q.Body)
	if err != nil {
		return nil, err
	}
	if word := strings.ToUpper(strings.TrimLeft(q.Body, " \t\n(")); len(result) == 0 && (strings.HasPrefix(word, "SELECT") || strings.HasPrefix(word, "WITH")) {
		header, err := e.header(q.Body)
		return []*proto.Block{header}, err
	}
	return blocks(result)
}

func blocks(result []byte) (all []*proto.Block, err error) {
	reader := chproto.NewReader(strings.NewReader(string(result)))
	for {
		block := proto.NewBlock()
		switch err := block.Decode(reader, 0); {
		case errors.Is(err, io.EOF):
			return all, nil
		case err != nil:
			return nil, err
		}
		all = append(all, block)
	}
}

// header returns a block with the columns of a query and no rows.
func (e *engine) header(query string) (*proto.Block, error) {
	result, err := e.run("DESCRIBE TABLE (" + strings.TrimRight(query, "; \n") + ")")
	if err != nil {
		return nil, err
	}
	described, err := blocks(result)
	if err != nil {
		return nil, err
	}
	header := proto.NewBlock()
	for _, block := range described {
		for row := range block.Rows() {
			name, kind := block.Columns[0].Row(row, false).(string), block.Columns[1].Row(row, false).(string)
			if err := header.AddColumn(name, column.Type(kind)); err != nil {
				return nil, err
			}
		}
	}
	return header, nil
}
