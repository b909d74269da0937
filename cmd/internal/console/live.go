package console

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"time"

	"golang.org/x/time/rate"

	"stockpush/channels"
	"stockpush/cmd/internal/pushrecords"
	"stockpush/schemas"
)

// Stock reads what Shopee shows.
type Stock interface {
	Read(ctx context.Context, shopID, itemID int64) ([]channels.ModelStock, channels.Verdict)
}

// errNoShopee reports that the console cannot ask Shopee.
var errNoShopee = errors.New("this console cannot ask Shopee: set shopee.partner_id, shopee.partner_key and the tokens for the console role too")

// errManyReads reports that many people check at once.
var errManyReads = errors.New("the console asks Shopee at most once a second, and others wait; try again in a moment")

// liveWait is how long a request waits for its turn to ask Shopee.
const liveWait = 10 * time.Second

// newLiveLimit returns the limit on all of the console's calls.
func newLiveLimit() *rate.Limiter { return rate.NewLimiter(1, 1) }

// live is what Shopee shows of a store SKU, beside what it should show.
type live struct {
	Channel    string `json:"channel"`
	ShopID     uint64 `json:"shop_id"`
	StoreSKU   string `json:"store_sku"`
	ItemID     uint64 `json:"item_id"`
	ModelID    uint64 `json:"model_id"`
	LocationID string `json:"location_id"`
	// ShouldShow is the quantity of the newest record; Status says how far that is.
	ShouldShow int64  `json:"should_show"`
	Status     string `json:"status"`
	// Shows is null if Shopee does not show the model; Code and Message say why it cannot be read.
	Shows   *int64    `json:"shows"`
	Code    string    `json:"code"`
	Message string    `json:"message"`
	ReadAt  time.Time `json:"read_at"`
}

// live asks Shopee for one store SKU.
func (a *api) live(w http.ResponseWriter, r *http.Request, key schemas.Key) error {
	if _, err := parameters(r, nil); err != nil {
		return err
	}
	if a.stock == nil {
		return errNoShopee
	}
	newest, err := a.reader.NewestRecords(r.Context(), []schemas.Key{key})
	if err != nil {
		return err
	}
	if len(newest) == 0 {
		problem{Status: http.StatusNotFound, Detail: "nothing is known of this store SKU"}.write(w)
		return nil
	}
	waiting, cancel := context.WithTimeout(r.Context(), liveWait)
	defer cancel()
	if err := a.liveLimit.Wait(waiting); err != nil {
		return cmp.Or(r.Context().Err(), errManyReads)
	}
	return respond(w, a.read(r.Context(), &newest[0]))
}

func (a *api) read(ctx context.Context, of *pushrecords.Record) live {
	l := live{
		Channel: of.Channel, ShopID: of.ShopID, StoreSKU: of.StoreSKU, ItemID: of.ItemID, ModelID: of.ModelID, LocationID: of.LocationID,
		ShouldShow: of.PushQty, Status: of.Status,
	}
	stocks, v := a.stock.Read(ctx, int64(of.ShopID), int64(of.ItemID))
	l.ReadAt = time.Now().UTC()
	if v.Outcome != channels.Confirmed {
		l.Code, l.Message = string(cmp.Or(v.Code, schemas.UnknownFailure)), v.Message
		return l
	}
	for _, s := range stocks {
		if s.ModelID == int64(of.ModelID) && (of.LocationID == "" || s.LocationID == of.LocationID) {
			l.Shows = &s.Qty
			return l
		}
	}
	l.Code, l.Message = string(schemas.ModelNotFound), "Shopee does not show this model."
	return l
}
