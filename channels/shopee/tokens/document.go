package tokens

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
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

// readDocument reads the tokens file; a missing one has no shops, and no info. Its errors quote
// nothing of the file.
func readDocument(path string) (*document, fs.FileInfo, error) {
	b, info, err := readRegular(path)
	if errors.Is(err, fs.ErrNotExist) {
		b, err = []byte("{}"), nil
	}
	var doc *document
	if err == nil {
		doc, err = parseDocument(b)
	}
	if err != nil {
		return nil, nil, fmt.Errorf("read shopee.tokens_file: %w", err)
	}
	return doc, info, nil
}

// readRegular reads a regular file only: opening a FIFO would wait for a writer.
func readRegular(path string) ([]byte, fs.FileInfo, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, nil, err
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err == nil {
		err = regular(info)
	}
	if err != nil {
		return nil, nil, err
	}
	b, err := io.ReadAll(f)
	return b, info, err
}

// regular fails if something is not a regular file.
func regular(info fs.FileInfo) error {
	if !info.Mode().IsRegular() {
		return fmt.Errorf("it is not a regular file (mode %s): name a file", info.Mode())
	}
	return nil
}

// regularOrMissing fails if there is something at a path that is not a regular file.
func regularOrMissing(path string) error {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil {
		err = regular(info)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

func parseDocument(b []byte) (*document, error) {
	doc := &document{pairs: map[int64]Pair{}}
	if err := json.Unmarshal(b, &doc.top); err != nil || doc.top == nil {
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

// with changes or adds the fields of one shop's pair, and returns the document's text.
func (d *document) with(shopID int64, pair Pair) ([]byte, error) {
	changed, err := json.Marshal(entry{shopID, pair.AccessToken.Reveal(), pair.RefreshToken.Reveal(), pair.ExpiresAt.UTC()})
	if err != nil {
		return nil, err
	}
	if !slices.Contains(d.ids, shopID) {
		d.ids, d.shops = append(d.ids, shopID), append(d.shops, nil)
	}
	for i, id := range d.ids {
		if id == shopID {
			err = errors.Join(err, json.Unmarshal(changed, &d.shops[i])) // other fields stay
		}
	}
	shops, marshalErr := json.Marshal(d.shops)
	if err = errors.Join(err, marshalErr); err != nil {
		return nil, err
	}
	d.top["shops"] = shops
	return json.MarshalIndent(d.top, "", "  ")
}
