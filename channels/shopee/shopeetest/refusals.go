// Package shopeetest is for tests: Shopee's refusals and what they mean, for the
// classifier alone and for the whole system.
package shopeetest

import (
	"stockpush/channels"
	"stockpush/schemas"
)

// Ask is what a refusal asks of the client, beside its failure code.
type Ask string

// What a refusal may ask.
const (
	// Refuse: nothing was applied.
	Refuse Ask = "refuse"
	// Unsure: it may have been applied.
	Unsure Ask = "unsure"
	// Refresh: take a new access token, and repeat once.
	Refresh Ask = "refresh"
	// HoldDay: no calls until the quota's next day.
	HoldDay Ask = "hold until the next day"
)

// Refusal is one of Shopee's, with its meaning.
type Refusal struct {
	// Code is the envelope's error; empty where Message is a model's failed_reason.
	Code, Message string
	Want          schemas.FailureCode
	Scope         channels.Scope
	Asks          Ask
}

// Codes are all that Shopee documents for update_stock, for the tokens and for
// every call, and those that were seen beside them.
var Codes = []string{
	"api_suspended", "error.param", "error_api_call_restricted", "error_api_permission", "error_ashop_api_permission", "error_auth",
	"error_busi", "error_busi_cannot_edit_vsku", "error_busi_invalid_account_status", "error_busi_invalid_shop_status",
	"error_busi_item_not_found", "error_busi_item_status_invalid", "error_busi_shop_not_upgraded_to_cnsc", "error_busi_update_stock_failed",
	"error_cannt_edit_stock_in_promotion", "error_data", "error_edit_item_stock_for_item_has_model", "error_holiday_mode_change_stock",
	"error_in_item_promotion_nomodel_to_models", "error_inner", "error_item_not_belong_shop", "error_item_not_found", "error_item_uneditable",
	"error_kyc_auth", "error_limit", "error_merchant_refresh_token", "error_model_update_stock_model_in_promotion", "error_network",
	"error_nil_shopid_or_itemid", "error_not_in_whitelist", "error_param", "error_param_shop_id_not_found", "error_partner_key_expired",
	"error_perm_non_admin", "error_permission", "error_promotion_cantnot_update_stock", "error_rate_limit", "error_seller_under_penalty",
	"error_server", "error_shop", "error_shop_not_found", "error_shop_refresh_token", "error_sign", "error_stock_bigger_then_limit",
	"error_stock_less_then_min_limit", "error_stock_limit_no_pass", "error_system_busy", "error_user_refresh_token",
	"error_wms_shop_block_upate_stock", "error_wrong_modelid", "exceed_api", "exceed_partner_api", "exceed_shop_api", "frequency_limited",
	"internal_server_error", "invalid_acceess_token", "invalid_access_token", "invalid_code", "invalid_main_acount_id", "invalid_partner_id",
	"invalid_shop_id", "merchant_access_expired", "merchant_no_linked", "partner_shop_no_link", "refresh_token_expired",
	"request_limit_exceeded", "shop_access_expired", "shop_banned", "shop_no_linked", "source_ip_undeclared", "supplier_access_expired",
	"supplier_no_linked", "system_busy",
}

const (
	model = channels.ScopeModel
	shop  = channels.ScopeShop
	app   = channels.ScopeApp
)

// Refusals has each of Codes, and each text of those that are shared between meanings.
var Refusals = []Refusal{
	{"error_network", "Inner http call failed", schemas.ChannelUnavailable, model, Unsure},
	{"error_server", "Something wrong. Please try later.\t", schemas.ChannelUnavailable, model, Unsure},
	{"error_server", "error server", schemas.ChannelUnavailable, model, Unsure},
	{"error_server", "Interal error, please contact openapi team.", schemas.ChannelUnavailable, model, Unsure},
	{"error_inner", "Our system is taking some time to respond, please try later.", schemas.ChannelUnavailable, model, Unsure},
	{"error_inner", "System error, please try again later or contact the OpenAPI support team.", schemas.ChannelUnavailable, model, Unsure},
	{"error_inner", "Update item failed 17", schemas.ChannelUnavailable, model, Unsure},
	{"error_system_busy", "Our system is taking some time to respond, please try later.", schemas.ChannelUnavailable, model, Unsure},
	{"error_auth", "system error, try later", schemas.ChannelUnavailable, model, Unsure},
	{"error_data", "parse data failed", schemas.ChannelUnavailable, model, Unsure},
	{"error_data", "data not exist", schemas.UnknownFailure, model, Refuse},
	{"error_rate_limit", "Too many requests. You have reached the rate limit. Please try again later.", schemas.RateLimited, shop, Refuse},
	{"ads.rate_limit.exceed_api", "The API has exceeded its limit for all apps.", schemas.RateLimited, app, Refuse},
	{"ads.rate_limit.exceed_partner_api", "The app has exceeded its limit for the API.", schemas.RateLimited, app, Refuse},
	{"ads.rate_limit.exceed_shop_api", "The shop has exceeded its limit for the API.", schemas.RateLimited, shop, Refuse},
	{"request_limit_exceeded", "Request limit exceeded, please slow down.", schemas.RateLimited, shop, Refuse},
	{"frequency_limited", "Requests are too frequent.", schemas.RateLimited, shop, Refuse},
	{"error_limit", "The total API call number made by your APP has reached the daily API call limit, please try again after 00: 00 (UTC+08:00)", schemas.DailyQuotaExhausted, app, HoldDay},
	{"error_limit", "Your APP has used up its daily API call quota.", schemas.DailyQuotaExhausted, app, HoldDay},
	{"invalid_acceess_token", "Invalid access_token, please have a check.", schemas.AuthorizationLost, shop, Refresh},
	{"invalid_access_token", "Invalid access_token, please have a check.", schemas.AuthorizationLost, shop, Refresh},
	{"error_auth", "Invalid access_token.", schemas.AuthorizationLost, shop, Refresh},
	{"error_param", "There is no access_token in query.", schemas.AuthorizationLost, shop, Refresh},
	{"error_auth", "Invalid refresh_token.", schemas.AuthorizationLost, shop, Refuse},
	{"common.error_auth", "Invalid access_token.", schemas.AuthorizationLost, shop, Refresh},
	{"refresh_token_expired", "Your refresh_token expired.", schemas.AuthorizationLost, shop, Refuse},
	{"error_shop_refresh_token", "Your refresh token is error ,please check refresh token or shopid.", schemas.AuthorizationLost, shop, Refuse},
	{"error_merchant_refresh_token", "Your refresh token is error,please check refresh token or merchant_id.", schemas.AuthorizationLost, shop, Refuse},
	{"shop_access_expired", "Your access to shop has expired.", schemas.AuthorizationLost, shop, Refuse},
	{"supplier_access_expired", "Your access to supplier has expired.", schemas.AuthorizationLost, shop, Refuse},
	{"merchant_access_expired", "Your access to merchant has expired.", schemas.AuthorizationLost, shop, Refuse},
	{"merchant_no_linked", "Partner and merchant has no linked.", schemas.AuthorizationLost, shop, Refuse},
	{"supplier_no_linked", "Partner and Supplier has no linked.", schemas.AuthorizationLost, shop, Refuse},
	{"shop_no_linked", "Partner and shop has no linked.", schemas.AuthorizationLost, shop, Refuse},
	{"partner_shop_no_link", "Invalid partner_id or shop_id.", schemas.AuthorizationLost, shop, Refuse},
	{"error_auth", "Invalid partner_id or shopid.", schemas.AuthorizationLost, shop, Refuse},
	{"error_auth", "Invalid code", schemas.AuthorizationLost, shop, Refuse},
	{"invalid_code", "Invalid code, please have a check.", schemas.AuthorizationLost, shop, Refuse},
	{"invalid_shop_id", "Invalid shop_id, please have a check.", schemas.AuthorizationLost, shop, Refuse},
	{"invalid_main_acount_id", "Invalid main_account_id, please have a check.", schemas.AuthorizationLost, shop, Refuse},
	{"shop_banned", "The shop account has been banned. Permissions for shop authorization and API calls have been suspended until the shop account is restored.", schemas.ShopRestricted, shop, Refuse},
	{"error_sign", "Wrong sign.", schemas.SignatureRejected, shop, Refuse},
	{"error_param", "There is no sign in query.", schemas.SignatureRejected, shop, Refuse},
	{"error_param", "no timestamp", schemas.SignatureRejected, shop, Refuse},
	{"error_param", "Invalid timestamp", schemas.SignatureRejected, shop, Refuse},
	{"error_param", "Timestamp is expired.", schemas.SignatureRejected, shop, Refuse},
	{"error_param", "Invalid partner_id.", schemas.SignatureRejected, shop, Refuse},
	{"error_param", "There is no partner_id in query.", schemas.SignatureRejected, shop, Refuse},
	{"error_auth", "partner_id is invalid", schemas.SignatureRejected, shop, Refuse},
	{"error_param", "Partner_id is invalid, should be an integer between 0 and 4294967295.", schemas.SignatureRejected, shop, Refuse},
	{"error_param", "Timestamp is invalid, should be an integer between 0 and 4294967295.", schemas.SignatureRejected, shop, Refuse},
	{"invalid_partner_id", "Invalid partner_id, please have a check.", schemas.SignatureRejected, shop, Refuse},
	{"error_partner_key_expired", "Your API partner key has expired, please reset the Live API Partner Key in Console.", schemas.SignatureRejected, shop, Refuse},
	{"source_ip_undeclared", "Request Source IP (203.0.113.7) is undeclared. Please declare all your IP addresses in Console > App list > IP Address Whitelist.", schemas.IPNotAllowed, shop, Refuse},
	{"error_auth", "No permission to current api.", schemas.PermissionDenied, shop, Refuse},
	{"error_api_permission", "This app type has no permission to this API.", schemas.PermissionDenied, shop, Refuse},
	{"error_api_call_restricted", "The App permission for api call have been restricted.", schemas.PermissionDenied, shop, Refuse},
	{"error_ashop_api_permission", "Affiliate shop has no permission to this API.", schemas.PermissionDenied, shop, Refuse},
	{"error_perm_non_admin", "Don't have permission.", schemas.PermissionDenied, shop, Refuse},
	{"error_auth", "The App is deleted, and you'll be unable to make any API call.", schemas.PermissionDenied, shop, Refuse},
	{"error_auth", "App developer’s permissions for authorizations have been restricted.", schemas.PermissionDenied, shop, Refuse},
	{"error_param", "Permission denied. This API is currently offline or the request path is incorrect.", schemas.PermissionDenied, shop, Refuse},
	{"api_suspended", "The API is offline. Please call v2 API instead.", schemas.PermissionDenied, shop, Refuse},
	{"warehouse.error_not_in_whitelist", "This shop is not in the whitelist.", schemas.PermissionDenied, model, Refuse},
	{"error_kyc_auth", "No permission. Please inform the seller to complete the Seller Registration on Shopee Seller Center first, " +
		"then this shop can call for this API.", schemas.ShopRestricted, shop, Refuse},
	{"error_seller_under_penalty", "The shop is under penalty.", schemas.ShopRestricted, shop, Refuse},
	{"error_kyc_auth", "No permission. Please inform the seller to finish the registration first.", schemas.ShopRestricted, shop, Refuse},
	{"error_shop", "shopid is invalid", schemas.ShopRestricted, shop, Refuse},
	{"error_shop", "System error, please try again later.", schemas.ChannelUnavailable, model, Unsure},
	{"error_param", "shop_id is invalid, should be an integer between 0 and 4294967295.", schemas.ShopRestricted, shop, Refuse},
	{"error_param", "There is no shop_id in query.", schemas.UnknownFailure, model, Refuse},
	{"error_shop_not_found", "Shop is not found.", schemas.ShopRestricted, shop, Refuse},
	{"error_busi_invalid_shop_status", "Shop status invalid.", schemas.ShopRestricted, shop, Refuse},
	{"product.error_busi", "Shop status invalid.", schemas.ShopRestricted, shop, Refuse},
	{"error_busi_invalid_account_status", "Account status is invalid.", schemas.ShopRestricted, shop, Refuse},
	{"error_busi_shop_not_upgraded_to_cnsc", "SIP ASHOP has no permission to all this api or Shop not upgraded or lack of service fee rate.", schemas.ShopRestricted, shop, Refuse},
	{"error_permission", "You don't have permission to operate this shop.", schemas.PermissionDenied, shop, Refuse},
	{"error_user_refresh_token", "Your refresh token is error, please check refresh token or user_id.", schemas.AuthorizationLost, shop, Refuse},
	{"internal_server_error", "Server error from system. Please retry later.", schemas.ChannelUnavailable, model, Unsure},
	{"system_busy", "System is busy now. Please decrease the QPS then retry later.", schemas.ChannelUnavailable, model, Unsure},
	{"error_param_shop_id_not_found", "Shop_id is not found.", schemas.ShopRestricted, shop, Refuse},
	{"error_auth", "cnsc shop not upgraded, can not edit item.", schemas.ShopRestricted, shop, Refuse},
	{"error_auth", "Your shop can not use model level dts", schemas.ShopRestricted, model, Refuse},
	{"error_auth", "Total stock must be more than reserved stock.", schemas.BelowPromotionReserve, model, Refuse},
	{"error_auth", "Stock should be larger than reserved stock.", schemas.BelowPromotionReserve, model, Refuse},
	{"error.param", "Can not update item with stock less than reserved stock", schemas.BelowPromotionReserve, model, Refuse},
	{"error_param", "Can not update item with stock less than reserve stock", schemas.BelowPromotionReserve, model, Refuse},
	{"product.error_busi", "Stock should be larger than 13 (reserve stock number) for model 01 UN", schemas.BelowPromotionReserve, model, Refuse},
	{"", "Stock should be larger than 125 (reserve stock number)", schemas.BelowPromotionReserve, model, Refuse},
	{"", "STOCK should be LARGER   than 125(reserve stock\nnumber) for model Holiday mode", schemas.BelowPromotionReserve, model, Refuse},
	{"error_cannt_edit_stock_in_promotion", "Normal_stock cannot be edited when item is under promotion.", schemas.PromotionLocked, model, Refuse},
	{"error_promotion_cantnot_update_stock", "Cannot change stock when item is under promotion.", schemas.PromotionLocked, model, Refuse},
	{"error_model_update_stock_model_in_promotion", "Model stock cannot be editted when item/model is promotion.", schemas.PromotionLocked, model, Refuse},
	{"", "item in promotion, stock locked", schemas.PromotionLocked, model, Refuse},
	{"", "The stock is locked by a promotion.", schemas.PromotionLocked, model, Refuse},
	{"error_holiday_mode_change_stock", "Cannot change stock in holiday mode.", schemas.HolidayMode, model, Refuse},
	{"error_auth", "Please wait for the holiday mode set then to edit item. Please try later.", schemas.ChannelUnavailable, model, Refuse},
	{"error_item_not_found", "Item_id is not found.", schemas.ItemNotFound, model, Refuse},
	{"error_item_not_found", "Product not found", schemas.ItemNotFound, model, Refuse},
	{"error_item_not_belong_shop", "Item not belong to shop.", schemas.ItemNotFound, model, Refuse},
	{"error_busi_item_not_found", "Item not found.", schemas.ItemNotFound, model, Refuse},
	{"", "error_item_not_found", schemas.ItemNotFound, model, Refuse},
	{"", "model ID not exist in sku", schemas.ModelNotFound, model, Refuse},
	{"error_param", "Wrong model_id.", schemas.ModelNotFound, model, Refuse},
	{"error_wrong_modelid", "The model_id is wrong or not related to this item, model_id:2000458", schemas.ModelNotFound, model, Refuse},
	{"error_param", "Repeat model_id.", schemas.ListingMismatch, model, Refuse},
	{"", "item_id and model_id do not match", schemas.ListingMismatch, model, Refuse},
	{"error_edit_item_stock_for_item_has_model", "Can't to edit item stock directly while item has models.", schemas.ListingMismatch, model, Refuse},
	{"error_in_item_promotion_nomodel_to_models", "Can't to edit item stock directly while item has models.", schemas.ListingMismatch, model, Refuse},
	{"error_item_uneditable", "Can't edit this item. item status can not support editing.", schemas.ItemNotEditable, model, Refuse},
	{"error_busi_item_status_invalid", "Invalid item status.", schemas.ItemNotEditable, model, Refuse},
	{"product.error_busi", "product status is abnormal", schemas.ItemNotEditable, model, Refuse},
	{"", "product status is abnormal", schemas.ItemNotEditable, model, Refuse},
	{"error_busi", "The merchant/shop has multi warehouse, please input location id", schemas.LocationMismatch, model, Refuse},
	{"error_auth", "Lack of location_id, please double check.", schemas.LocationMismatch, model, Refuse},
	{"error_auth", "The location_id input is not matched the shop's location_id(more/wrong). Please double check.", schemas.LocationMismatch, model, Refuse},
	{"error_auth", "You do not have right to use seller location_id, please only fill seller_stock filed.", schemas.LocationMismatch, model, Refuse},
	{"error_inner", "Invalid stock location ID", schemas.LocationMismatch, model, Refuse},
	{"error_param", "Can not update item with different stock structure. Can only update seller stock with location id.", schemas.LocationMismatch, model, Refuse},
	{"error_param", "Can not update item with different stock structure. Can only update seller stock " +
		"without location id when existing seller stock without location id.", schemas.LocationMismatch, model, Refuse},
	{"error_wms_shop_block_upate_stock", "Warehouse shop can't update stock.", schemas.FulfilledByChannel, model, Refuse},
	{"error_server", "The current item belong to the full FBS shop, so normal stock must be equal to 0", schemas.FulfilledByChannel, model, Refuse},
	{"error_auth", "The current item belong to the full FBS or B2C shop, so normal stock must be equal to 0", schemas.FulfilledByChannel, model, Refuse},
	{"error_busi_cannot_edit_vsku", "Can not use OpenAPI to edit/create VSKU, please connect with your manager", schemas.FulfilledByChannel, model, Refuse},
	{"error_param", "stock should be between 0 and 10000000", schemas.InvalidQuantity, model, Refuse},
	{"product.error_busi", "Stock should be within 0-999999 for model 01 UN", schemas.InvalidQuantity, model, Refuse},
	{"", "Stock should be within 0-999999 for model 01 UN", schemas.InvalidQuantity, model, Refuse},
	{"", "Stock should be within 2-1000000 for model", schemas.InvalidQuantity, model, Refuse},
	{"", "Stock should be within 2-1000000 for model Daily Care Limited Edition", schemas.InvalidQuantity, model, Refuse},
	{"", "Stock should be within 0-10000000 for model Partner Keychain", schemas.InvalidQuantity, model, Refuse},
	{"", "Stock should be within 1-9,999 for model Time Stamp", schemas.InvalidQuantity, model, Refuse},
	{"", "Stock should be within 0-500 for model Pirate Limited", schemas.InvalidQuantity, model, Refuse},
	{"", "Stock should be within 0-10,000,000 for model Holiday Mode, refresh token, no permission", schemas.InvalidQuantity, model, Refuse},
	{"error_stock_bigger_then_limit", "Normal_stock/ seller_stock is bigger than max limit.", schemas.InvalidQuantity, model, Refuse},
	{"error_stock_less_then_min_limit", "Normal_stock/ seller_stock is less than min limit.", schemas.InvalidQuantity, model, Refuse},
	{"error_stock_limit_no_pass", "The check of the quantity did not pass.", schemas.InvalidQuantity, model, Refuse},
	{"error_param", "parameter invalid", schemas.UnknownFailure, model, Refuse},
	{"error_param", "The information you queried is not found.", schemas.UnknownFailure, model, Refuse},
	{"error_param", "Invalid parameter for product.", schemas.UnknownFailure, model, Refuse},
	{"product.error_param", "invalid field ItemId: value must  Not Null", schemas.UnknownFailure, model, Refuse},
	{"error_param", "Wrong parameters, detail: stock_list.", schemas.UnknownFailure, model, Refuse},
	{"error_param", "request not from gateway", schemas.UnknownFailure, model, Refuse},
	{"error_param", "Parameter is not match the constraints, StockList.", schemas.UnknownFailure, model, Refuse},
	{"error_nil_shopid_or_itemid", "Query information failed.", schemas.UnknownFailure, model, Refuse},
	{"error_busi_update_stock_failed", "Update stock failed, please check failure_list for detailed reason", schemas.UnknownFailure, model, Unsure},
	{"error_never_seen", "who knows", schemas.UnknownFailure, model, Refuse},
	{"", "", schemas.UnknownFailure, model, Refuse}, // a model that failed without a reason
	// What Shopee says of one model is of that model only, whatever it says.
	{"", "Too many requests, please slow down.", schemas.ChannelUnavailable, model, Refuse},
	{"", "The total API call number made by your APP has reached the daily API call limit", schemas.ChannelUnavailable, model, Refuse},
	{"", "error_limit", schemas.ChannelUnavailable, model, Refuse},
	{"", "The shop is under penalty.", schemas.ShopRestricted, model, Refuse},
	{"", "Partner and shop has no linked.", schemas.AuthorizationLost, model, Refuse},
	{"", "Don't have permission.", schemas.PermissionDenied, model, Refuse},
	{"", "Request Source IP is undeclared", schemas.IPNotAllowed, model, Refuse},
}
