package pages

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"

	"stockpush/cmd/internal/pushrecords"
	"stockpush/cmd/internal/retry"
	"stockpush/schemas"
)

// A form selects store SKUs, by their keys in the fields "key". A re-push takes those that fail:
// each becomes a pick, which names the failure that the preview showed.

// pickOf names a failure in a form. The store SKU in it makes the lookup fast.
func pickOf(r *pushrecords.Record) string {
	if r.Status != schemas.Failed.String() {
		return ""
	}
	return url.Values{"event_id": {r.EventID}, "shop_id": {strconv.FormatUint(r.ShopID, 10)}, "store_sku": {r.StoreSKU}}.Encode()
}

// picked returns the picks of what a form selects, and how many of the selected store SKUs do not
// fail.
func (c *console) picked(r *http.Request, scope string) (picks []string, healthy int, err error) {
	switch scope {
	case scopeAll:
		return nil, 0, nil
	case scopePage:
		picks, err = c.picksOfPage(r)
		return picks, 0, err
	}
	keys, err := keysOf(r.Form[fieldKey])
	if err != nil {
		return nil, 0, err
	}
	failures, err := c.Reader.NewestFailures(r.Context(), keys)
	if err != nil {
		return nil, 0, err
	}
	picks = slices.Clone(r.Form["pick"])
	for i := range failures {
		picks = append(picks, pickOf(&failures[i].Record))
	}
	return picks, len(keys) - len(failures), nil
}

// fieldKey is the field of a form that names a store SKU.
const fieldKey = "key"

// keysOf reads the store SKUs that a form names, each once.
func keysOf(named []string) ([]schemas.Key, error) {
	if len(named) > retry.MaxPushes {
		return nil, &pushrecords.ParameterError{Name: fieldKey, Problem: fmt.Sprintf("names more than %d store SKUs", retry.MaxPushes)}
	}
	var keys []schemas.Key
	for _, text := range slices.Compact(slices.Sorted(slices.Values(named))) {
		key, err := schemas.ParseKey(text)
		if err != nil {
			return nil, &pushrecords.ParameterError{Name: fieldKey, Problem: "does not name a store SKU"}
		}
		keys = append(keys, key)
	}
	return keys, nil
}

// picksOfPage returns the picks of all failures of the page that the form is on.
func (c *console) picksOfPage(r *http.Request) ([]string, error) {
	find, order := c.Reader.StoreSKUs, pushrecords.NewestFirst
	if r.Form.Get("tab") == "merchant" {
		find, order = c.Reader.MerchantSKUs, pushrecords.ByKey
	}
	data, err := c.list(r, find, order)
	if err != nil {
		return nil, err
	}
	var picks []string
	for i := range data.Rows {
		if data.Rows[i].Pick != "" {
			picks = append(picks, data.Rows[i].Pick)
		}
	}
	return picks, nil
}

// requestOf reads which failures a form selects.
func requestOf(scope string, a asked, picks []string) (retry.Request, []string, error) {
	request := retry.Request{Limit: maxRePush}
	switch scope {
	case scopeAll:
		request.Filter, request.All = a.filter, true
		return request, nil, nil
	case scopeSelected, scopePage:
	default:
		return request, nil, &pushrecords.ParameterError{Name: "scope", Problem: "is not selected, page or all"}
	}
	picks = slices.Compact(slices.Sorted(slices.Values(picks)))
	for _, pick := range picks {
		named, err := url.ParseQuery(pick)
		if err != nil || named.Get("event_id") == "" {
			return request, nil, &pushrecords.ParameterError{Name: "pick", Problem: "does not name a record"}
		}
		request.EventIDs = append(request.EventIDs, named.Get("event_id"))
		request.Filter.StoreSKUs = append(request.Filter.StoreSKUs, named.Get("store_sku"))
		shop, _ := strconv.ParseInt(named.Get("shop_id"), 10, 64)
		if shop > 0 && !slices.Contains(request.Filter.Shops, shop) {
			request.Filter.Shops = append(request.Filter.Shops, shop)
		}
	}
	return request, picks, nil
}

// pushNow pushes the store SKUs that a form names, and shows the progress.
func (c *console) pushNow(r *http.Request) (view, error) {
	keys, err := keysOf(r.PostForm[fieldKey])
	if err != nil {
		return view{}, err
	}
	if len(keys) == 0 {
		return c.nothing(r, &previewData{Back: backOf(r.PostForm.Get("back"))}), nil
	}
	result, err := c.Retrier.Push(r.Context(), retry.PushRequest{Keys: keys, Origin: c.origin(r)})
	return c.published(result, err)
}
