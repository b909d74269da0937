package shopee

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"

	"stockpush/channels/shopee/api"
)

// ShopName returns the name of a shop as sellers know it. The caller waits for the rate limits.
func (c *Client) ShopName(ctx context.Context, shopID int64) (string, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, c.timeout, api.ErrTimeout)
	defer cancel()
	r, _ := c.shopCall(ctx, api.Request{Method: http.MethodGet, Path: api.PathShopInfo, ShopID: shopID}, func() bool { return true })
	if !r.OK() {
		return "", fmt.Errorf("ask for the name of shop %d: %s: %s", shopID, r.Verdict.Code, r.Verdict.Message)
	}
	body := r.Body
	if len(r.Response) > 0 {
		body = r.Response
	}
	var info struct {
		Name string `json:"shop_name"`
	}
	if err := json.Unmarshal(body, &info); err != nil {
		return "", fmt.Errorf("ask for the name of shop %d: the answer is not what the API says: %w", shopID, err)
	}
	return info.Name, nil
}
