package shopee

import (
	"strings"

	"stockpush/channels"
	"stockpush/schemas"
)

// rule is one row of the table of refusals. A row without code is for any code,
// one without words for any message.
type rule struct {
	code  string
	words []string
	means schemas.FailureCode
	scope channels.Scope
	// refresh says that a new access token may help.
	refresh bool
}

// rules are in order: what a message says counts before what its code says,
// because Shopee uses error_auth, error_server, error_inner and error_param for
// nearly everything. Codes are compared without their module's prefix, words
// without regard to case and spacing; all words of a row must be there.
var rules = []rule{
	// Tokens.
	{code: "invalid_acceess_token", means: schemas.AuthorizationLost, scope: channels.ScopeShop, refresh: true},
	{code: "invalid_access_token", means: schemas.AuthorizationLost, scope: channels.ScopeShop, refresh: true},
	{code: "error_auth", words: []string{"access_token"}, means: schemas.AuthorizationLost, scope: channels.ScopeShop, refresh: true},
	{code: "error_auth", words: []string{"access token"}, means: schemas.AuthorizationLost, scope: channels.ScopeShop, refresh: true},
	{code: "error_auth", words: []string{"refresh_token"}, means: schemas.AuthorizationLost, scope: channels.ScopeShop},
	{code: "error_auth", words: []string{"partner_id"}, means: schemas.AuthorizationLost, scope: channels.ScopeShop},
	{code: "error_auth", words: []string{"shopid"}, means: schemas.AuthorizationLost, scope: channels.ScopeShop},
	{code: "error_auth", words: []string{"invalid code"}, means: schemas.AuthorizationLost, scope: channels.ScopeShop},
	// Messages of the overloaded codes, and free texts of failed_reason.
	{words: []string{"reserve", "stock"}, means: schemas.BelowPromotionReserve},
	{words: []string{"system error", "later"}, means: schemas.ChannelUnavailable},
	{words: []string{"holiday mode being set"}, means: schemas.ChannelUnavailable},
	{words: []string{"holiday mode"}, means: schemas.HolidayMode},
	{words: []string{"no permission"}, means: schemas.PermissionDenied, scope: channels.ScopeShop},
	{words: []string{"app", "restricted"}, means: schemas.PermissionDenied, scope: channels.ScopeShop},
	{words: []string{"fbs"}, means: schemas.FulfilledByChannel},
	{words: []string{"b2c"}, means: schemas.FulfilledByChannel},
	{words: []string{"fulfilled by shopee"}, means: schemas.FulfilledByChannel},
	{words: []string{"location"}, means: schemas.LocationMismatch},
	{words: []string{"different stock structure"}, means: schemas.LocationMismatch},
	{words: []string{"multi-warehouse"}, means: schemas.LocationMismatch},
	{words: []string{"warehouse"}, means: schemas.LocationMismatch},
	{words: []string{"model id not exist"}, means: schemas.ModelNotFound},
	{words: []string{"wrong model_id"}, means: schemas.ModelNotFound},
	{words: []string{"model_id", "not"}, means: schemas.ModelNotFound},
	{words: []string{"promotion", "lock"}, means: schemas.PromotionLocked},
	{words: []string{"product status"}, means: schemas.ItemNotEditable},
	{words: []string{"item status"}, means: schemas.ItemNotEditable},
	{words: []string{"0-10000000"}, means: schemas.InvalidQuantity},
	{words: []string{"stock", "range"}, means: schemas.InvalidQuantity},
	{words: []string{"cnsc"}, means: schemas.ShopRestricted, scope: channels.ScopeShop},
	{words: []string{"dts not allowed"}, means: schemas.ItemNotEditable},
	{code: "error_param", words: []string{"timestamp"}, means: schemas.SignatureRejected, scope: channels.ScopeShop},
	{code: "error_param", words: []string{"sign"}, means: schemas.SignatureRejected, scope: channels.ScopeShop},
	// Codes.
	{code: "refresh_token_expired", means: schemas.AuthorizationLost, scope: channels.ScopeShop},
	{code: "error_shop_refresh_token", means: schemas.AuthorizationLost, scope: channels.ScopeShop},
	{code: "error_merchant_refresh_token", means: schemas.AuthorizationLost, scope: channels.ScopeShop},
	{code: "shop_access_expired", means: schemas.AuthorizationLost, scope: channels.ScopeShop},
	{code: "shop_no_linked", means: schemas.AuthorizationLost, scope: channels.ScopeShop},
	{code: "partner_shop_no_link", means: schemas.AuthorizationLost, scope: channels.ScopeShop},
	{code: "invalid_code", means: schemas.AuthorizationLost, scope: channels.ScopeShop},
	{code: "invalid_shop_id", means: schemas.AuthorizationLost, scope: channels.ScopeShop},
	{code: "invalid_main_acount_id", means: schemas.AuthorizationLost, scope: channels.ScopeShop},
	{code: "shop_banned", means: schemas.ShopRestricted, scope: channels.ScopeShop},
	{code: "error_sign", means: schemas.SignatureRejected, scope: channels.ScopeShop},
	{code: "invalid_partner_id", means: schemas.SignatureRejected, scope: channels.ScopeShop},
	{code: "error_partner_key_expired", means: schemas.SignatureRejected, scope: channels.ScopeShop},
	{code: "source_ip_undeclared", means: schemas.IPNotAllowed, scope: channels.ScopeShop},
	{code: "error_rate_limit", means: schemas.RateLimited, scope: channels.ScopeShop},
	{code: "request_limit_exceeded", means: schemas.RateLimited, scope: channels.ScopeShop},
	{code: "frequency_limited", means: schemas.RateLimited, scope: channels.ScopeShop},
	{code: "rate_limit.exceed_api", means: schemas.RateLimited, scope: channels.ScopeShop},
	{code: "rate_limit.exceed_partner_api", means: schemas.RateLimited, scope: channels.ScopeApp},
	{code: "rate_limit.exceed_shop_api", means: schemas.RateLimited, scope: channels.ScopeShop},
	{code: "error_limit", means: schemas.DailyQuotaExhausted, scope: channels.ScopeApp},
	{code: "error_network", means: schemas.ChannelUnavailable},
	{code: "error_server", means: schemas.ChannelUnavailable},
	{code: "error_inner", means: schemas.ChannelUnavailable},
	{code: "error_system_busy", means: schemas.ChannelUnavailable},
	{code: "error_data", means: schemas.ChannelUnavailable},
	{code: "error_api_permission", means: schemas.PermissionDenied, scope: channels.ScopeShop},
	{code: "error_api_call_restricted", means: schemas.PermissionDenied, scope: channels.ScopeShop},
	{code: "error_ashop_api_permission", means: schemas.PermissionDenied, scope: channels.ScopeShop},
	{code: "error_perm_non_admin", means: schemas.PermissionDenied, scope: channels.ScopeShop},
	{code: "api_suspended", means: schemas.PermissionDenied, scope: channels.ScopeShop},
	{code: "error_kyc_auth", means: schemas.ShopRestricted, scope: channels.ScopeShop},
	{code: "error_cannt_edit_stock_in_promotion", means: schemas.PromotionLocked},
	{code: "error_promotion_cantnot_update_stock", means: schemas.PromotionLocked},
	{code: "error_model_update_stock_model_in_promotion", means: schemas.PromotionLocked},
	{code: "error_holiday_mode_change_stock", means: schemas.HolidayMode},
	{code: "error_item_not_found", means: schemas.ItemNotFound},
	{code: "error_item_not_belong_shop", means: schemas.ItemNotFound},
	{code: "error_nil_shopid_or_itemid", means: schemas.ItemNotFound},
	{code: "error_item_uneditable", means: schemas.ItemNotEditable},
	{code: "error_edit_item_stock_for_item_has_model", means: schemas.ListingMismatch},
	{code: "error_in_item_promotion_nomodel_to_models", means: schemas.ListingMismatch},
	{code: "error_wms_shop_block_upate_stock", means: schemas.FulfilledByChannel},
	{code: "error_busi_cannot_edit_vsku", means: schemas.FulfilledByChannel},
	{code: "error_seller_under_penalty", means: schemas.ShopRestricted, scope: channels.ScopeShop},
	{code: "error_shop", means: schemas.ShopRestricted, scope: channels.ScopeShop},
	{code: "error_param_shop_id_not_found", means: schemas.AuthorizationLost, scope: channels.ScopeShop},
	{code: "error_auth", means: schemas.PermissionDenied},
}

// classify finds the row of a refusal; a refusal in no row is unknown.
func classify(code, message string) rule {
	code = bare(code)
	words := " " + strings.Join(strings.Fields(strings.ToLower(message)), " ") + " "
	for _, r := range rules {
		if (r.code == "" || r.code == code) && containsAll(words, r.words) {
			return r
		}
	}
	return rule{means: schemas.UnknownFailure}
}

// bare is a code without its module's prefix. One documented code is
// "error.param"; it means error_param.
func bare(code string) string {
	code = strings.ToLower(strings.TrimSpace(code))
	if code == "error.param" {
		return "error_param"
	}
	if module, rest, found := strings.Cut(code, "."); found && module != "error" {
		return rest
	}
	return code
}

func containsAll(text string, words []string) bool {
	for _, word := range words {
		if !strings.Contains(text, word) {
			return false
		}
	}
	return true
}
