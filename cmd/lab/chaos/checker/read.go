package checker

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
)

// Sources are the URLs to read from.
type Sources struct {
	// ClickHouse and Sandbox are URLs of HTTP servers.
	ClickHouse, Sandbox string
	Database            string
}

// Read fetches the sandbox's calls and stock, and ClickHouse's tables and views.
func (s Sources) Read(ctx context.Context, o *Observation) error {
	return errors.Join(
		s.ReadSandbox(ctx, o),
		query(ctx, s, &o.Records, "SELECT * FROM %s.push_records FINAL"),
		query(ctx, s, &o.History, "SELECT * FROM %s.push_record_history"),
		query(ctx, s, &o.Failed, "SELECT * FROM %s.failed_push_records"),
		query(ctx, s, &o.Facts, "SELECT * FROM %s.push_record_facts FINAL"),
		query(ctx, s, &o.FailedRows, "SELECT * FROM %s.failed_push_record_rows FINAL"),
		query(ctx, s, &o.StoreSKUs, "SELECT * FROM %s.store_sku_push_status"),
		query(ctx, s, &o.MerchantSKUs, "SELECT * FROM %s.merchant_sku_push_status"),
		query(ctx, s, &o.Stats, "SELECT * FROM %s.push_stats_hourly"),
		query(ctx, s, &o.RejectedEvents, "SELECT * FROM %s.rejected_events"),
	)
}

// Waiting returns how many events are unfinished: Pending records, and events without a record or
// rejected event.
func (s Sources) Waiting(ctx context.Context, events, bad int) (int, error) {
	var counts []struct{ Finished, Rejected int }
	err := query(ctx, s, &counts, "SELECT (SELECT count() FROM %[1]s.push_record_facts FINAL WHERE status != 'Pending') AS Finished, "+
		"(SELECT count() FROM %[1]s.rejected_events) AS Rejected")
	if err != nil {
		return 0, err
	}
	return max(0, events-counts[0].Finished) + max(0, bad-counts[0].Rejected), nil
}

func query[T any](ctx context.Context, s Sources, into *[]T, sql string) error {
	settings := url.Values{"output_format_json_quote_64bit_integers": {"0"}, "default_format": {"JSONEachRow"}, "query": {fmt.Sprintf(sql, s.Database)}}
	body, err := get(ctx, s.ClickHouse+"/?"+settings.Encode())
	if err != nil {
		return err
	}
	defer func() { _ = body.Close() }()
	*into = nil
	for decoder := json.NewDecoder(body); ; {
		var row T
		if err := decoder.Decode(&row); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return fmt.Errorf("%s: %w", sql, err)
		}
		*into = append(*into, row)
	}
}

// ReadSandbox fetches only the calls and the stock.
func (s Sources) ReadSandbox(ctx context.Context, o *Observation) error {
	o.Calls = nil
	if err := getJSON(ctx, s.Sandbox+"/sandbox/calls?shop_id=0", &o.Calls); err != nil {
		return err
	}
	shops := map[int64]bool{}
	for _, c := range o.Calls {
		shops[c.ShopID] = true
	}
	o.Stock = map[Model]int64{}
	for shop := range shops {
		var rows []struct {
			Item  int64 `json:"item_id"`
			Model int64 `json:"model_id"`
			Stock int64 `json:"stock"`
		}
		if err := getJSON(ctx, s.Sandbox+"/sandbox/stock?shop_id="+strconv.FormatInt(shop, 10), &rows); err != nil {
			return err
		}
		for _, row := range rows {
			o.Stock[Model{shop, row.Item, row.Model}] = row.Stock
		}
	}
	return nil
}

func getJSON(ctx context.Context, address string, into any) error {
	body, err := get(ctx, address)
	if err != nil {
		return err
	}
	defer func() { _ = body.Close() }()
	return json.NewDecoder(body).Decode(into)
}

func get(ctx context.Context, address string) (io.ReadCloser, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	if response.StatusCode != http.StatusOK {
		defer func() { _ = response.Body.Close() }()
		said, _ := io.ReadAll(io.LimitReader(response.Body, 1000)) // for the error, if readable
		return nil, fmt.Errorf("%s: %s: %s", request.URL.Host, response.Status, said)
	}
	return response.Body, nil
}

// sourceOf returns the original position of a dead letter.
func sourceOf(letter Message) (position, bool) {
	partition, err := strconv.ParseInt(letter.Headers["source-partition"], 10, 32)
	offset, offsetErr := strconv.ParseInt(letter.Headers["source-offset"], 10, 64)
	return position{int32(partition), offset}, err == nil && offsetErr == nil
}
