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

// Order is the order of a list of store SKUs.
type Order uint8

// The values of Order.
const (
	// ByKey sorts by channel, shop and SKU. New records move no row, so the pages show each row
	// that existed at the start exactly once.
	ByKey Order = iota
	// NewestFirst sorts by the last trigger. A store SKU that is triggered between two pages moves
	// to the front, so the pages may miss it.
	NewestFirst
)

// Page selects a part of a list.
type Page struct {
	// Limit is the number of items, at most MaxLimit; 0 means DefaultLimit.
	Limit int
	// Cursor is the NextCursor of the previous page with the same order; empty means the start.
	Cursor string
	// Order applies to lists of store SKUs; all other lists are newest first.
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

// cursorVersion is the version of the format: base64url of JSON.
const cursorVersion = 1

// cursor is a position in a list: the sort columns' values of the last row, as text.
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

// decodeCursor decodes a list's cursor and returns its position as bound parameters.
func decodeCursor(list string, columns []sortColumn, text string) (cursor, []any, error) {
	bad := badParameter("cursor", "is not a cursor of this list")
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

// parsePlace returns the bound parameters after0, after1, …, one for each sort column.
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

// kind is a sort column's ClickHouse type.
type kind string

const (
	text     kind = "String"
	unsigned kind = "UInt64"
	signed   kind = "Int64"
	instant  kind = "DateTime64(3, 'UTC')"
)

// parse parses a value of a cursor; an instant is in milliseconds since 1970.
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
