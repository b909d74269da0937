package pushrecords

import (
	"context"

	"stockpush/schemas"
)

// FileRow is a row of the list of store SKUs as a file: what a person needs who has no page.
type FileRow struct {
	listed
	ItemID  uint64 `json:"item_id"`
	ModelID uint64 `json:"model_id"`
	// Hint says what to do about a failure. The caller sets it, for its readers.
	Hint string `json:"hint"`
}

// listed is embedded under this name, because StoreSKU would hide its own field of that name.
type listed = StoreSKU

// itemRow is the item that a store SKU is listed as.
type itemRow struct {
	Channel  string `ch:"channel"`
	ShopID   uint64 `ch:"shop_id"`
	StoreSKU string `ch:"store_sku"`
	ItemID   uint64 `ch:"item_id"`
	ModelID  uint64 `ch:"model_id"`
}

// StoreSKUFile lists the same as StoreSKUs, with the newest item and model of each store SKU.
func (r *Reader) StoreSKUFile(ctx context.Context, f Filter, p Page) (List[FileRow], error) {
	found, err := r.StoreSKUs(ctx, f, p)
	if err != nil {
		return List[FileRow]{}, err
	}
	file := List[FileRow]{Items: make([]FileRow, len(found.Items)), NextCursor: found.NextCursor}
	keys := make([]schemas.Key, len(found.Items))
	for i := range found.Items {
		keys[i] = found.Items[i].Key()
	}
	items, err := r.items(ctx, keys)
	for i, sku := range found.Items {
		item := items[keys[i]]
		file.Items[i] = FileRow{listed: sku, ItemID: item.ItemID, ModelID: item.ModelID}
	}
	return file, err
}

func (r *Reader) items(ctx context.Context, keys []schemas.Key) (map[schemas.Key]itemRow, error) {
	if len(keys) == 0 {
		return nil, nil
	}
	var w where
	w.keys(keys)
	found, err := rows[itemRow](ctx, r, "SELECT channel, shop_id, store_sku, argMax(item_id, (log_id, event_offset)) AS item_id, argMax(model_id, (log_id, event_offset)) AS model_id FROM "+
		r.view("push_records")+w.String()+" GROUP BY channel, shop_id, store_sku", w.args...)
	items := make(map[schemas.Key]itemRow, len(found))
	for _, item := range found {
		items[schemas.Key{Channel: item.Channel, ShopID: int64(item.ShopID), StoreSKU: item.StoreSKU}] = item
	}
	return items, err
}
