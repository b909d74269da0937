package console

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"unicode/utf8"

	"github.com/go-faster/jx"

	"stockpush/cmd/internal/pushrecords"
	"stockpush/cmd/internal/retry"
	"stockpush/schemas"
)

// pushBody is the body of POST /api/v1/pushes.
type pushBody struct {
	keys        []schemas.Key
	requestedBy string
}

// push publishes the newest quantities of store SKUs again. It answers when ClickHouse shows the
// events, or after 10 s.
func (a *api) push(w http.ResponseWriter, r *http.Request) error {
	if _, err := parameters(r, nil); err != nil {
		return err
	}
	raw, err := io.ReadAll(r.Body)
	if err != nil {
		return err
	}
	var body pushBody
	if err := body.read(raw); err != nil {
		return &pushrecords.ParameterError{Name: "body", Problem: "is not the JSON object of a push: " + err.Error()}
	}
	result, err := a.retrier.Push(r.Context(), retry.PushRequest{Keys: body.keys, Origin: a.origin(r, body.requestedBy)})
	if err != nil {
		return err
	}
	if len(result.EventIDs) > 0 {
		if err := a.retrier.Wait(r.Context(), result.EventIDs, nil); err != nil {
			a.log.Warn("store SKUs pushed, but their outcomes cannot be read", "error", err)
		}
	}
	return respond(w, result)
}

func (b *pushBody) read(raw []byte) error {
	if !utf8.Valid(raw) {
		return errors.New("it is not UTF-8")
	}
	d := jx.DecodeBytes(raw)
	err := members(d, func(name string) (err error) {
		switch name {
		case "store_skus":
			return d.Arr(func(d *jx.Decoder) error {
				if len(b.keys) == retry.MaxPushes {
					return fmt.Errorf("has more than %d store SKUs", retry.MaxPushes)
				}
				key, err := readKey(d)
				b.keys = append(b.keys, key)
				return err
			})
		case "requested_by":
			b.requestedBy, err = d.Str()
			return err
		default:
			return errors.New("is not a member of a push (names match exactly)")
		}
	})
	if err == nil && !errors.Is(d.Skip(), io.EOF) {
		err = errors.New("something follows it")
	}
	return err
}

func readKey(d *jx.Decoder) (key schemas.Key, err error) {
	err = members(d, func(name string) (err error) {
		switch name {
		case "channel":
			key.Channel, err = d.Str()
		case "shop_id":
			key.ShopID, err = d.Int64()
		case "store_sku":
			key.StoreSKU, err = d.Str()
		default:
			return errors.New("is not a member of a store SKU (names match exactly)")
		}
		return err
	})
	if err == nil && (key.Channel != schemas.ChannelShopee || key.ShopID <= 0 || key.StoreSKU == "") {
		err = fmt.Errorf("a store SKU needs channel %q, shop_id above 0 and store_sku", schemas.ChannelShopee)
	}
	return key, err
}

// members reads a JSON object, and refuses a member that is given twice.
func members(d *jx.Decoder, read func(name string) error) error {
	seen := map[string]bool{}
	return d.Obj(func(_ *jx.Decoder, name string) error {
		if seen[name] {
			return fmt.Errorf("%q %w", name, errTwice)
		}
		seen[name] = true
		if err := read(name); err != nil {
			return fmt.Errorf("%q: %w", name, err)
		}
		return nil
	})
}
