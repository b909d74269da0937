package pages

import (
	"context"
	"errors"
	"net/http"

	"stockpush/cmd/internal/console/shown"
	"stockpush/schemas"
)

// Checker asks Shopee what it shows.
type Checker interface {
	Check(context.Context, schemas.Key) (shown.Answer, error)
}

// checkParameter asks Shopee when the history is loaded; following the page does not ask again.
const checkParameter = "check"

// checked is what Shopee shows beside what it should show.
type checked struct {
	shown.Answer
	// Busy reports that others check too, and Shopee was not asked.
	Busy bool
}

// Over is how much more Shopee shows than it should.
func (c *checked) Over() int64 { return *c.Shows - c.ShouldShow }

// Moving reports that the quantity is still to be pushed.
func (c *checked) Moving() bool { return c.Status == schemas.Pending.String() }

// check asks Shopee if the request is to; the answer is nil otherwise.
func (c *console) check(r *http.Request, key schemas.Key) (*checked, error) {
	if c.Checker == nil || r.URL.Query().Get(checkParameter) == "" || r.Header.Get(liveHeader) != "" {
		return nil, nil
	}
	answer, err := c.Checker.Check(r.Context(), key)
	if errors.Is(err, shown.ErrBusy) {
		return &checked{Busy: true}, nil
	}
	if errors.Is(err, shown.ErrUnknown) {
		return nil, nil // the page says so
	}
	return &checked{Answer: answer}, err
}
