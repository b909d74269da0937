package console

import (
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"time"

	"stockpush/cmd/internal/pushrecords"
	"stockpush/cmd/internal/rowcsv"
	"stockpush/cmd/internal/webserver"
)

// maxExport limits the rows of a CSV.
const maxExport = 100_000

func wantsCSV(v url.Values, r *http.Request) (bool, error) {
	switch format := v.Get("format"); format {
	case "csv":
		return true, nil
	case "json":
		return false, nil
	case "":
		first, _, _ := strings.Cut(r.Header.Get("Accept"), ",")
		kind, _, err := mime.ParseMediaType(first)
		return err == nil && kind == "text/csv", nil
	default:
		return false, &pushrecords.ParameterError{Name: "format", Problem: fmt.Sprintf("%q is neither json nor csv", format)}
	}
}

// byteOrderMark makes spreadsheets read a file as UTF-8.
const byteOrderMark = "\ufeff"

// zoneOf returns the zone of a CSV's times.
func zoneOf(v url.Values) (*time.Location, error) {
	name := v.Get("zone")
	zone, err := time.LoadLocation(name)
	if err != nil || name == "Local" {
		return nil, &pushrecords.ParameterError{Name: "zone", Problem: fmt.Sprintf("%q is not a time zone such as Asia/Bangkok", name)}
	}
	return zone, nil
}

// file is how a list is written as CSV.
type file struct {
	name string
	zone *time.Location
	// mark writes a byte-order mark first: in files for spreadsheets, not for programs, which name
	// text/csv in Accept.
	mark bool
}

// export writes p.Limit rows of a list as CSV, page by page. If it fails midway it aborts the
// connection, so that a part is not taken for the whole.
func export[T any](w http.ResponseWriter, r *http.Request, as file, p pushrecords.Page, list func(pushrecords.Page) (pushrecords.List[T], error)) error {
	left := p.Limit
	p.Limit = min(left, pushrecords.MaxLimit)
	page, err := list(p)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "text/csv; charset=utf-8")
	w.Header().Set("Content-Disposition", `attachment; filename="`+as.name+`.csv"`)
	if as.mark {
		_, _ = io.WriteString(w, byteOrderMark) // the next write returns the error
	}
	out := rowcsv.New[T](w)
	out.Zone = as.zone
	deadline := http.NewResponseController(w)
	for {
		if err := out.Write(page.Items); err != nil {
			return nil // the client disconnected
		}
		left -= len(page.Items)
		if left == 0 || page.NextCursor == "" {
			return nil
		}
		p.Cursor, p.Limit = page.NextCursor, min(left, pushrecords.MaxLimit)
		if page, err = list(p); err != nil {
			panic(http.ErrAbortHandler)
		}
		_ = deadline.SetWriteDeadline(time.Now().Add(webserver.WriteTimeout)) // fails only for a test's recorder
	}
}
