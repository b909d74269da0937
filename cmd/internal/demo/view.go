package demo

import (
	"context"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"golang.org/x/term"

	"stockpush/channels/shopee/sandbox"
)

// view reads from ClickHouse the outcomes of the events since a time.
type view struct {
	conn     driver.Conn
	database string
	since    time.Time
}

// summary counts facts, not records: records are trimmed.
func (v view) summary(ctx context.Context, shopee *sandbox.Sandbox) (Summary, error) {
	s := Summary{Records: map[string]int{"Successfully": 0, "Failed": 0, "Skipped": 0, "Pending": 0}}
	rows, err := v.conn.Query(ctx, "SELECT toString(status), count() FROM `"+v.database+"`.push_record_facts FINAL WHERE triggered_at >= ? GROUP BY status", v.since)
	if err != nil {
		return s, fmt.Errorf("summary: %w", err)
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var status string
		var n uint64
		if err := rows.Scan(&status, &n); err != nil {
			return s, fmt.Errorf("summary: %w", err)
		}
		s.Records[status] = int(n)
	}
	var rejected, skus uint64
	err = v.conn.QueryRow(ctx, "SELECT count() FROM `"+v.database+"`.rejected_events WHERE received_at >= ?", v.since).Scan(&rejected)
	if err != nil {
		return s, fmt.Errorf("summary: %w", err)
	}
	err = v.conn.QueryRow(ctx, "SELECT uniqExact(channel, shop_id, store_sku) FROM `"+v.database+"`.push_record_facts WHERE triggered_at >= ?", v.since).Scan(&skus)
	if err != nil {
		return s, fmt.Errorf("summary: %w", err)
	}
	s.Rejected, s.StoreSKUs = int(rejected), int(skus)
	shown, err := v.shows(ctx, shopee)
	s.Converged = shown && s.Records["Pending"] == 0
	return s, err
}

// shows reports whether the sandbox shows, for every store SKU, the quantity of its newest event
// that ended Successfully.
func (v view) shows(ctx context.Context, shopee *sandbox.Sandbox) (bool, error) {
	type model struct{ shop, item, model int64 }
	stock := map[model]int64{}
	rows, err := v.conn.Query(ctx, `SELECT toInt64(shop_id), toInt64(argMax(item_id, (log_id, event_offset))), toInt64(argMax(model_id, (log_id, event_offset))), argMax(push_qty, (log_id, event_offset))
		FROM `+"`"+v.database+"`"+`.push_records FINAL WHERE triggered_at >= ? AND status = 'Successfully' GROUP BY shop_id, store_sku`, v.since)
	if err != nil {
		return false, fmt.Errorf("summary: %w", err)
	}
	defer func() { _ = rows.Close() }()
	read := map[int64]bool{}
	for rows.Next() {
		var m model
		var want int64
		if err := rows.Scan(&m.shop, &m.item, &m.model, &want); err != nil {
			return false, fmt.Errorf("summary: %w", err)
		}
		if !read[m.shop] {
			read[m.shop] = true
			for _, at := range shopee.Stock(m.shop) {
				stock[model{m.shop, at.ItemID, at.ModelID}] = at.Stock
			}
		}
		if got, ok := stock[m]; !ok || got != want {
			return false, nil
		}
	}
	return true, rows.Err()
}

// follow prints the number of calls on a terminal; it prints nothing elsewhere.
func (s System) follow(ctx context.Context) (stop func()) {
	file, ok := s.Out.(*os.File)
	if !ok || !term.IsTerminal(int(file.Fd())) {
		return func() {}
	}
	ctx, cancel := context.WithCancel(ctx)
	var work sync.WaitGroup
	work.Go(func() {
		ticker := time.NewTicker(time.Second)
		defer ticker.Stop()
		for started := time.Now(); ; {
			select {
			case <-ctx.Done():
				_, _ = fmt.Fprintln(s.Out)
				return
			case <-ticker.C:
				_, _ = fmt.Fprintf(s.Out, "\r%v: %d calls to Shopee ", time.Since(started).Round(time.Second), s.Sandbox.Stats().Calls)
			}
		}
	})
	return func() { cancel(); work.Wait() }
}
