package shopee

import (
	"context"
	"net/http"

	"stockpush/channels"
	"stockpush/channels/shopee/api"
	"stockpush/schemas"
)

// ShopName returns the name of a shop as sellers know it. It changes nothing in the shop, so it also
// tests the shop's tokens; the verdict is Confirmed if Shopee answered. The caller waits for the
// rate limits.
func (c *Client) ShopName(ctx context.Context, shopID int64) (string, channels.Verdict) {
	ctx, cancel := context.WithTimeoutCause(ctx, c.timeout, api.ErrTimeout)
	defer cancel()
	r, _ := c.shopCall(ctx, api.Request{Method: http.MethodGet, Path: api.PathShopInfo, ShopID: shopID}, func() bool { return true })
	if !r.OK() {
		return "", r.Verdict
	}
	body := r.Body
	if len(r.Response) > 0 {
		body = r.Response
	}
	var info struct {
		Name string `json:"shop_name"`
	}
	if err := decodePayload(body, &info); err != nil {
		return "", channels.Verdict{Code: schemas.ChannelUnavailable, RequestID: r.RequestID, Message: "cannot read Shopee's answer: " + err.Error()}
	}
	return info.Name, channels.Verdict{Outcome: channels.Confirmed, RequestID: r.RequestID}
}
