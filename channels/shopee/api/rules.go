package api

import (
	"slices"

	"stockpush/channels"
	"stockpush/schemas"
)

const (
	model = channels.ScopeModel
	shop  = channels.ScopeShop
	app   = channels.ScopeApp
)

// rules is the one judgement of Shopee's refusals; the first row that matches
// decides: a code that means one thing, then what the message says, then a code that
// Shopee uses for many things. It is never written to.
var rules = slices.Concat(codeRules, messageRules, sharedCodeRules)

// codeRules are of codes that mean one thing, whatever their messages have beside it.
var codeRules = []rule{
	{schemas.AuthorizationLost, shop, refresh, []string{"invalid_acceess_token", "invalid_access_token", "access_token_expired"}, nil},
	{schemas.AuthorizationLost, shop, refuse, []string{
		"refresh_token_expired", "error_shop_refresh_token", "error_merchant_refresh_token", "error_user_refresh_token", "invalid_refresh_token",
		"shop_access_expired", "merchant_access_expired", "supplier_access_expired",
		"shop_no_linked", "merchant_no_linked", "supplier_no_linked", "partner_shop_no_link",
		"invalid_code", "invalid_shop_id", "invalid_main_acount_id", "invalid_main_account_id",
	}, nil},
	{schemas.PermissionDenied, shop, refuse, []string{
		"error_api_permission", "error_api_call_restricted", "error_ashop_api_permission", "error_perm_non_admin", "error_permission", "api_suspended",
	}, nil},
	{schemas.PermissionDenied, model, refuse, []string{"error_not_in_whitelist"}, nil},
	{schemas.SignatureRejected, shop, refuse, []string{"error_sign", "invalid_partner_id", "error_partner_key_expired", "invalid_timestamp"}, nil},
	{schemas.IPNotAllowed, shop, refuse, []string{"source_ip_undeclared"}, nil},

	{schemas.DailyQuotaExhausted, app, holdDay, []string{"error_limit"}, nil},
	{schemas.RateLimited, app, refuse, []string{"error_rate_limit"}, []string{"your app & rate limit", "partner & rate limit"}},
	{schemas.RateLimited, app, refuse, []string{"exceed_api", "exceed_partner_api"}, nil},
	{schemas.RateLimited, shop, refuse, []string{"error_rate_limit", "exceed_shop_api", "request_limit_exceeded", "frequency_limited"}, nil},

	{schemas.ShopRestricted, shop, refuse, []string{
		"shop_banned", "error_seller_under_penalty", "error_param_shop_id_not_found", "error_shop_not_found", "error_kyc_auth",
		"error_busi_invalid_shop_status", "error_busi_invalid_account_status", "error_busi_shop_not_upgraded_to_cnsc",
	}, nil},
	{schemas.HolidayMode, model, refuse, []string{"error_holiday_mode_change_stock"}, nil},
	{schemas.FulfilledByChannel, model, refuse, []string{
		"error_wms_shop_block_upate_stock", "error_wms_shop_block_update_stock", "error_busi_cannot_edit_vsku",
	}, nil},

	{schemas.PromotionLocked, model, refuse, []string{
		"error_cannt_edit_stock_in_promotion", "error_promotion_cantnot_update_stock", "error_model_update_stock_model_in_promotion",
	}, nil},
	{schemas.ModelNotFound, model, refuse, []string{"error_wrong_modelid"}, nil},
	{schemas.ItemNotFound, model, refuse, []string{"error_item_not_found", "error_busi_item_not_found", "error_item_not_belong_shop"}, nil},
	{schemas.ItemNotEditable, model, refuse, []string{"error_item_uneditable", "error_busi_item_status_invalid"}, nil},
	{schemas.InvalidQuantity, model, refuse, []string{"error_stock_bigger_then_limit", "error_stock_less_then_min_limit"}, nil},
	{schemas.ListingMismatch, model, refuse, []string{
		"error_edit_item_stock_for_item_has_model", "error_in_item_promotion_nomodel_to_models",
	}, nil},

	{schemas.ChannelUnavailable, model, unsure, []string{"error_network", "error_system_busy", "system_busy", "internal_server_error"}, nil},
}

var messageRules = []rule{
	{schemas.BelowPromotionReserve, model, refuse, nil, []string{
		"reserve stock number", "reserved stock number", "than reserve", "than reserved", "than & reserved stock", "than & reserve stock",
		"below & reserve", "below & reserved", "cover & reserve", "cover & reserved", "at least & reserve", "at least & reserved", "equal & reserved stock",
	}},
	{schemas.FulfilledByChannel, model, refuse, nil, []string{
		"stock must be equal to 0", "fbs shop", "fulfilled by shopee", "fulfillment by shopee", "warehouse shop & update stock", "vsku",
	}},

	{schemas.ChannelUnavailable, model, refuse, nil, []string{"wait & holiday mode", "holiday mode & being set", "holiday mode & try later"}},
	{schemas.HolidayMode, model, refuse, nil, []string{"holiday mode", "shop is on holiday"}},

	{schemas.LocationMismatch, model, refuse, nil, []string{
		"location id", "location ids", "stock location", "location & not match", "location & not matched", "multi warehouse",
		"multiple warehouse", "multiple warehouses", "different stock structure", "seller location",
	}},

	// Before permissions: the text of an unfinished seller registration has "No permission." too.
	{schemas.ShopRestricted, shop, refuse, nil, []string{
		"shop & has been banned", "shop & is banned", "shop & under penalty", "seller & under penalty", "shop & frozen", "shop & is suspended",
		"shop not upgraded", "seller registration", "shop status & invalid", "shop status & abnormal", "account status & invalid", "account status & abnormal",
		"shop id is invalid", "shopid is invalid",
	}},
	{schemas.ShopRestricted, model, refuse, nil, []string{"model level dts"}},

	{schemas.AuthorizationLost, shop, refuse, nil, []string{
		"refresh token", "no linked", "not linked", "access to shop has expired", "access to merchant has expired", "access to supplier has expired",
		"partner id & shop id & invalid", "partner id & shopid & invalid", "invalid code", "code & invalid or expired",
		"authorization & expired", "not authorized & shop", "deauthorized",
	}},
	{schemas.AuthorizationLost, shop, refresh, nil, []string{"access token", "acceess token"}},

	{schemas.IPNotAllowed, shop, refuse, nil, []string{"source ip", "ip & undeclared", "ip whitelist", "ip address & whitelist", "ip addresses & whitelist"}},
	{schemas.SignatureRejected, shop, refuse, nil, []string{
		"wrong sign", "invalid sign", "sign is invalid", "no sign in query", "no timestamp", "timestamp & invalid", "timestamp & expired", "partner key",
		"invalid partner id", "partner id is invalid", "no partner id",
	}},
	{schemas.DailyQuotaExhausted, app, holdDay, nil, []string{"daily & limit", "daily & quota"}},
	{schemas.RateLimited, shop, refuse, nil, []string{
		"too many request", "too many requests", "rate limit", "request limit", "frequency limit", "too frequent", "too frequently",
	}},
	{schemas.PermissionDenied, shop, refuse, nil, []string{
		"no permission", "have permission", "permission denied", "app is deleted", "permission & restricted", "permissions & restricted", "api is offline",
	}},

	{schemas.PromotionLocked, model, refuse, nil, []string{
		"under promotion", "in promotion", "is promotion", "promotion & locked", "promotion & cannot", "in campaign",
	}},

	{schemas.ListingMismatch, model, refuse, nil, []string{
		"has model", "has models", "item stock directly", "item id and model id", "model id and item id", "repeat & model id", "repeated & model id",
		"duplicate & model id", "duplicated & model id", "has no model", "has no models", "variation & structure",
	}},
	{schemas.ModelNotFound, model, refuse, nil, []string{
		"wrong model id", "model id is wrong", "invalid model id", "model & not exist", "model & not found", "model & deleted",
		"variation & not exist", "variation & not found",
	}},
	{schemas.ItemNotFound, model, refuse, nil, []string{
		"item & not found", "item & not exist", "item & not belong", "product & not found", "product & not exist", "product & not belong", "item & deleted", "product & deleted",
	}},
	{schemas.ItemNotEditable, model, refuse, nil, []string{
		"status & abnormal", "status & not support", "status & cannot support", "status & invalid", "edit this item", "item & banned", "product & banned",
		"under review", "not editable", "uneditable",
	}},
	{schemas.InvalidQuantity, model, refuse, nil, []string{
		"stock & within", "stock & between", "stock & range", "stock & exceed", "stock & exceeds", "stock & max limit", "stock & min limit", "stock limit",
		"stock & 10000000", "stock & 10 000 000", "stock & negative", "stock & less than 0", "stock & greater than or equal to 0", "stock & maximum", "stock & minimum",
	}},

	{schemas.ChannelUnavailable, model, unsure, nil, []string{
		"try later", "try again later", "retry later", "taking some time", "system error", "system busy", "system is busy", "inner http call failed",
		"parse data failed", "something wrong", "internal error", "interal error", "error server", "server error",
	}},
}

// sharedCodeRules are of codes whose message decides, where it says nothing that we know.
var sharedCodeRules = []rule{
	{schemas.ShopRestricted, shop, refuse, []string{"error_shop"}, nil},
	{schemas.InvalidQuantity, model, refuse, []string{"error_stock_limit_no_pass"}, nil},
	{schemas.ChannelUnavailable, model, unsure, []string{"error_server", "error_inner"}, nil},
	// The batch's code says nothing of its models: one in neither list may have been applied.
	{schemas.UnknownFailure, model, unsure, []string{"error_busi_update_stock_failed"}, nil},
	{schemas.UnknownFailure, model, refuse, []string{
		"error_param", "error.param", "error_auth", "error_busi", "error_data", "error_nil_shopid_or_itemid",
	}, nil},
}
