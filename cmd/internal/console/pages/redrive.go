package pages

import (
	"context"
	"net/http"

	"stockpush/cmd/internal/redrive"
	"stockpush/cmd/internal/retry"
)

// Redriver publishes dead letters again.
type Redriver interface {
	Do(context.Context, redrive.Request) (retry.Result, []redrive.Published, error)
}

// redriveData is the data of the redrive's preview and of its result.
type redriveData struct {
	// Done is false in the preview.
	Done      bool
	Published int
	Matched   int
	LeftOut   []cause
	// Since is what the confirmation submits again.
	Since string
	Back  string
}

// redrivePreview shows what a redrive would publish, and publishes it once it is confirmed.
func (c *console) redrivePreview(r *http.Request) (view, error) {
	if c.Redriver == nil {
		return view{}, errNoPage
	}
	a, err := c.asked(r)
	if err != nil {
		return view{}, err
	}
	confirmed := r.PostForm.Get("confirm") != ""
	q := redrive.Request{Since: a.filter.Since, Limit: maxRePush, DryRun: !confirmed, Origin: c.origin(r)}
	result, published, err := c.Redriver.Do(r.Context(), q)
	if err != nil && len(published) == 0 {
		return view{}, err
	}
	if err != nil {
		c.Logger.Warn("redrive published in part", "published", result.Published, "error", err)
	}
	if confirmed {
		return view{redirect: link(pathRedrive, reportOf(result))}, nil
	}
	data := &redriveData{Published: result.Published, Matched: result.Matched, LeftOut: causesOf(result), Since: a.query.Get("since"), Back: pathRejected}
	return view{Template: "redrive", Tab: "rejected", Title: c.viewer(r).T("title.redrive"), Data: data}, nil
}

// redriven shows the result, which the link carries.
func (c *console) redriven(r *http.Request) (view, error) {
	result := readReport(r.URL.Query(), redrive.StillBad, redrive.NewerEvent, redrive.Cut, redrive.Repeats, redrive.TooOld, redrive.OverLimit)
	data := &redriveData{Done: true, Published: result.Published, LeftOut: causesOf(result), Back: pathRejected}
	return view{Template: "redrive", Tab: "rejected", Title: c.viewer(r).T("title.redriven"), Data: data}, nil
}
