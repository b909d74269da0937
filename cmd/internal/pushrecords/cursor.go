package pushrecords

import (
	"encoding/base64"
	"encoding/json"
	"strconv"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
)

// Limits of a page.
const (
	DefaultLimit = 100
	MaxLimit     = 1000
)

// Order is how a list of store SKUs is sorted.
type Order uint8

// The orders.
const (
	// ByKey sorts by channel, shop and SKU. Nothing that arrives moves a row, so
	// its pages show each row that was there at the start exactly once.
	ByKey Order = iota
	// NewestFirst sorts by the last trigger. A store SKU that is triggered
	// while somebody pages moves to the front, and so may be passed over.
	NewestFirst
)

// Page chooses a part of a list.
type Page struct {
	// Limit is how many items, at most MaxLimit; 0 is DefaultLimit.
	Limit int
	// Cursor is the NextCursor of the page before, asked with the same order; empty is the start.
	Cursor string
	// Order is for lists of store SKUs; all other lists are newest first.
	Order Order
}

func (p Page) limit() (int, error) {
	if p.Limit < 0 || p.Limit > MaxLimit {
		return 0, badParameter("limit", "%d is not within 1 to %d", p.Limit, MaxLimit)
	}
	if p.Limit == 0 {
		return DefaultLimit, nil
	}
	return p.Limit, nil
}

// cursorVersion is the format of cursors: base64url of JSON.
const cursorVersion = 1

// cursor is the place behind a list's row: the row's values of the columns that
// sort the list, as text.
type cursor struct {
	Version int      `json:"v"`
	List    string   `json:"l"`
	After   []string `json:"a"`
}

func encodeCursor(list string, after []string) string {
	raw, err := json.Marshal(cursor{cursorVersion, list, after})
	if err != nil {
		panic(err) // texts and numbers always encode
	}
	return base64.RawURLEncoding.EncodeToString(raw)
}

// decodeCursor reads a cursor of a list, and gives its place's bound parameters.
func decodeCursor(list string, columns []sortColumn, text string) (cursor, []any, error) {
	bad := badParameter("cursor", "is not one that this list gave")
	raw, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		return cursor{}, nil, bad
	}
	var c cursor
	if err := json.Unmarshal(raw, &c); err != nil || c.Version != cursorVersion || c.List != list || len(c.After) != len(columns) {
		return cursor{}, nil, bad
	}
	args, err := parsePlace(columns, c.After)
	if err != nil {
		return cursor{}, nil, bad
	}
	return c, args, nil
}

// parsePlace gives the bound parameters after0, after1, …, one for each column
// that sorts the list.
func parsePlace(columns []sortColumn, place []string) ([]any, error) {
	args := make([]any, len(columns))
	for i, column := range columns {
		value, err := column.kind.parse(place[i])
		if err != nil {
			return nil, err
		}
		args[i] = clickhouse.Named(afterName(i), value)
	}
	return args, nil
}

// kind is a sorting column's type: ClickHouse's name of it.
type kind string

const (
	text     kind = "String"
	unsigned kind = "UInt64"
	signed   kind = "Int64"
	instant  kind = "DateTime64(3, 'UTC')"
)

// parse reads what a cursor holds; an instant is in milliseconds since 1970.
func (k kind) parse(s string) (any, error) {
	switch k {
	case unsigned:
		return strconv.ParseUint(s, 10, 64)
	case signed:
		return strconv.ParseInt(s, 10, 64)
	case instant:
		ms, err := strconv.ParseInt(s, 10, 64)
		return time.UnixMilli(ms).UTC(), err
	default:
		return s, nil
	}
}

func unsignedText(n uint64) string   { return strconv.FormatUint(n, 10) }
func signedText(n int64) string      { return strconv.FormatInt(n, 10) }
func instantText(t time.Time) string { return strconv.FormatInt(t.UnixMilli(), 10) }
