// Package sandbox is a server that behaves as Shopee's open platform does, as
// far as stock goes: signatures, tokens, limits, promotions, partial success.
//
// It owns a fake marketplace in memory. It shares no code with the client, which it is there to
// check. Every documented uncertainty of Shopee's is a
// switch. Its methods are safe for concurrent use.
//
// The consent page (/api/v2/shop/auth_partner) lets everybody choose a shop, or the main
// account of all of them, or takes it as shop_id or main_account_id. Beside Shopee's paths (/api/v2/…) it serves its controls:
//
//	GET    /sandbox/stock?shop_id=N   what the shop shows: [{"item_id","model_id","stock","reserved"}]
//	POST   /sandbox/stock             changes it as a buyer does: {"shop_id","item_id","model_id","stock"}
//	GET    /sandbox/calls?shop_id=N   update_stock calls as they were received and applied, in order
//	GET    /sandbox/stats             calls and reads received, the most calls in flight for one item, refused refreshes
//	POST   /sandbox/items             describes an item: {"shop_id","item_id","state","models":[{"model_id","stock","reserved","locked"}]}
//	POST   /sandbox/shops             sets a shop's state: {"shop_id","banned","holiday" (off, partial, full, switching),"warehouses":[location_id],"authorization_ends"}
//	POST   /sandbox/promotions        begins, changes or ends a promotion: {"shop_id","item_id","model_id","reserved","locked"}
//	POST   /sandbox/push              where push messages about promotions go: {"url","key" (default: the partner key)}
//	POST   /sandbox/faults            adds a fault: {"shop_id" (0: all),"item_id" (0: all),"kind","times" (0: until deleted),"delay_ms","code","message"}
//	DELETE /sandbox/faults            removes all faults, or with shop_id=N and kind=K those only
//	POST   /sandbox/switches          sets switches: {"floor_shape","refuse_equal","rate_limit_status","auth_status","revoke_old_token","refresh_reuse_code","holiday_code"}
//
// The kinds of fault: latency, outage (503), hang, lost_reply (applied, then
// cut), late (cut, then applied after the delay), throttle, quota, no_effect
// (success without effect), wrong_quantity, silent (model in neither list),
// garbage, error (code and message, of every call), refuse (of update_stock, with
// code and message; without a code the message is each model's failed_reason),
// expire_token, unlink, refresh_outage (a token is not refreshed).
package sandbox
