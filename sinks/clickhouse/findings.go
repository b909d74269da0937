package clickhouse

import (
	"context"
	"fmt"
	"time"

	"github.com/ClickHouse/ch-go/proto"

	"stockpush/schemas"
)

// Finding is what an audit found of a store SKU. Expected equals Shown if it found no difference.
type Finding struct {
	Key             schemas.Key
	ItemID, ModelID int64
	Expected, Shown int64
	// Fixed reports that the store SKU was pushed again.
	Fixed   bool
	FoundAt time.Time
}

// KeepFindings stores what an audit found in a shop. Earlier findings of store SKUs that it checked
// and did not find again are over from then on.
func (s *Store) KeepFindings(ctx context.Context, shop schemas.Shop, at time.Time, found []Finding, checked func(schemas.Key) bool) error {
	var earlier []string
	query := "SELECT groupArray(store_sku) FROM " + s.table("audit_findings") + " WHERE channel = ? AND shop_id = ?"
	if err := s.conn.QueryRow(ctx, query, shop.Channel, uint64(shop.ID)).Scan(&earlier); err != nil {
		return fmt.Errorf("read the earlier findings of shop %d: %w", shop.ID, err)
	}
	rows := tableRows[Finding]{columns: findingColumns()}
	again := map[schemas.Key]bool{}
	for _, f := range found {
		again[f.Key] = true
		rows.add(f)
	}
	for _, sku := range earlier {
		key := schemas.Key{Channel: shop.Channel, ShopID: shop.ID, StoreSKU: sku}
		if checked(key) && !again[key] {
			rows.add(Finding{Key: key, FoundAt: at})
		}
	}
	return insert(ctx, s, "audit_finding_rows", &rows)
}

// findingColumns are the columns of audit_finding_rows, in the table's order.
func findingColumns() []column[Finding] {
	return []column[Finding]{
		texts("channel", func(f Finding) string { return f.Key.Channel }),
		numbers[proto.ColUInt64]("shop_id", func(f Finding) uint64 { return uint64(f.Key.ShopID) }),
		texts("store_sku", func(f Finding) string { return f.Key.StoreSKU }),
		numbers[proto.ColUInt64]("item_id", func(f Finding) uint64 { return uint64(f.ItemID) }),
		numbers[proto.ColUInt64]("model_id", func(f Finding) uint64 { return uint64(f.ModelID) }),
		numbers[proto.ColInt64]("expected", func(f Finding) int64 { return f.Expected }),
		numbers[proto.ColInt64]("shown", func(f Finding) int64 { return f.Shown }),
		numbers[proto.ColBool]("fixed", func(f Finding) bool { return f.Fixed }),
		times("found_at", func(f Finding) time.Time { return f.FoundAt }),
	}
}
