package tokens

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"syscall"
	"time"
)

// document is the tokens file as it was read. Fields of other programs are kept when it is
// written again.
type document struct {
	top   map[string]json.RawMessage
	shops []map[string]json.RawMessage
	ids   []int64
	pairs map[int64]Pair
}

type entry struct {
	ShopID       int64     `json:"shop_id"`
	AccessToken  string    `json:"access_token"`
	RefreshToken string    `json:"refresh_token"`
	ExpiresAt    time.Time `json:"expires_at"`
}

// readDocument reads the tokens file. Its errors quote nothing of the file.
func readDocument(path string) (doc *document, err error) {
	b, err := readRegular(path)
	if err == nil {
		doc, err = parseDocument(b)
	}
	if err != nil {
		return nil, fmt.Errorf("read shopee.tokens_file: %w", err)
	}
	return doc, nil
}

// readRegular reads a regular file only: opening a FIFO would wait for a writer.
func readRegular(path string) ([]byte, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if err := regular(info); err != nil {
		return nil, err
	}
	return io.ReadAll(f)
}

// regular fails if something is not a regular file.
func regular(info fs.FileInfo) error {
	if !info.Mode().IsRegular() {
		return fmt.Errorf("it is not a regular file (mode %s): name a file", info.Mode())
	}
	return nil
}

func parseDocument(b []byte) (*document, error) {
	doc := &document{pairs: map[int64]Pair{}}
	if err := json.Unmarshal(b, &doc.top); err != nil {
		return nil, errors.New("it is not a JSON object")
	}
	if raw, ok := doc.top["shops"]; ok {
		if err := json.Unmarshal(raw, &doc.shops); err != nil {
			return nil, errors.New(`"shops" is not a list of objects`)
		}
	}
	for i, shop := range doc.shops {
		if err := doc.add(shop); err != nil {
			return nil, fmt.Errorf("entry %d of shops: %w", i, err)
		}
	}
	return doc, nil
}

func (d *document) add(shop map[string]json.RawMessage) error {
	raw, err := json.Marshal(shop)
	if err != nil {
		return errors.New("it cannot be read")
	}
	var e entry
	if err := json.Unmarshal(raw, &e); err != nil || e.ShopID <= 0 {
		return errors.New("want shop_id, access_token, refresh_token, and expires_at as RFC 3339")
	}
	d.ids = append(d.ids, e.ShopID)
	d.pairs[e.ShopID] = Pair{Secret(e.AccessToken), Secret(e.RefreshToken), e.ExpiresAt.UTC()}
	return nil
}

// with returns the document's text with one shop's pair changed or added.
func (d *document) with(shopID int64, pair Pair) ([]byte, error) {
	entry := entry{shopID, pair.AccessToken.Reveal(), pair.RefreshToken.Reveal(), pair.ExpiresAt.UTC()}
	fields, err := entry.fields()
	if err != nil {
		return nil, err
	}
	shops, found := make([]map[string]json.RawMessage, 0, len(d.shops)+1), false
	for i, shop := range d.shops {
		if d.ids[i] == shopID {
			shop, found = merge(shop, fields), true
		}
		shops = append(shops, shop)
	}
	if !found {
		shops = append(shops, fields)
	}
	raw, err := json.Marshal(shops)
	if err != nil {
		return nil, err
	}
	return json.MarshalIndent(merge(d.top, map[string]json.RawMessage{"shops": raw}), "", "  ")
}

func (e entry) fields() (map[string]json.RawMessage, error) {
	raw, err := json.Marshal(e)
	if err != nil {
		return nil, err
	}
	var fields map[string]json.RawMessage
	return fields, json.Unmarshal(raw, &fields)
}

// merge returns base with the fields of over.
func merge(base, over map[string]json.RawMessage) map[string]json.RawMessage {
	all := make(map[string]json.RawMessage, len(base)+len(over))
	maps.Copy(all, base)
	maps.Copy(all, over)
	return all
}
