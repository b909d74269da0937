package schemas

// FailureCode says why a push failed; a closed set.
type FailureCode string

// FailureClass decides how a failure is treated.
type FailureClass string

// The classes.
const (
	ClassAuth           FailureClass = "auth"
	ClassConfig         FailureClass = "config"
	ClassThrottle       FailureClass = "throttle"
	ClassInfrastructure FailureClass = "infrastructure"
	ClassListing        FailureClass = "listing"
	ClassCampaign       FailureClass = "campaign"
	ClassShop           FailureClass = "shop"
	ClassOurs           FailureClass = "ours"
	ClassUnknown        FailureClass = "unknown"
)

// The failure codes.
const (
	AuthorizationLost     FailureCode = "authorization_lost"
	PermissionDenied      FailureCode = "permission_denied"
	SignatureRejected     FailureCode = "signature_rejected"
	IPNotAllowed          FailureCode = "ip_not_allowed"
	RateLimited           FailureCode = "rate_limited"
	DailyQuotaExhausted   FailureCode = "daily_quota_exhausted"
	ChannelUnavailable    FailureCode = "channel_unavailable"
	TimedOut              FailureCode = "timed_out"
	ItemNotFound          FailureCode = "item_not_found"
	ModelNotFound         FailureCode = "model_not_found"
	ItemNotEditable       FailureCode = "item_not_editable"
	ListingMismatch       FailureCode = "listing_mismatch"
	BelowPromotionReserve FailureCode = "below_promotion_reserve"
	PromotionLocked       FailureCode = "promotion_locked"
	HolidayMode           FailureCode = "holiday_mode"
	ShopRestricted        FailureCode = "shop_restricted"
	FulfilledByChannel    FailureCode = "fulfilled_by_channel"
	LocationMismatch      FailureCode = "location_mismatch"
	InvalidQuantity       FailureCode = "invalid_quantity"
	Expired               FailureCode = "expired"
	UnknownFailure        FailureCode = "unknown"
)

// failure is one row of the table that FailureCodes, Class, Hint and Remedy read.
type failure struct {
	code  FailureCode
	class FailureClass
	// remedy says what is wrong and what to do about it, then what follows for a failed push.
	remedy, then string
}

const (
	// thenAutomatic: the refusal holds the shop, and the end of a hold repeats what failed.
	thenAutomatic = "; what failed is then pushed again automatically."
	thenRePush    = ", then re-push."
	thenTrigger   = ", then trigger it again."
)

var failures = []failure{
	{AuthorizationLost, ClassAuth, "The shop's authorization ended. Run `stockpush authorize` for the shop", thenAutomatic},
	{PermissionDenied, ClassAuth, "The app may not use this API for the shop. Check the app's permissions in the open platform console", thenAutomatic},
	{SignatureRejected, ClassConfig, "Shopee refuses our signature. Check shopee.partner_id, shopee.partner_key and this machine's clock", thenAutomatic},
	{IPNotAllowed, ClassConfig, "Shopee refuses this machine's address. Add it to the app's IP list in the open platform console", thenAutomatic},
	{RateLimited, ClassThrottle, "Shopee asks for fewer calls. It is retried automatically; if it lasts, lower shopee.shop_rate or shopee.app_rate", "."},
	{DailyQuotaExhausted, ClassThrottle, "The app's calls of the day are used up. Pushes continue at 00:00 UTC+8; ask Shopee for a higher quota if it recurs", "."},
	{ChannelUnavailable, ClassInfrastructure, "Shopee does not answer properly. Check Shopee's status and the network", thenRePush},
	{TimedOut, ClassInfrastructure, "Shopee does not answer in time. Check the network and shopee.timeout", thenRePush},
	{ItemNotFound, ClassListing, "The product is gone from the shop. Link the store SKU to a product that exists", thenTrigger},
	{ModelNotFound, ClassListing, "The variation is gone from the product. Link the store SKU to a variation that exists", thenTrigger},
	{ItemNotEditable, ClassListing, "The product is banned, deleted or under review. Fix it in Seller Centre", thenRePush},
	{ListingMismatch, ClassListing, "The product's variations differ from the mapping. Map the store SKU to the right variation", thenTrigger},
	{BelowPromotionReserve, ClassCampaign, "The quantity is below what Shopee reserves for a promotion. Raise it, or end the promotion", "; it is pushed again automatically when that changes."},
	{PromotionLocked, ClassCampaign, "A promotion locks this stock. Wait for its end, or take the product out", "; it is pushed again automatically then."},
	{HolidayMode, ClassShop, "The shop is in holiday mode. Switch it off in Seller Centre", thenRePush},
	{ShopRestricted, ClassShop, "Shopee restricts or banned the shop. Resolve it in Seller Centre", ". If Shopee refused the whole shop, it is pushed again automatically; else re-push."},
	{FulfilledByChannel, ClassShop, "Shopee runs this product's stock. Take it out of pushing", "."},
	{LocationMismatch, ClassShop, "The warehouse location does not fit the shop's. Fix the location mapping", thenTrigger},
	{InvalidQuantity, ClassOurs, "Shopee does not take this quantity. Correct the stock upstream", "."},
	{Expired, ClassOurs, "It waited longer than channels.max_pending_age. Find what held the shop", thenRePush},
	{UnknownFailure, ClassUnknown, "Shopee's answer is not one we know; its own words say more", ". Re-push, and report it if it recurs."},
}

var failureByCode = func() map[FailureCode]failure {
	m := make(map[FailureCode]failure, len(failures))
	for _, f := range failures {
		m[f.code] = f
	}
	return m
}()

// FailureCodes lists the closed set, class by class.
func FailureCodes() []FailureCode {
	all := make([]FailureCode, len(failures))
	for i, f := range failures {
		all[i] = f.code
	}
	return all
}

// Valid says whether c is of the closed set.
func (c FailureCode) Valid() bool { _, ok := failureByCode[c]; return ok }

// Class is the code's class; empty for a code that is not of the set.
func (c FailureCode) Class() FailureClass { return failureByCode[c].class }

// FloorHint is appended to a hint if the refusal named the reserve, in units.
const FloorHint = " Shopee reserves %d."

// Hint tells an administrator what to do about a Failed record; empty for a code that is not of the
// set. The page has hints of its own for sellers.
func (c FailureCode) Hint() string {
	f := failureByCode[c]
	return f.remedy + f.then
}

// Remedy is the hint where no push failed: in a log, or after a read. It does not say what to do
// with a failed push.
func (c FailureCode) Remedy() string {
	if !c.Valid() {
		return ""
	}
	return failureByCode[c].remedy + "."
}
