package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"math"
	"os"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/schollz/progressbar/v3"
	"github.com/spf13/cobra"
	"golang.org/x/term"

	"stockpush/cmd/internal/audit"
	"stockpush/cmd/internal/config"
	"stockpush/cmd/internal/eventlog"
	"stockpush/cmd/internal/kafkaconn"
	"stockpush/cmd/internal/service"
	"stockpush/processor/stream/kafka"
	"stockpush/schemas"
	"stockpush/sinks/clickhouse"
)

type auditFlags struct {
	request audit.Request
	// rate is in reads per shop and second.
	rate   float64
	fix    string
	output string
	// resume is a file; empty means none.
	resume string
}

func (a *app) newAudit() *cobra.Command {
	var f auditFlags
	cmd := &cobra.Command{
		Use:   "audit",
		Short: "Compare the stocks on Shopee with the expected ones, and repair them",
		Long: "Compare the stocks on Shopee with the expected ones. Store SKUs with a pending push are left out.\n\n" +
			"\"above\" means that Shopee shows more than there is, so it may be oversold: --fix pushes it again. \"below\" may be an order\n" +
			"that is not synced yet: --fix=all pushes that again too. A fix repeats the newest record, so any newer event wins over it.\n\n" +
			"With shopee.mode shadow it compares what would have been pushed, and --fix is refused.\n\n" +
			"With --resume FILE the same command continues after the last finished shop if it was interrupted.",
		Example: "  # what differs in one shop\n" +
			"  stockpush audit --config stockpush.yaml --shop 10001\n" +
			"  # push again what shows too much, in all shops, and resume if interrupted\n" +
			"  stockpush audit --config stockpush.yaml --fix --resume audit.json",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := f.check(); err != nil {
				return err
			}
			loaded, log, err := a.load(cmd)
			if err != nil {
				return err
			}
			if loaded.Shopee.Shadow() && f.request.Fix != audit.FixNothing {
				return &usageError{errors.New("--fix: nothing is pushed in shadow mode (set shopee.mode to live, which pushes everything once)")}
			}
			return a.audit(cmd, loaded.Config, f, log)
		},
	}
	cmd.Flags().Int64Var(&f.request.ShopID, "shop", 0, "audit this `shop` only; 0 means all")
	cmd.Flags().StringVar(&f.request.StoreSKU, "store-sku", "", "audit this store `SKU` only")
	cmd.Flags().Int64Var(&f.request.After, "after", 0, "start after this `shop`")
	cmd.Flags().Float64Var(&f.rate, "rate", 0, "reads per second and shop; 0 means half of shopee.shop_rate. All shops together use at most half of shopee.app_rate")
	cmd.Flags().StringVar(&f.resume, "resume", "", "`file` to save the progress to and to resume from")
	cmd.Flags().Var(choice{&f.fix, []string{string(audit.FixAbove), string(audit.FixAll)}}, "fix", "push again what is `above`, or all drift")
	cmd.Flags().Lookup("fix").NoOptDefVal = string(audit.FixAbove)
	oneOf(cmd.Flags(), &f.output, "output", "`kind` of output", "table", "json")
	return cmd
}

func (f *auditFlags) check() error {
	f.request.Fix = audit.Fix(f.fix)
	if f.rate < 0 || f.request.ShopID < 0 || f.request.After < 0 {
		return &usageError{errors.New("--rate, --shop and --after must not be negative")}
	}
	return nil
}

func (a *app) audit(cmd *cobra.Command, cfg config.Config, f auditFlags, log *slog.Logger) error {
	from, keep, err := f.progress()
	if err != nil {
		return err
	}
	cfg.Shopee = f.share(cfg.Shopee)
	conn, err := kafkaconn.From(cfg.Kafka, log)
	if err != nil {
		return err
	}
	topics := schemas.Topics(cfg.Kafka.TopicPrefix)
	current, err := eventlog.Current(cmd.Context(), conn, topics)
	if err != nil {
		return err
	}
	client, err := service.NewShopee(cfg, log, prometheus.NewRegistry())
	if err != nil {
		return err
	}
	defer client.Close()
	producer, err := kafka.NewProducer(conn, kafka.DefaultBatchBytes)
	if err != nil {
		return err
	}
	defer producer.Close()
	store, err := service.OpenStore(cfg.ClickHouse, log, nil)
	if err != nil {
		return err
	}
	defer func() { _ = store.Close() }()
	report, err := audit.Run(cmd.Context(), audit.Deps{
		Connection: conn, Topics: topics, Channel: client, Producer: producer, LogID: current.ID, Logger: log, ReportProgress: a.readingItems(),
		Pace: client.Pace, Shops: min(maxShopsAtOnce, int(math.Ceil(cfg.Shopee.AppRate/cfg.Shopee.ShopRate))), SaveProgress: keep, Keep: keepIn(store),
	}, from)
	if printErr := a.printAudit(report, f.output); err == nil {
		err = printErr
	}
	return f.ended(report, err)
}

// keepIn returns the function that keeps findings in ClickHouse.
func keepIn(store *clickhouse.Store) func(context.Context, audit.Checked) error {
	return func(ctx context.Context, c audit.Checked) error {
		found := make([]clickhouse.Finding, len(c.Drifts))
		for i, d := range c.Drifts {
			found[i] = clickhouse.Finding{
				Key:    schemas.Key{Channel: d.Channel, ShopID: d.ShopID, StoreSKU: d.StoreSKU},
				ItemID: d.ItemID, ModelID: d.ModelID, Expected: d.Expected, Shown: d.Shown, Fixed: d.Fixed, FoundAt: c.At,
			}
		}
		return store.KeepFindings(ctx, c.Shop, c.At, found, c.Has)
	}
}

// maxShopsAtOnce limits how many shops are read concurrently.
const maxShopsAtOnce = 32

// share leaves half of the configured rates to pushes.
func (f *auditFlags) share(c config.Shopee) config.Shopee {
	c.ShopRate, c.AppRate = c.ShopRate/2, c.AppRate/2
	if f.rate > 0 {
		c.ShopRate = f.rate
	}
	return c
}

// progress returns where to start, and how to save progress (nil if it is not saved).
func (f *auditFlags) progress() (audit.Progress, func(audit.Progress) error, error) {
	if f.resume == "" {
		return audit.Progress{Request: f.request}, nil, nil
	}
	from, err := audit.Load(f.resume, f.request)
	if err != nil {
		err = &usageError{fmt.Errorf("--resume: %w", err)}
	}
	return from, func(p audit.Progress) error { return p.Save(f.resume) }, err
}

// ended adds to an error how to resume, and removes the progress file of a finished audit.
func (f *auditFlags) ended(report audit.Report, err error) error {
	switch {
	case err != nil && f.resume != "":
		return fmt.Errorf("%w (run the same command again to resume)", err)
	case err != nil && report.LastShop != 0:
		return fmt.Errorf("%w (resume with --after %d)", err, report.LastShop)
	case err == nil && f.resume != "":
		if err := os.Remove(f.resume); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("--resume: %w", err)
		}
	}
	return err
}

// readingItems shows progress on a terminal; it returns nil elsewhere.
func (a *app) readingItems() func(done, of int) {
	out, ok := a.stderr.(*os.File)
	if !ok || !term.IsTerminal(int(out.Fd())) {
		return nil
	}
	bar := progressbar.NewOptions(-1, progressbar.OptionSetWriter(out), progressbar.OptionShowCount(), progressbar.OptionSetDescription("items read"))
	return func(done, of int) {
		bar.ChangeMax(of)
		_ = bar.Set(done) // a failing progress bar does no harm
	}
}

func (a *app) printAudit(r audit.Report, output string) error {
	if output == "json" {
		return json.NewEncoder(a.stdout).Encode(r)
	}
	t := table.NewWriter()
	t.SetOutputMirror(a.stdout)
	t.SetStyle(table.StyleLight)
	t.AppendHeader(table.Row{"shop", "store SKU", "item", "model", "should show", "shows", "drift", "pushed again"})
	above, fixed := 0, 0
	for _, d := range r.Drifts {
		again := ""
		if d.Fixed {
			again, fixed = "yes", fixed+1
		}
		if d.Kind == audit.Above {
			above++
		}
		t.AppendRow(table.Row{d.ShopID, d.StoreSKU, d.ItemID, d.ModelID, d.Expected, d.Shown, d.Kind, again})
	}
	if len(r.Drifts) > 0 {
		t.Render()
	}
	_, err := fmt.Fprintf(a.stdout, "%d store SKUs checked, %d left out (pending or failing), %d without their model, %d unreadable; %d above, %d below, %d pushed again\n",
		r.Checked, r.LeftOut, r.Missing, r.Unread, above, len(r.Drifts)-above, fixed)
	return err
}
