package shopee

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"stockpush/channels"
	"stockpush/schemas"
)

type refusal struct {
	code, message string
	want          schemas.FailureCode
	scope         channels.Scope
	act           action
}

// refusals has every code of the reference, and each text of those that are
// shared between meanings. Empty codes are reasons of a failure list.
var refusals = []refusal{
	{"error_network", "Inner http call failed", schemas.ChannelUnavailable, model, unsure},
	{"error_server", "Something wrong. Please try later.\t", schemas.ChannelUnavailable, model, unsure},
	{"error_server", "error server", schemas.ChannelUnavailable, model, unsure},
	{"error_server", "Interal error, please contact openapi team.", schemas.ChannelUnavailable, model, unsure},
	{"error_server", "", schemas.ChannelUnavailable, model, unsure},
	{"error_inner", "Our system is taking some time to respond, please try later.", schemas.ChannelUnavailable, model, unsure},
	{"error_inner", "System error, please try again later or contact the OpenAPI support team.", schemas.ChannelUnavailable, model, unsure},
	{"error_inner", "Update item failed 17", schemas.ChannelUnavailable, model, unsure},
	{"error_system_busy", "Our system is taking some time to respond, please try later.", schemas.ChannelUnavailable, model, unsure},
	{"error_auth", "system error, try later", schemas.ChannelUnavailable, model, unsure},
	{"error_data", "parse data failed", schemas.ChannelUnavailable, model, unsure},
	{"error_data", "data not exist", schemas.UnknownFailure, model, refuse},
	{"error_rate_limit", "Too many requests. You have reached the rate limit. Please try again later.", schemas.RateLimited, shop, refuse},
	{"error_rate_limit", "", schemas.RateLimited, shop, refuse},
	{"ads.rate_limit.exceed_api", "exceeded", schemas.RateLimited, app, refuse},
	{"ads.rate_limit.exceed_partner_api", "exceeded", schemas.RateLimited, app, refuse},
	{"ads.rate_limit.exceed_shop_api", "exceeded", schemas.RateLimited, shop, refuse},
	{"request_limit_exceeded", "", schemas.RateLimited, shop, refuse},
	{"frequency_limited", "", schemas.RateLimited, shop, refuse},
	{"error_limit", "The total API call number made by your APP has reached the daily API call limit, please try again after 00: 00 (UTC+08:00)", schemas.DailyQuotaExhausted, app, holdDay},
	{"error_limit", "", schemas.DailyQuotaExhausted, app, holdDay},
	{"invalid_acceess_token", "Invalid access_token, please have a check.", schemas.AuthorizationLost, shop, refresh},
	{"invalid_acceess_token", "", schemas.AuthorizationLost, shop, refresh},
	{"invalid_access_token", "", schemas.AuthorizationLost, shop, refresh},
	{"error_auth", "Invalid access_token.", schemas.AuthorizationLost, shop, refresh},
	{"error_param", "There is no access_token in query.", schemas.AuthorizationLost, shop, refresh},
	{"error_auth", "Invalid refresh_token.", schemas.AuthorizationLost, shop, refuse},
	{"refresh_token_expired", "Your refresh_token expired.", schemas.AuthorizationLost, shop, refuse},
	{"error_shop_refresh_token", "Your refresh token is error ,please check refresh token or shopid.", schemas.AuthorizationLost, shop, refuse},
	{"error_merchant_refresh_token", "Your refresh token is error,please check refresh token or merchant_id.", schemas.AuthorizationLost, shop, refuse},
	{"shop_access_expired", "Your access to shop has expired.", schemas.AuthorizationLost, shop, refuse},
	{"merchant_access_expired", "Your access to merchant has expired.", schemas.AuthorizationLost, shop, refuse},
	{"shop_no_linked", "Partner and shop has no linked.", schemas.AuthorizationLost, shop, refuse},
	{"partner_shop_no_link", "", schemas.AuthorizationLost, shop, refuse},
	{"error_auth", "Invalid partner_id or shopid.", schemas.AuthorizationLost, shop, refuse},
	{"error_auth", "Invalid code", schemas.AuthorizationLost, shop, refuse},
	{"invalid_code", "", schemas.AuthorizationLost, shop, refuse},
	{"invalid_shop_id", "", schemas.AuthorizationLost, shop, refuse},
	{"invalid_main_acount_id", "", schemas.AuthorizationLost, shop, refuse},
	{"shop_banned", "The shop account has been banned. Permissions for shop authorization and API calls have been suspended until the shop account is restored.", schemas.ShopRestricted, shop, refuse},
	{"shop_banned", "", schemas.ShopRestricted, shop, refuse},
	{"error_sign", "Wrong sign.", schemas.SignatureRejected, shop, refuse},
	{"error_sign", "", schemas.SignatureRejected, shop, refuse},
	{"error_param", "There is no sign in query.", schemas.SignatureRejected, shop, refuse},
	{"error_param", "no timestamp", schemas.SignatureRejected, shop, refuse},
	{"error_param", "Invalid timestamp", schemas.SignatureRejected, shop, refuse},
	{"error_param", "Timestamp is expired.", schemas.SignatureRejected, shop, refuse},
	{"error_param", "Invalid partner_id.", schemas.SignatureRejected, shop, refuse},
	{"error_param", "There is no partner_id in query.", schemas.SignatureRejected, shop, refuse},
	{"error_auth", "partner_id is invalid", schemas.SignatureRejected, shop, refuse},
	{"invalid_partner_id", "Invalid partner_id, please have a check.", schemas.SignatureRejected, shop, refuse},
	{"error_partner_key_expired", "Your API partner key has expired, please reset the Live API Partner Key in Console.", schemas.SignatureRejected, shop, refuse},
	{"source_ip_undeclared", "Request Source IP (203.0.113.7) is undeclared. Please declare all your IP addresses.", schemas.IPNotAllowed, shop, refuse},
	{"source_ip_undeclared", "", schemas.IPNotAllowed, shop, refuse},
	{"error_auth", "No permission to current api.", schemas.PermissionDenied, shop, refuse},
	{"error_api_permission", "This app type has no permission to this API.", schemas.PermissionDenied, shop, refuse},
	{"error_api_call_restricted", "The App permission for api call have been restricted.", schemas.PermissionDenied, shop, refuse},
	{"error_ashop_api_permission", "", schemas.PermissionDenied, shop, refuse},
	{"error_perm_non_admin", "Don't have permission.", schemas.PermissionDenied, shop, refuse},
	{"error_auth", "The App is deleted, and you'll be unable to make any API call.", schemas.PermissionDenied, shop, refuse},
	{"error_auth", "App developer’s permissions for authorizations have been restricted.", schemas.PermissionDenied, shop, refuse},
	{"error_param", "Permission denied. This API is currently offline or the request path is incorrect.", schemas.PermissionDenied, shop, refuse},
	{"api_suspended", "The API is offline. Please call v2 API instead.", schemas.PermissionDenied, shop, refuse},
	{"warehouse.error_not_in_whitelist", "", schemas.PermissionDenied, model, refuse},
	{"error_kyc_auth", "", schemas.ShopRestricted, shop, refuse},
	{"error_seller_under_penalty", "The shop is under penalty.", schemas.ShopRestricted, shop, refuse},
	{"error_shop", "shopid is invalid", schemas.ShopRestricted, shop, refuse},
	{"error_param_shop_id_not_found", "Shop_id is not found.", schemas.ShopRestricted, shop, refuse},
	{"error_auth", "cnsc shop not upgraded, can not edit item.", schemas.ShopRestricted, shop, refuse},
	{"error_auth", "Your shop can not use model level dts", schemas.ShopRestricted, model, refuse},
	{"error_auth", "Total stock must be more than reserved stock.", schemas.BelowPromotionReserve, model, refuse},
	{"error_auth", "Stock should be larger than reserved stock.", schemas.BelowPromotionReserve, model, refuse},
	{"error.param", "Can not update item with stock less than reserved stock", schemas.BelowPromotionReserve, model, refuse},
	{"error_param", "Can not update item with stock less than reserve stock", schemas.BelowPromotionReserve, model, refuse},
	{"product.error_busi", "Stock should be larger than 13 (reserve stock number) for model 01 UN", schemas.BelowPromotionReserve, model, refuse},
	{"", "Stock should be larger than 125 (reserve stock number)", schemas.BelowPromotionReserve, model, refuse},
	{"", "STOCK should be LARGER   than 125(reserve stock\nnumber) for model Holiday mode", schemas.BelowPromotionReserve, model, refuse},
	{"error_cannt_edit_stock_in_promotion", "Normal_stock cannot be edited when item is under promotion.", schemas.PromotionLocked, model, refuse},
	{"error_promotion_cantnot_update_stock", "Cannot change stock when item is under promotion.", schemas.PromotionLocked, model, refuse},
	{"error_model_update_stock_model_in_promotion", "Model stock cannot be editted when item/model is promotion.", schemas.PromotionLocked, model, refuse},
	{"", "item in promotion, stock locked", schemas.PromotionLocked, model, refuse},
	{"error_holiday_mode_change_stock", "Cannot change stock in holiday mode.", schemas.HolidayMode, model, refuse},
	{"error_auth", "Please wait for the holiday mode set then to edit item. Please try later.", schemas.ChannelUnavailable, model, refuse},
	{"error_item_not_found", "Item_id is not found.", schemas.ItemNotFound, model, refuse},
	{"error_item_not_found", "Product not found", schemas.ItemNotFound, model, refuse},
	{"error_item_not_belong_shop", "Item not belong to shop.", schemas.ItemNotFound, model, refuse},
	{"", "error_item_not_found", schemas.ItemNotFound, model, refuse},
	{"", "model ID not exist in sku", schemas.ModelNotFound, model, refuse},
	{"error_param", "Wrong model_id.", schemas.ModelNotFound, model, refuse},
	{"error_param", "Repeat model_id.", schemas.ListingMismatch, model, refuse},
	{"", "item_id and model_id do not match", schemas.ListingMismatch, model, refuse},
	{"error_edit_item_stock_for_item_has_model", "Can't to edit item stock directly while item has models.", schemas.ListingMismatch, model, refuse},
	{"error_in_item_promotion_nomodel_to_models", "Can't to edit item stock directly while item has models.", schemas.ListingMismatch, model, refuse},
	{"error_item_uneditable", "Can't edit this item. item status can not support editing.", schemas.ItemNotEditable, model, refuse},
	{"product.error_busi", "product status is abnormal", schemas.ItemNotEditable, model, refuse},
	{"error_busi", "The merchant/shop has multi warehouse, please input location id", schemas.LocationMismatch, model, refuse},
	{"error_auth", "Lack of location_id, please double check.", schemas.LocationMismatch, model, refuse},
	{"error_auth", "The location_id input is not matched the shop's location_id(more/wrong). Please double check.", schemas.LocationMismatch, model, refuse},
	{"error_auth", "You do not have right to use seller location_id, please only fill seller_stock filed.", schemas.LocationMismatch, model, refuse},
	{"error_inner", "Invalid stock location ID", schemas.LocationMismatch, model, refuse},
	{"error_param", "Can not update item with different stock structure. Can only update seller stock with location id.", schemas.LocationMismatch, model, refuse},
	{"error_wms_shop_block_upate_stock", "Warehouse shop can't update stock.", schemas.FulfilledByChannel, model, refuse},
	{"error_server", "The current item belong to the full FBS shop, so normal stock must be equal to 0", schemas.FulfilledByChannel, model, refuse},
	{"error_auth", "The current item belong to the full FBS or B2C shop, so normal stock must be equal to 0", schemas.FulfilledByChannel, model, refuse},
	{"error_busi_cannot_edit_vsku", "Can not use OpenAPI to edit/create VSKU, please connect with your manager", schemas.FulfilledByChannel, model, refuse},
	{"error_param", "stock should be between 0 and 10000000", schemas.InvalidQuantity, model, refuse},
	{"error_param", "parameter invalid", schemas.UnknownFailure, model, refuse},
	{"error_param", "The information you queried is not found.", schemas.UnknownFailure, model, refuse},
	{"error_param", "Invalid parameter for product.", schemas.UnknownFailure, model, refuse},
	{"error_nil_shopid_or_itemid", "Query information failed.", schemas.UnknownFailure, model, refuse},
	{"error_auth", "", schemas.UnknownFailure, model, refuse},
	{"error_busi_update_stock_failed", "Update stock failed, please check failure_list for detailed reason", schemas.UnknownFailure, model, unsure},
	{"error_never_seen", "who knows", schemas.UnknownFailure, model, refuse},
	{"", "", schemas.UnknownFailure, model, refuse},
}

func TestEveryRefusalHasItsMeaning(t *testing.T) {
	require.GreaterOrEqual(t, len(refusals), 90)
	for _, r := range refusals {
		t.Run(r.code+" "+r.message, func(t *testing.T) { requireMeaning(t, r, r.code, r.message) })
	}
}

func TestCaseSpacingAndPrefixesDoNotChangeAMeaning(t *testing.T) {
	for _, r := range refusals {
		requireMeaning(t, r, strings.ToUpper(r.code), strings.ToUpper(r.message))
		requireMeaning(t, r, r.code, strings.ReplaceAll(r.message, " ", "  \t"))
		if r.code != "" {
			requireMeaning(t, r, "product."+r.code, " "+r.message+" ")
		}
	}
}

func requireMeaning(t *testing.T, want refusal, code, message string) {
	t.Helper()
	now := time.Date(2026, 11, 24, 3, 0, 0, 0, time.UTC)
	v, act := classify(code, message, now)
	require.Equal(t, want.want, v.Code, "%s: %s", code, message)
	require.Equal(t, want.scope, v.Scope, "%s: %s", code, message)
	require.Equal(t, want.act, act, "%s: %s", code, message)
	require.Equal(t, want.act == unsure, v.Outcome == channels.Unknown, "%s: %s", code, message)
	require.Equal(t, want.act == holdDay, !v.HoldUntil.IsZero(), "%s: %s", code, message)
}

func TestTheFloorIsReadFromARefusal(t *testing.T) {
	for _, c := range []struct {
		code, message string
		floor         int64
	}{
		{"product.error_busi", "Stock should be larger than 13 (reserve stock number) for model 01 UN", 13},
		{"", "STOCK should be LARGER   than 125(reserve stock\nnumber) for model 7 (reserve stock number)", 125},
		{"", "Stock should be larger than 1,250 ( reserve stock number)", 1250},
		{"error_auth", "Stock should be larger than 0 (reserved stock number).", 0},
		{"", "must cover the reserve: reserved stock is 40", 40},
		{"error_auth", "Total stock must be more than reserved stock.", -1},
		{"", "larger than 99999999999999999999 (reserve stock number)", -1},
		{"", "item in promotion, stock locked until 12 (reserve stock)", -1},
	} {
		v, _ := classify(c.code, c.message, time.Time{})
		if c.floor < 0 {
			require.Nil(t, v.Floor, c.message)
			continue
		}
		require.Equal(t, schemas.BelowPromotionReserve, v.Code, c.message)
		require.Equal(t, &c.floor, v.Floor, c.message)
	}
}

func TestTheQuotaDayBeginsAtMidnightInUTC8(t *testing.T) {
	midnight := time.Date(2026, 11, 24, 16, 0, 0, 0, time.UTC)
	require.True(t, nextQuotaDay(midnight.Add(-time.Nanosecond)).Equal(midnight))
	require.True(t, nextQuotaDay(midnight).Equal(midnight.Add(24*time.Hour)))
}

func TestRetryAfterIsSecondsOrADateAndBounded(t *testing.T) {
	now := time.Date(2026, 11, 24, 3, 0, 0, 0, time.UTC)
	require.Equal(t, now.Add(7*time.Second), retryAfter(" 7 ", now))
	require.Equal(t, now.Add(30*time.Second), retryAfter("Tue, 24 Nov 2026 03:00:30 GMT", now))
	require.Equal(t, now.Add(maxRetryAfter), retryAfter("999999999999", now))
	for _, none := range []string{"", "soon", "-4", "0", "Tue, 24 Nov 2020 03:00:30 GMT"} {
		require.Zero(t, retryAfter(none, now), none)
	}
}
