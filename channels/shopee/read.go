package shopee

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"

	"stockpush/channels"
	"stockpush/schemas"
)

const (
	pathModelList = "/api/v2/product/get_model_list"
	pathBaseInfo  = "/api/v2/product/get_item_base_info"
)

// amount is a number that Shopee writes as a number here and as a text there.
type amount int64

// UnmarshalJSON reads either.
func (a *amount) UnmarshalJSON(raw []byte) error {
	return json.Unmarshal([]byte(strings.Trim(string(raw), `"`)), (*int64)(a))
}

type stockInfo struct {
	SellerStock []struct {
		LocationID string `json:"location_id"`
		Stock      amount `json:"stock"`
	} `json:"seller_stock"`
}

func (s stockInfo) stocks(modelID int64) []channels.ModelStock {
	var all []channels.ModelStock
	for _, at := range s.SellerStock {
		all = append(all, channels.ModelStock{ModelID: modelID, LocationID: at.LocationID, Qty: int64(at.Stock)})
	}
	return all
}

// Read reads what an item's models show; an item without models is model 0.
func (c *Client) Read(ctx context.Context, shopID, itemID int64) ([]channels.ModelStock, channels.Verdict) {
	var list struct {
		Model []struct {
			ModelID   int64     `json:"model_id"`
			StockInfo stockInfo `json:"stock_info_v2"`
		} `json:"model"`
	}
	v := c.get(ctx, request{path: pathModelList, query: url.Values{"item_id": {decimal(itemID)}}, shopID: shopID}, &list)
	var stocks []channels.ModelStock
	for _, m := range list.Model {
		stocks = append(stocks, m.StockInfo.stocks(m.ModelID)...)
	}
	if v.Outcome != channels.Confirmed || len(stocks) > 0 {
		return stocks, v
	}
	return c.readWhole(ctx, shopID, itemID)
}

func (c *Client) readWhole(ctx context.Context, shopID, itemID int64) ([]channels.ModelStock, channels.Verdict) {
	var list struct {
		ItemList []struct {
			StockInfo stockInfo `json:"stock_info_v2"`
		} `json:"item_list"`
	}
	v := c.get(ctx, request{path: pathBaseInfo, query: url.Values{"item_id_list": {decimal(itemID)}}, shopID: shopID}, &list)
	var stocks []channels.ModelStock
	for _, it := range list.ItemList {
		stocks = append(stocks, it.StockInfo.stocks(0)...)
	}
	return stocks, v
}

func (c *Client) get(ctx context.Context, r request, into any) channels.Verdict {
	r.method = http.MethodGet
	answer, _, p := c.call(ctx, r)
	if p != nil {
		return p.verdict
	}
	if err := json.Unmarshal(answer.Response, into); err != nil {
		return channels.Verdict{Code: schemas.UnknownFailure, Message: "the answer cannot be read", RequestID: answer.RequestID}
	}
	return channels.Verdict{Outcome: channels.Confirmed, RequestID: answer.RequestID}
}
