package pages

import (
	"net/http"

	"stockpush/cmd/internal/pushrecords"
)

const (
	// rejectedRows is how many rejected triggers a page lists.
	rejectedRows = 50
	// keyBytes and valueBytes limit how much of a message is shown.
	keyBytes, valueBytes = 300, 2000
)

// rejectedData is the data of the page of rejected triggers.
type rejectedData struct {
	Form form `json:"-"`
	// Redrive shows the button that publishes them again; Since is the period it submits.
	Redrive     bool   `json:"-"`
	Since       string `json:"-"`
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
	page := pushrecords.Page{Limit: rejectedRows, Cursor: cursor}
	found, err := c.Reader.Rejected(r.Context(), a.filter, page)
	if err != nil {
		return view{}, err
	}
	page.Limit = fitting(found.Items, func(r *pushrecords.Rejected) int {
		return 1200 + escaped(r.ErrorMessage) + escaped(r.ErrorField) + escaped(cutText(keyBytes, r.Key)) + escaped(cutText(valueBytes, r.Value))
	})
	if page.Limit < len(found.Items) {
		if found, err = c.Reader.Rejected(r.Context(), a.filter, page); err != nil {
			return view{}, err
		}
	}
	data := &rejectedData{Form: a.form(c.viewer(r)), Redrive: c.Redriver != nil, Since: a.query.Get("since"), Rows: found.Items}
	if cursor != "" {
		data.First = link(a.path, a.query)
	}
	if found.NextCursor != "" {
		data.Next = a.with("cursor", found.NextCursor)
	}
	return view{Template: "rejected", Tab: "rejected", Title: c.viewer(r).T("title.rejected"), Data: data, Live: true}, nil
}
