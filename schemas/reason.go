package schemas

// Reason is the kind of trigger of an event. Its number is the contract's code.
type Reason uint8

// The 17 reasons.
const (
	SyncOrder Reason = iota + 1
	StockInManual
	StockInReturnScan
	StockInReturnManual
	StockInTransfer
	StockInPurchase
	StockOutManual
	StockOutSale
	StockOutTransfer
	VoidOrder
	RevertVoidedOrder
	ChangeMapping
	ChangeWarehouse
	MoveToPack
	RefreshInventory
	PushNow
	StockCount
)

type names struct{ slug, label string }

var reasonNames = [...]names{
	SyncOrder:           {"sync_order", "Sync Order"},
	StockInManual:       {"stock_in_manual", "Stock-In / Manual"},
	StockInReturnScan:   {"stock_in_return_scan", "Stock-In / Return-Scan"},
	StockInReturnManual: {"stock_in_return_manual", "Stock-In / Return-Manual"},
	StockInTransfer:     {"stock_in_transfer", "Stock-In / Transfer"},
	StockInPurchase:     {"stock_in_purchase", "Stock-In / Purchase"},
	StockOutManual:      {"stock_out_manual", "Stock-Out / Manual"},
	StockOutSale:        {"stock_out_sale", "Stock-Out / Sale"},
	StockOutTransfer:    {"stock_out_transfer", "Stock-Out / Transfer"},
	VoidOrder:           {"void_order", "Void Order"},
	RevertVoidedOrder:   {"revert_voided_order", "Revert Voided Order"},
	ChangeMapping:       {"change_mapping", "Add/Change Mapping Relationships"},
	ChangeWarehouse:     {"change_warehouse", "Change Warehouse"},
	MoveToPack:          {"move_to_pack", "Move to [To Pack]"},
	RefreshInventory:    {"refresh_inventory", "Refresh Inventory"},
	PushNow:             {"push_now", "Click Push Now/ Push Manually"},
	StockCount:          {"stock_count", "Stock Count"},
}

var reasonBySlug = func() map[string]Reason {
	by := map[string]Reason{}
	for _, r := range Reasons() {
		by[r.Slug()] = r
	}
	return by
}()

// Reasons lists all reasons in the order of their codes.
func Reasons() []Reason {
	all := make([]Reason, 0, len(reasonNames)-1)
	for r := SyncOrder; r <= StockCount; r++ {
		all = append(all, r)
	}
	return all
}

// ReasonOf finds a reason by its slug without an allocation; 0 if there is none.
func ReasonOf[T string | []byte](slug T) Reason { return reasonBySlug[string(slug)] }

// Valid says whether r is one of the 17.
func (r Reason) Valid() bool { return r >= SyncOrder && r <= StockCount }

// Slug is the reason's name in events and URLs; empty for an invalid reason.
func (r Reason) Slug() string { return r.names().slug }

// Label is the reason's name for people and SQL; empty for an invalid reason.
func (r Reason) Label() string { return r.names().label }

func (r Reason) names() (n names) {
	if r.Valid() {
		n = reasonNames[r]
	}
	return n
}

// String is the slug.
func (r Reason) String() string { return r.Slug() }
