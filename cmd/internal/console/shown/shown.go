// Package shown asks Shopee what it shows of a store SKU now.
//
// The pages, the API and the names of shops share one Checker, so all of the console makes at most
// one call a second. A Checker is safe for concurrent use.
package shown

import (
	"cmp"
	"context"
	"errors"
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

// Reader finds the newest record of store SKUs.
type Reader interface {
	NewestRecords(context.Context, []schemas.Key) ([]pushrecords.Record, error)
}

// Reasons for no answer.
var (
	// ErrNoShopee reports that the console cannot ask Shopee.
	ErrNoShopee = errors.New("this console cannot ask Shopee: set shopee.partner_id, shopee.partner_key and the tokens for the console role too")
	// ErrBusy reports that many people check at once.
	ErrBusy = errors.New("the console asks Shopee at most once a second, and others wait; try again in a moment")
	// ErrUnknown reports that a store SKU has no record.
	ErrUnknown = errors.New("nothing is known of this store SKU")
)

// turnTimeout is how long a request waits for its turn to ask Shopee.
const turnTimeout = 10 * time.Second

// Checker asks Shopee. A nil Checker answers ErrNoShopee.
type Checker struct {
	stock  Stock
	reader Reader
	limit  *rate.Limiter
}

// New returns a checker.
func New(stock Stock, reader Reader) *Checker {
	return &Checker{stock, reader, rate.NewLimiter(1, 1)}
}

// Turn waits until the console may call Shopee again.
func (c *Checker) Turn(ctx context.Context) error { return c.limit.Wait(ctx) }

// Answer is what Shopee shows of a store SKU, beside what it should show.
type Answer struct {
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

// Check asks Shopee for one store SKU.
func (c *Checker) Check(ctx context.Context, key schemas.Key) (Answer, error) {
	if c == nil {
		return Answer{}, ErrNoShopee
	}
	newest, err := c.reader.NewestRecords(ctx, []schemas.Key{key})
	if err != nil {
		return Answer{}, err
	}
	if len(newest) == 0 {
		return Answer{}, ErrUnknown
	}
	waiting, cancel := context.WithTimeout(ctx, turnTimeout)
	defer cancel()
	if err := c.limit.Wait(waiting); err != nil {
		return Answer{}, cmp.Or(ctx.Err(), ErrBusy)
	}
	return c.read(ctx, &newest[0]), nil
}

func (c *Checker) read(ctx context.Context, of *pushrecords.Record) Answer {
	a := Answer{
		Channel: of.Channel, ShopID: of.ShopID, StoreSKU: of.StoreSKU, ItemID: of.ItemID, ModelID: of.ModelID, LocationID: of.LocationID,
		ShouldShow: of.PushQty, Status: of.Status,
	}
	stocks, v := c.stock.Read(ctx, int64(of.ShopID), int64(of.ItemID))
	a.ReadAt = time.Now().UTC()
	if v.Outcome != channels.Confirmed {
		a.Code, a.Message = string(cmp.Or(v.Code, schemas.UnknownFailure)), v.Message
		return a
	}
	for _, s := range stocks {
		if s.ModelID == int64(of.ModelID) && (of.LocationID == "" || s.LocationID == of.LocationID) {
			a.Shows = &s.Qty
			return a
		}
	}
	a.Code, a.Message = string(schemas.ModelNotFound), "Shopee does not show this model."
	return a
}
