package console

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/go-faster/jx"

	"stockpush/cmd/internal/pushrecords"
	"stockpush/cmd/internal/retry"
)

// retryBody is the body of POST /api/v1/retries.
type retryBody struct {
	// filter has the parameters that lists accept too.
	filter url.Values
	// eventIDs and limit are nil if absent from the body.
	eventIDs    []string
	limit       *int
	dryRun, all bool
	requestedBy string
}

var (
	errNoValue  = errors.New("an empty value or null would select everything; leave the member out, and say \"all\": true if everything is meant")
	errNoMember = errors.New("is not a member of a retry (names match exactly)")
)

// readBody reads a request's JSON object strictly. A member that is misspelt, empty or given twice
// could otherwise select more than the client meant.
func readBody(r *http.Request, of string, member func(d *jx.Decoder, name string) error) error {
	raw, err := io.ReadAll(r.Body)
	if err != nil {
		return err
	}
	d := jx.DecodeBytes(raw)
	if err = errors.New("it is not UTF-8"); utf8.Valid(raw) {
		err = members(d, member)
	}
	if err == nil && !errors.Is(d.Skip(), io.EOF) {
		err = errors.New("something follows it")
	}
	if err != nil {
		return &pushrecords.ParameterError{Name: "body", Problem: "is not the JSON object of a " + of + ": " + err.Error()}
	}
	return nil
}

// members reads a JSON object, and refuses a member that is given twice.
func members(d *jx.Decoder, read func(d *jx.Decoder, name string) error) error {
	seen := map[string]bool{}
	return d.Obj(func(d *jx.Decoder, name string) error {
		if seen[name] {
			return fmt.Errorf("%q is given twice", name)
		}
		seen[name] = true
		if err := read(d, name); err != nil {
			return fmt.Errorf("%q: %w", name, err)
		}
		return nil
	})
}

func (b *retryBody) member(d *jx.Decoder, name string) (err error) {
	switch name {
	case "shop_id", "store_sku", "merchant_sku", "status", "reason", "failure_code":
		b.filter[name], err = words(d)
	case "q", "since", "until":
		b.filter[name] = make([]string, 1)
		b.filter[name][0], err = stringWord(d)
	case "event_ids":
		if d.Next() != jx.Array {
			return errors.New("is not a list")
		}
		b.eventIDs, err = list(d, stringWord)
	case "limit":
		var n int
		n, err = d.Int()
		b.limit = &n
	case "dry_run":
		b.dryRun, err = d.Bool()
	case "all":
		b.all, err = d.Bool()
	case "requested_by":
		b.requestedBy, err = d.Str()
	default:
		return errNoMember
	}
	return err
}

// words reads a parameter's values: a string, a number, or a list of them.
func words(d *jx.Decoder) ([]string, error) {
	if d.Next() != jx.Array {
		one, err := word(d)
		return []string{one}, err
	}
	return list(d, word)
}

// list reads a list, which may not be empty, with a function that reads an item.
func list(d *jx.Decoder, item func(*jx.Decoder) (string, error)) ([]string, error) {
	var all []string
	err := d.Arr(func(d *jx.Decoder) error {
		one, err := item(d)
		all = append(all, one)
		return err
	})
	if err == nil && len(all) == 0 {
		return nil, errNoValue
	}
	return all, err
}

// stringWord reads a value that cannot be a number: an event id, a part of a name, a time.
func stringWord(d *jx.Decoder) (string, error) {
	if d.Next() == jx.Number {
		return "", errors.New("is a number, not a string")
	}
	return word(d)
}

func word(d *jx.Decoder) (string, error) {
	switch d.Next() {
	case jx.Null:
		return "", errNoValue
	case jx.Number:
		n, err := d.Num()
		return n.String(), err
	case jx.String:
		text, err := d.Str()
		switch {
		case err == nil && text == "":
			return "", errNoValue
		case strings.ContainsAny(text, "\r\n"): // which in a URL separates values
			return "", errors.New("a value has several lines; give a list of values")
		}
		return text, err
	default:
		return "", errors.New("a value is neither a string nor a number")
	}
}

func (b *retryBody) request(now time.Time) (retry.Request, error) {
	f, err := pushrecords.ParseFilter(b.filter, now)
	if err != nil {
		return retry.Request{}, err
	}
	q := retry.Request{Filter: f, EventIDs: b.eventIDs, All: b.all, DryRun: b.dryRun}
	if b.limit != nil {
		if *b.limit == 0 {
			return q, &pushrecords.ParameterError{Name: "limit", Problem: fmt.Sprintf("0 is not within 1 to %d", retry.MaxEvents)}
		}
		q.Limit = *b.limit
	}
	return q, nil
}
