package shopee

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"

	"stockpush/channels"
	"stockpush/channels/shopee/api"
	"stockpush/schemas"
)

// stockInfo is stock_info_v2.
type stockInfo struct {
	SellerStock []struct {
		LocationID string     `json:"location_id"`
		Stock      api.Number `json:"stock"`
	} `json:"seller_stock"`
}

type modelList struct {
	Model []struct {
		ModelID   api.Number `json:"model_id"`
		StockInfo *stockInfo `json:"stock_info_v2"`
	} `json:"model"`
}

type baseInfo struct {
	ItemList []struct {
		ItemID    api.Number `json:"item_id"`
		HasModel  bool       `json:"has_model"`
		StockInfo *stockInfo `json:"stock_info_v2"`
	} `json:"item_list"`
}

// Read reads the seller stock that an item shows, one entry per model and location.
func (c *Client) Read(ctx context.Context, shopID, itemID int64) ([]channels.ModelStock, channels.Verdict) {
	ctx, cancel := context.WithTimeoutCause(ctx, c.timeout, api.ErrTimeout)
	defer cancel()
	id := strconv.FormatInt(itemID, 10)
	var models modelList
	v := c.get(ctx, api.Request{Path: api.PathModelList, ShopID: shopID, Query: url.Values{"item_id": {id}}}, &models)
	mayHaveNoModels := v.Code == schemas.ModelNotFound || v.Code == schemas.ListingMismatch // the item itself shows
	if v.Outcome != channels.Confirmed && !mayHaveNoModels {
		return nil, v
	}
	if len(models.Model) > 0 {
		return stocksOfModels(models, v)
	}
	if err := c.pace(ctx, shopID); err != nil {
		return nil, channels.Verdict{Code: schemas.TimedOut, Message: "no call was free for the second read"}
	}
	var info baseInfo
	v = c.get(ctx, api.Request{Path: api.PathBaseInfo, ShopID: shopID, Query: url.Values{"item_id_list": {id}}}, &info)
	if v.Outcome != channels.Confirmed {
		return nil, v
	}
	return stockOfItem(info, itemID, v)
}

// get makes a shop's GET call; the verdict is Confirmed if into was read.
func (c *Client) get(ctx context.Context, req api.Request, into any) channels.Verdict {
	req.Method = http.MethodGet
	r, _ := c.shopCall(ctx, req, func() bool { return true })
	if !r.OK() {
		return r.Verdict
	}
	return decode(r, into)
}

// decode reads the payload of an answer, which is the envelope's response or, in some calls, beside
// it. The verdict is Confirmed if it could be read.
func decode(r *api.Result, into any) channels.Verdict {
	payload := r.Response
	if len(payload) == 0 {
		payload = r.Body
	}
	if err := json.Unmarshal(payload, into); err != nil {
		return channels.Verdict{Code: schemas.ChannelUnavailable, RequestID: r.RequestID, Message: "cannot read Shopee's answer: its payload is not what the API says"}
	}
	return channels.Verdict{Outcome: channels.Confirmed, RequestID: r.RequestID}
}

// ShopName returns the name of a shop as sellers know it. It changes nothing in the shop, so it also
// tests the shop's tokens; the verdict is Confirmed if Shopee answered. The caller waits for the
// rate limits.
func (c *Client) ShopName(ctx context.Context, shopID int64) (string, channels.Verdict) {
	ctx, cancel := context.WithTimeoutCause(ctx, c.timeout, api.ErrTimeout)
	defer cancel()
	var info struct {
		Name string `json:"shop_name"`
	}
	v := c.get(ctx, api.Request{Path: api.PathShopInfo, ShopID: shopID}, &info)
	return info.Name, v
}

func stocksOfModels(models modelList, v channels.Verdict) ([]channels.ModelStock, channels.Verdict) {
	var all []channels.ModelStock
	for _, m := range models.Model {
		if m.StockInfo == nil {
			return nil, incomplete(v, fmt.Sprintf("model %d has no stock in Shopee's answer", m.ModelID))
		}
		all = append(all, m.StockInfo.stocks(int64(m.ModelID))...)
	}
	return all, v
}

func stockOfItem(info baseInfo, itemID int64, v channels.Verdict) ([]channels.ModelStock, channels.Verdict) {
	for _, item := range info.ItemList {
		if int64(item.ItemID) != itemID {
			continue
		}
		if item.HasModel || item.StockInfo == nil {
			return nil, incomplete(v, "Shopee's answer has neither models nor a stock of the item")
		}
		return item.StockInfo.stocks(0), v
	}
	return nil, channels.Verdict{Outcome: channels.Refused, Code: schemas.ItemNotFound, RequestID: v.RequestID, Message: "Shopee's answer does not have the item"}
}

func incomplete(v channels.Verdict, message string) channels.Verdict {
	return channels.Verdict{Code: schemas.UnknownFailure, RequestID: v.RequestID, Message: message}
}

// stocks lists a model's locations; a model without any shows 0.
func (s *stockInfo) stocks(modelID int64) []channels.ModelStock {
	if len(s.SellerStock) == 0 {
		return []channels.ModelStock{{ModelID: modelID}}
	}
	all := make([]channels.ModelStock, len(s.SellerStock))
	for i, row := range s.SellerStock {
		all[i] = channels.ModelStock{ModelID: modelID, LocationID: row.LocationID, Qty: int64(row.Stock)}
	}
	return all
}
