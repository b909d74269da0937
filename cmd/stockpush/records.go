package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"stockpush/cmd/internal/pushrecords"
	"stockpush/schemas"
)

// recordsFlags are the command's own flags.
type recordsFlags struct {
	filter filterFlags
	view   string
	order  string
	limit  int
	output string
}

func (a *app) newRecords() *cobra.Command {
	var f recordsFlags
	cmd := &cobra.Command{
		Use:   "records",
		Short: "Show what was pushed, what failed and why",
		Long: "Show what was pushed, what failed and why: the list of store SKUs, the same by merchant SKU, one store SKU's history,\n" +
			"the unresolved failures, the rejected events, or the shops. CSV and JSON have every column.",
		Example: "  # what still fails because of promotions\n" +
			"  stockpush records --config stockpush.yaml --still-failing --failure-code promotion_locked\n" +
			"  # the history of a store SKU\n" +
			"  stockpush records --config stockpush.yaml --view history --shop 10001 --store-sku TSHIRT-RED-L\n" +
			"  # every failure of a day, for a spreadsheet\n" +
			"  stockpush records --config stockpush.yaml --view failures --since 24h --limit 0 --output csv",
		RunE: func(cmd *cobra.Command, _ []string) error { return a.records(cmd, f) },
	}
	f.filter.add(cmd)
	cmd.Flags().StringArrayVar(&f.filter.statuses, "status", nil, "only this `status`: Pending, Skipped, Failed, Successfully; repeatable")
	cmd.Flags().BoolVar(&f.filter.stillFailing, "still-failing", false, "only store SKUs with an unresolved failure")
	oneOf(cmd.Flags(), &f.view, "view", "`what` to show; history is of one --shop and --store-sku", "store-skus", "merchant-skus", "history", "failures", "rejected-events", "shops")
	oneOf(cmd.Flags(), &f.order, "order", "`order` of store-skus and merchant-skus; key misses none while records arrive", "newest", "key")
	cmd.Flags().IntVar(&f.limit, "limit", 50, "maximum number of rows; 0 means all")
	oneOf(cmd.Flags(), &f.output, "output", "`kind` of output", "table", "json", "csv")
	return cmd
}

func (f *recordsFlags) check() error {
	switch {
	case f.limit < 0:
		return &usageError{errors.New("--limit: must be at least 0 (0 is all)")}
	case f.view == "history" && (f.filter.shop == 0 || len(f.filter.storeSKUs) != 1):
		return &usageError{errors.New("--view history: needs --shop and exactly one --store-sku")}
	}
	return nil
}

func (a *app) records(cmd *cobra.Command, f recordsFlags) error {
	if err := f.check(); err != nil {
		return err
	}
	filter, err := f.filter.filter(cmd)
	if err != nil {
		return err
	}
	loaded, log, err := a.load(cmd)
	if err != nil {
		return err
	}
	reader, closeReader, err := openReader(loaded.ClickHouse, log)
	if err != nil {
		return err
	}
	defer closeReader()
	ctx := cmd.Context()
	var stopped stoppedShops
	if f.output == "table" && (f.view == "store-skus" || f.view == "merchant-skus" || f.view == "history") {
		if stopped, err = readStopped(ctx, reader); err != nil {
			return err
		}
	}
	switch f.view {
	case "store-skus":
		return show(ctx, a, f, filter, view[pushrecords.StoreSKU]{reader.StoreSKUs, statusTable(stopped)})
	case "merchant-skus":
		return show(ctx, a, f, filter, view[pushrecords.StoreSKU]{reader.MerchantSKUs, statusTable(stopped)})
	case "shops":
		return show(ctx, a, f, filter, view[pushrecords.Shop]{allShops(reader), shopTable})
	case "failures":
		return show(ctx, a, f, filter, view[pushrecords.Failure]{reader.Failures, failureTable})
	case "rejected-events":
		return show(ctx, a, f, filter, view[pushrecords.Rejected]{reader.Rejected, rejectedTable})
	default: // history
		key := schemas.Key{Channel: schemas.ChannelShopee, ShopID: filter.Shops[0], StoreSKU: filter.StoreSKUs[0]}
		list := func(ctx context.Context, filter pushrecords.Filter, p pushrecords.Page) (pushrecords.List[pushrecords.Record], error) {
			return reader.History(ctx, key, filter, p)
		}
		return show(ctx, a, f, filter, view[pushrecords.Record]{list, historyTable(stopped[uint64(key.ShopID)])})
	}
}

// view is a list and its table layout.
type view[T any] struct {
	list  func(context.Context, pushrecords.Filter, pushrecords.Page) (pushrecords.List[T], error)
	table shown[T]
}

// shown are a table's header and a row's cells.
type shown[T any] struct {
	header []any
	cells  func(*T) []any
}

func statusTable(stopped stoppedShops) shown[pushrecords.StoreSKU] {
	return shown[pushrecords.StoreSKU]{
		[]any{"store SKU", "merchant SKU", "shop", "last push", "confirmed", "status", "reason", "triggered", "pending", "because"},
		func(s *pushrecords.StoreSKU) []any {
			return []any{plain(s.StoreSKU), plain(s.MerchantSKU), s.ShopID, s.LastPushQty, qty(s.ConfirmedQty), s.LastPushStatus, s.LastReason, local(s.LastTriggeredAt), s.Pending,
				whyStatus(s, stopped[s.ShopID])}
		},
	}
}

func historyTable(stopped pushrecords.Shop) shown[pushrecords.Record] {
	return shown[pushrecords.Record]{
		[]any{"triggered", "event", "reason", "status", "before", "pushed", "confirmed", "attempts", "because"},
		func(r *pushrecords.Record) []any {
			return []any{local(r.TriggeredAt), plain(r.EventID), r.Reason, r.Status, qty(r.BeforeQty), r.PushQty, qty(r.AfterQty), r.Attempts, because(r, stopped)}
		},
	}
}

var shopTable = shown[pushrecords.Shop]{
	[]any{"shop", "name", "state", "since", "until", "Shopee says", "waiting", "oldest", "failing", "authorization ends"},
	func(s *pushrecords.Shop) []any {
		return []any{s.ShopID, plain(s.ShopName), s.State, moment(s.Since), moment(s.Until), answer(s.Code, s.Message), s.Waiting, moment(s.OldestWaitingAt), s.Failing, moment(s.AuthorizationEndsAt)}
	},
}

// allShops lists the shops as one page.
func allShops(reader *pushrecords.Reader) func(context.Context, pushrecords.Filter, pushrecords.Page) (pushrecords.List[pushrecords.Shop], error) {
	return func(ctx context.Context, f pushrecords.Filter, p pushrecords.Page) (pushrecords.List[pushrecords.Shop], error) {
		shops, err := reader.Shops(ctx, f)
		return pushrecords.List[pushrecords.Shop]{Items: shops[:min(len(shops), p.Limit)]}, err
	}
}

// stoppedShops are the shops whose pushes wait. Others are the zero Shop.
type stoppedShops map[uint64]pushrecords.Shop

func readStopped(ctx context.Context, reader *pushrecords.Reader) (stoppedShops, error) {
	shops, err := reader.Shops(ctx, pushrecords.Filter{})
	stopped := stoppedShops{}
	for _, s := range shops {
		if s.State != schemas.ShopOK.String() {
			stopped[s.ShopID] = s
		}
	}
	return stopped, err
}

// answer is a failure code with Shopee's words; empty without a code.
func answer(code, message string) string {
	if code == "" {
		return ""
	}
	return plain(code + ": " + message)
}

func moment(t *time.Time) string {
	if t == nil {
		return ""
	}
	return local(*t)
}

var failureTable = shown[pushrecords.Failure]{
	[]any{"store SKU", "shop", "triggered", "quantity", "failure", "Shopee says", "what to do"},
	func(f *pushrecords.Failure) []any {
		return []any{plain(f.StoreSKU), f.ShopID, local(f.TriggeredAt), f.PushQty, f.FailureCode, plain(f.FailureReason), f.Hint}
	},
}

var rejectedTable = shown[pushrecords.Rejected]{
	[]any{"received", "partition", "offset", "error", "field", "message", "key"},
	func(r *pushrecords.Rejected) []any {
		return []any{local(r.ReceivedAt), r.SourcePartition, r.SourceOffset, r.ErrorCode, r.ErrorField, plain(r.ErrorMessage), plain(r.Key)}
	},
}

// whyStatus is why the newest push Failed or is Pending.
func whyStatus(s *pushrecords.StoreSKU, stopped pushrecords.Shop) string {
	if s.Attempts != nil {
		return waiting(*s.Attempts, s.Waiting, stopped)
	}
	return s.LastFailureCode
}

// waiting says how often a Pending push was tried, what the last answer was, when the next try is,
// and whether its shop is stopped.
func waiting(attempts int64, w pushrecords.Waiting, stopped pushrecords.Shop) string {
	parts := []string{fmt.Sprintf("%d attempts", attempts)}
	if w.LastAnswerCode != "" {
		parts = append(parts, w.LastAnswerCode+": "+w.LastAnswer)
	}
	if w.NextAttemptAt != nil {
		parts = append(parts, "next "+local(*w.NextAttemptAt))
	}
	if stopped.State != "" {
		parts = append(parts, "shop "+stopped.State)
	}
	if w.LastAnswerCode == "" && stopped.Code != "" {
		parts = append(parts, answer(stopped.Code, stopped.Message))
	}
	return plain(strings.Join(parts, "; "))
}

func because(r *pushrecords.Record, stopped pushrecords.Shop) string {
	switch {
	case r.FailureCode != "":
		return plain(r.FailureCode + ": " + r.FailureReason)
	case r.Status == schemas.Pending.String():
		return waiting(int64(r.Attempts), r.Waiting, stopped)
	case r.SupersededBy != "":
		return plain("superseded by " + r.SupersededBy)
	default:
		return ""
	}
}

func local(t time.Time) string { return t.Local().Format(time.DateTime) }

func qty(n *int64) string {
	if n == nil {
		return ""
	}
	return strconv.FormatInt(*n, 10)
}

// show prints the list's pages as one output.
func show[T any](ctx context.Context, a *app, f recordsFlags, filter pushrecords.Filter, v view[T]) error {
	page := pushrecords.Page{}
	if f.order == "newest" {
		page.Order = pushrecords.NewestFirst
	}
	printed, err := newPrinter(a, f.output, v.table)
	if err != nil {
		return err
	}
	for left := f.limit; ; {
		page.Limit = pushrecords.MaxLimit
		if f.limit > 0 {
			page.Limit = min(left, pushrecords.MaxLimit)
		}
		list, err := v.list(ctx, filter, page)
		if err != nil {
			return asUsage(err)
		}
		left -= len(list.Items)
		page.Cursor = list.NextCursor
		done := list.NextCursor == "" || f.limit > 0 && left <= 0
		if err := printed.page(list, done); err != nil || done {
			return err
		}
	}
}
