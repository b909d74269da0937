package console

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"stockpush/cmd/internal/pushrecords"
	"stockpush/cmd/internal/retry"
)

// retryBody is the body of POST /api/v1/retries.
type retryBody struct {
	ShopID      words    `json:"shop_id"`
	StoreSKU    words    `json:"store_sku"`
	MerchantSKU words    `json:"merchant_sku"`
	Status      words    `json:"status"`
	Reason      words    `json:"reason"`
	FailureCode words    `json:"failure_code"`
	Since       words    `json:"since"`
	Until       words    `json:"until"`
	EventIDs    []string `json:"event_ids"`
	Limit       *int     `json:"limit"`
	DryRun      bool     `json:"dry_run"`
}

// words are a parameter's values: one, or a list of them.
type words []string

var errNoValue = errors.New("an empty value would choose everything; leave the parameter out for that")

// UnmarshalJSON takes a text, a number, or a list of them; null is none. What is
// empty is refused: a client that lost a value must not retry everything.
func (w *words) UnmarshalJSON(raw []byte) error {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	var value any
	if err := d.Decode(&value); err != nil {
		return err
	}
	items, isList := value.([]any)
	if !isList {
		items = []any{value}
	}
	if isList && len(items) == 0 {
		return errNoValue
	}
	*w = nil
	for _, item := range items {
		switch item := item.(type) {
		case nil:
		case string:
			if item == "" {
				return errNoValue
			}
			*w = append(*w, item)
		case json.Number:
			*w = append(*w, item.String())
		default:
			return fmt.Errorf("%v is neither a text nor a number", item)
		}
	}
	return nil
}

func (b *retryBody) request(now time.Time) (retry.Request, error) {
	f, err := pushrecords.ParseFilter(url.Values{
		"shop_id": b.ShopID, "store_sku": b.StoreSKU, "merchant_sku": b.MerchantSKU, "status": b.Status, "reason": b.Reason,
		"failure_code": b.FailureCode, "since": b.Since, "until": b.Until,
	}, now)
	if err != nil {
		return retry.Request{}, err
	}
	q := retry.Request{Filter: f, EventIDs: b.EventIDs, DryRun: b.DryRun}
	if b.EventIDs != nil && len(b.EventIDs) == 0 {
		return q, &pushrecords.ParameterError{Name: "event_ids", Problem: "is empty; leave it out to choose by the other parameters"}
	}
	if b.Limit != nil {
		if *b.Limit == 0 {
			return q, &pushrecords.ParameterError{Name: "limit", Problem: fmt.Sprintf("0 is not within 1 to %d", retry.MaxEvents)}
		}
		q.Limit = *b.Limit
	}
	return q, nil
}

// decode reads the body: one JSON object with known members only, since a
// misspelt one would otherwise choose everything.
func decode(r *http.Request) (retryBody, error) {
	var body retryBody
	d := json.NewDecoder(r.Body)
	d.DisallowUnknownFields()
	err := d.Decode(&body)
	if err == nil {
		if _, more := d.Token(); !errors.Is(more, io.EOF) {
			err = errors.New("something follows the JSON object")
		}
	}
	if _, tooLarge := errors.AsType[*http.MaxBytesError](err); tooLarge || err == nil {
		return body, err
	}
	return body, &pushrecords.ParameterError{Name: "body", Problem: "is not the JSON object of a retry: " + err.Error()}
}

// retry publishes, and answers when ClickHouse shows the events or after 10 s.
func (a *api) retry(w http.ResponseWriter, r *http.Request) error {
	if _, err := parameters(r, nil); err != nil {
		return err // a filter in the URL would be passed over
	}
	body, err := decode(r)
	if err != nil {
		return err
	}
	q, err := body.request(time.Now())
	if err != nil {
		return err
	}
	result, err := a.retrier.Do(r.Context(), q)
	if err != nil {
		return err
	}
	if len(result.EventIDs) > 0 {
		a.log.Info("failures re-pushed", "matched", result.Matched, "published", result.Published)
		if err := a.retrier.Wait(r.Context(), result.EventIDs, nil); err != nil {
			a.log.Warn("the re-pushed events are in Kafka, what becomes of them could not be read", "error", err)
		}
	}
	return respond(w, result)
}

func (a *api) outcomes(w http.ResponseWriter, r *http.Request) error {
	v, err := parameters(r, []string{"event_id"})
	if err != nil {
		return err
	}
	ids := v["event_id"]
	if len(ids) == 0 || len(ids) > pushrecords.MaxValues {
		return &pushrecords.ParameterError{Name: "event_id", Problem: fmt.Sprintf("is given %d times, and takes 1 to %d", len(ids), pushrecords.MaxValues)}
	}
	items, err := a.retrier.Outcomes(r.Context(), ids)
	if err != nil {
		return err
	}
	return respond(w, pushrecords.List[retry.Outcome]{Items: items})
}
