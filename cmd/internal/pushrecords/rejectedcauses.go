package pushrecords

import "context"

// RejectedCauses counts the rejected events by error code, in descending order. Of the filter only
// Query, Since and Until apply.
func (r *Reader) RejectedCauses(ctx context.Context, f Filter) ([]Count, error) {
	var w where
	w.rejected(f)
	return rows[Count](ctx, r, "SELECT error_code AS value, count() AS n FROM "+r.view("rejected_events")+w.String()+" GROUP BY value ORDER BY n DESC, value LIMIT 100", w.args...)
}

// rejected adds the conditions of Query, Since and Until.
func (w *where) rejected(f Filter) {
	w.between("received_at", f.Since, f.Until)
	w.part(f.Query, "key", "value")
}
