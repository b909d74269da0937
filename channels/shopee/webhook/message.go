package webhook

import (
	"cmp"
	"encoding/json"
	"errors"
)

// The codes of the messages that matter, as labels too.
const (
	codeTrial     = "0"
	codePromotion = "7"
	codeReserved  = "8"
	codeOther     = "other"
)

// Change says that a promotion of an item released stock.
type Change struct{ ShopID, ItemID int64 }

// What a message means to us, as labels.
const (
	// unreadable: it is not what the API says.
	unreadable = "unreadable"
	// irrelevant: of another kind, or a promotion that took stock.
	irrelevant = "irrelevant"
	// released: a promotion ended, or reserves less.
	released = "released"
)

// message is a push message. Shopee sends numbers as numbers or as texts;
// json.Number takes both.
type message struct {
	Code   json.Number     `json:"code"`
	ShopID json.Number     `json:"shop_id"`
	Data   json.RawMessage `json:"data"`
}

type promotion struct {
	ShopID json.Number `json:"shop_id"`
	ItemID json.Number `json:"item_id"`
	Action string      `json:"action"`
	// Changed is of code 8 only.
	Changed []struct {
		Name string      `json:"name"`
		Old  json.Number `json:"old"`
		New  json.Number `json:"new"`
	} `json:"changed_values"`
}

// read judges a message; code and meaning are labels.
func read(body []byte) (code, meaning string, c Change) {
	if len(body) == 0 {
		return codeOther, irrelevant, c
	}
	var m message
	if err := json.Unmarshal(body, &m); err != nil {
		return codeOther, unreadable, c
	}
	switch code = m.Code.String(); code {
	case codeTrial:
		return code, irrelevant, c
	case codePromotion, codeReserved:
	default:
		return codeOther, irrelevant, c
	}
	var p promotion
	err := json.Unmarshal(m.Data, &p)
	shopID, shopErr := cmp.Or(m.ShopID, p.ShopID).Int64()
	itemID, itemErr := p.ItemID.Int64()
	switch {
	case errors.Join(err, shopErr, itemErr) != nil || shopID <= 0 || itemID <= 0:
		return code, unreadable, c
	case p.takes():
		return code, irrelevant, c
	default:
		return code, released, Change{shopID, itemID}
	}
}

// takes says that a promotion took stock, so no refused push can pass because of it. An unknown
// action may have released some.
func (p *promotion) takes() bool {
	if p.Action == "promo_lock_stock" {
		return true
	}
	seen := false
	for _, v := range p.Changed {
		before, errOld := v.Old.Int64()
		after, errNew := v.New.Int64()
		if v.Name != "reserved_stock" || errOld != nil || errNew != nil || after < before {
			return false
		}
		seen = true
	}
	return seen
}
