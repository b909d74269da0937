package console

import (
	"errors"
	"fmt"
	"net/http"

	"github.com/go-faster/jx"

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
	var body pushBody
	if err := readBody(r, "push", body.member); err != nil {
		return err
	}
	result, err := a.retrier.Push(r.Context(), retry.PushRequest{Keys: body.keys, Origin: a.origin(r, body.requestedBy)})
	if err != nil {
		return err
	}
	return a.respondShown(w, r, result)
}

func (b *pushBody) member(d *jx.Decoder, name string) (err error) {
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
}

func readKey(d *jx.Decoder) (key schemas.Key, err error) {
	err = members(d, func(d *jx.Decoder, name string) (err error) {
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
