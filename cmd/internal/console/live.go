package console

import (
	"errors"
	"net/http"

	"stockpush/cmd/internal/console/shown"
	"stockpush/schemas"
)

// live answers what Shopee shows of one store SKU, beside what it should show.
func (a *api) live(w http.ResponseWriter, r *http.Request, key schemas.Key) error {
	if _, err := parameters(r, nil); err != nil {
		return err
	}
	answer, err := a.checker.Check(r.Context(), key)
	if errors.Is(err, shown.ErrUnknown) {
		problem{Status: http.StatusNotFound, Detail: err.Error()}.write(w)
		return nil
	}
	if err != nil {
		return err
	}
	return respond(w, answer)
}
