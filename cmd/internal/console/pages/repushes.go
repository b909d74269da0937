package pages

import (
	"net/http"

	"stockpush/cmd/internal/pushrecords"
	"stockpush/schemas"
)

// rePushRow is a re-push in the list.
type rePushRow struct {
	pushrecords.RePush
	// Link is the page of its outcomes.
	Link string
	// Tallies are its results so far.
	Tallies []tally
}

// rePushesData is the data of the list of re-pushes.
type rePushesData struct {
	Form form `json:"-"`
	// By is the part of a name that the list is filtered by.
	By   string
	Rows []rePushRow
}

// defaultRePushes is the list's default time range.
const defaultRePushes = "168h"

// rePushes lists who pushed again what, and the results.
func (c *console) rePushes(r *http.Request) (view, error) {
	if r.Form.Get("since") == "" {
		r.Form.Set("since", defaultRePushes)
	}
	a, err := c.asked(r)
	if err != nil {
		return view{}, err
	}
	v := c.viewer(r)
	data := &rePushesData{Form: a.form(v), By: r.Form.Get("by")}
	found, err := c.Reader.RePushes(r.Context(), pushrecords.RePushFilter{RequestedBy: data.By, Filter: a.filter})
	if err != nil {
		return view{}, err
	}
	for _, p := range found {
		data.Rows = append(data.Rows, rePushRow{RePush: p, Link: pathRePush + "/" + p.Batch, Tallies: tallies(map[string]int{
			schemas.Failed.String(): int(p.Failed), schemas.Pending.String(): int(p.Pending),
			schemas.Skipped.String(): int(p.Skipped), schemas.Successfully.String(): int(p.Successfully),
		})})
	}
	return view{Template: "repushes", Tab: "repushes", Title: v.T("title.repushes"), Data: data, Live: true}, nil
}
