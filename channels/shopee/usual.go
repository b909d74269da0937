package shopee

import (
	"bytes"
	"errors"
	"io"

	"github.com/go-faster/jx"

	"stockpush/channels"
)

// confirmation reads the answer that most pushes get: no error, and every line
// confirmed, exactly and in order. It judges nothing: of every other answer read
// says false, and what judges answers reads it from its start. What it takes for a
// confirmation is one there too; a fuzz test holds that.
type confirmation struct {
	lines     []channels.Line
	requestID string
	// confirmed counts lines, in their order; row is the one that is being read.
	confirmed int
	row       channels.Line
}

// room is more than most of such answers have, in bytes; nothing is known of others.
func (c *confirmation) room() int {
	if c == nil {
		return 0
	}
	return 256 + 64*len(c.lines)
}

var errUnusual = errors.New("not the usual answer")

func (c *confirmation) read(body []byte) bool {
	*c = confirmation{lines: c.lines}
	body = bytes.TrimRight(body, " \r\n")
	for _, b := range body {
		if b < ' ' || b > '~' {
			return false // texts that ask for a closer look
		}
	}
	d := jx.GetDecoder()
	defer jx.PutDecoder(d)
	d.ResetBytes(body)
	if object(d, c.takeField) != nil || !errors.Is(d.Skip(), io.EOF) {
		return false
	}
	return c.confirmed == len(c.lines) && len(c.requestID) <= maxRequestIDBytes
}

func (c *confirmation) takeField(d *jx.Decoder, name []byte) (bit uint, err error) {
	switch string(name) {
	case "error":
		return 1, empty(d)
	case "message", "warning", "debug_message":
		return 0, d.Skip()
	case "request_id":
		c.requestID, err = d.Str()
		return 2, err
	case "response":
		return 4, object(d, c.takeList)
	}
	return 0, errUnusual
}

func (c *confirmation) takeList(d *jx.Decoder, name []byte) (bit uint, err error) {
	switch string(name) {
	case "success_list":
		return 1, d.Arr(c.takeRow)
	case "failure_list":
		return 2, d.Arr(func(*jx.Decoder) error { return errUnusual })
	}
	return 0, errUnusual
}

func (c *confirmation) takeRow(d *jx.Decoder) error {
	c.row = channels.Line{}
	if err := object(d, c.takeRowField); err != nil {
		return err
	}
	if c.confirmed == len(c.lines) || c.row != c.lines[c.confirmed] {
		return errUnusual
	}
	c.confirmed++
	return nil
}

func (c *confirmation) takeRowField(d *jx.Decoder, name []byte) (bit uint, err error) {
	switch string(name) {
	case "model_id":
		c.row.ModelID, err = d.Int64()
		return 1, err
	case "stock":
		c.row.Qty, err = d.Int64()
		return 2, err
	case "location_id":
		c.row.LocationID, err = d.Str()
		return 4, err
	}
	return 0, errUnusual
}

// object reads an object none of whose fields that count comes twice; take says
// by a bit which one it took, 0 for one that does not count.
func object(d *jx.Decoder, take func(d *jx.Decoder, name []byte) (bit uint, err error)) error {
	seen := uint(0)
	return d.ObjBytes(func(d *jx.Decoder, name []byte) error {
		bit, err := take(d, name)
		if seen&bit != 0 {
			return errUnusual
		}
		seen |= bit
		return err
	})
}

// empty reads a text that must have nothing in it.
func empty(d *jx.Decoder) error {
	text, err := d.StrBytes()
	if err == nil && len(text) > 0 {
		err = errUnusual
	}
	return err
}
