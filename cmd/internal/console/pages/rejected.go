package pages

import (
	"net/http"

	"stockpush/cmd/internal/pushrecords"
)

// rejectedRows is how many rejected triggers a page lists.
const rejectedRows = 50

// rejectedData is the page of what upstream sent that nobody could use.
type rejectedData struct {
	Form        form `json:"-"`
	Rows        []pushrecords.Rejected
	Next, First string
}

func (c *console) rejected(r *http.Request) (view, error) {
	if err := r.ParseForm(); err != nil {
		return view{}, &pushrecords.ParameterError{Name: "query", Problem: "is not a valid query"}
	}
	a, err := c.asked(r)
	if err != nil {
		return view{}, err
	}
	cursor := r.Form.Get("cursor")
	found, err := c.Reader.Rejected(r.Context(), a.filter, pushrecords.Page{Limit: rejectedRows, Cursor: cursor})
	if err != nil {
		return view{}, err
	}
	data := &rejectedData{Form: a.form(), Rows: found.Items}
	if cursor != "" {
		data.First = link(a.path, a.query)
	}
	if found.NextCursor != "" {
		data.Next = a.with("cursor", found.NextCursor)
	}
	return view{Template: "rejected", Tab: "rejected", Title: "Rejected triggers", Data: data, Live: true}, nil
}
