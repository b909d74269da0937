package webhook

import (
	"encoding/json"
	"fmt"
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

// meaning is what a message means to us.
type meaning uint8

const (
	// unreadable: it is not what the API says.
	unreadable meaning = iota
	// irrelevant: of another kind, or a promotion that took stock.
	irrelevant
	// released: a promotion ended, or reserves less.
	released
)

var meanings = [...]string{unreadable: "unreadable", irrelevant: "irrelevant", released: "released"}

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

// isTrial says that the message is Shopee's test of a callback URL. It has no signature: the key
// is created on the page on which the URL is entered.
func isTrial(body []byte) bool {
	var m message
	return json.Unmarshal(body, &m) == nil && m.Code == codeTrial
}

// read judges a message; code is a label.
func read(body []byte) (code string, is meaning, c Change) {
	var m message
	if len(body) == 0 {
		return codeOther, irrelevant, c
	}
	if err := json.Unmarshal(body, &m); err != nil {
		return codeOther, unreadable, c
	}
	code = m.Code.String()
	if code != codePromotion && code != codeReserved {
		return codeOther, irrelevant, c
	}
	var p promotion
	if err := json.Unmarshal(m.Data, &p); err != nil {
		return code, unreadable, c
	}
	c, err := p.change(m.ShopID)
	switch {
	case err != nil:
		return code, unreadable, c
	case p.takes():
		return code, irrelevant, c
	default:
		return code, released, c
	}
}

func (p *promotion) change(shop json.Number) (Change, error) {
	if shop == "" {
		shop = p.ShopID
	}
	shopID, err := shop.Int64()
	if err != nil {
		return Change{}, fmt.Errorf("shop_id: %w", err)
	}
	itemID, err := p.ItemID.Int64()
	if err != nil {
		return Change{}, fmt.Errorf("item_id: %w", err)
	}
	if shopID <= 0 || itemID <= 0 {
		return Change{}, fmt.Errorf("shop %d, item %d: not positive", shopID, itemID)
	}
	return Change{shopID, itemID}, nil
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
