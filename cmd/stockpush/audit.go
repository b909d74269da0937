package main

import (
	"encoding/json"
	"errors"
	"fmt"
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
	"stockpush/processor/stream"
	"stockpush/schemas"
)

type auditFlags struct {
	request audit.Request
	fix     string
	output  string
}

func (a *app) newAudit() *cobra.Command {
	var f auditFlags
	cmd := &cobra.Command{
		Use:   "audit",
		Short: "Compare what Shopee shows with what it should show, and mend it",
		Long: "Compare what Shopee shows with what it should show. Store SKUs with a push on its way are left out.\n\n" +
			"Above means that more is shown than there is: it may be oversold, and --fix pushes it again. Below may be an order that is not synced yet;\n" +
			"--fix=all pushes those again, too. What is pushed only repeats: anything newer wins.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := f.check(); err != nil {
				return err
			}
			loaded, _, err := a.load(cmd)
			if err != nil {
				return err
			}
			return a.audit(cmd, loaded.Config, f)
		},
	}
	cmd.Flags().Int64Var(&f.request.ShopID, "shop", 0, "one `shop`; 0 is all")
	cmd.Flags().Int64Var(&f.request.After, "after", 0, "go on after this `shop`")
	cmd.Flags().Float64Var(&f.request.Rate, "rate", 0, "reads a second; 0 is half of shopee.shop_rate, which leaves the rest to pushes")
	cmd.Flags().StringVar(&f.fix, "fix", "", "push again what is `above`, or all")
	cmd.Flags().Lookup("fix").NoOptDefVal = string(audit.FixAbove)
	cmd.Flags().StringVar(&f.output, "output", "table", "`kind` of output: table, json")
	return cmd
}

func (f *auditFlags) check() error {
	f.request.Fix = audit.Fix(f.fix)
	switch f.request.Fix {
	case audit.FixNothing, audit.FixAbove, audit.FixAll:
	default:
		return &usageError{fmt.Errorf("--fix: %q is not above or all", f.fix)}
	}
	if f.request.Rate < 0 || f.request.ShopID < 0 || f.request.After < 0 {
		return &usageError{errors.New("--rate, --shop and --after are not negative")}
	}
	return checkOutput(f.output, "table", "json")
}

func (a *app) audit(cmd *cobra.Command, cfg config.Config, f auditFlags) error {
	if f.request.Rate == 0 {
		f.request.Rate = cfg.Shopee.ShopRate / 2
	}
	log := newLogger(a.stderr, cfg.Log)
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
	producer, err := stream.NewProducer(conn, stream.DefaultBatchBytes)
	if err != nil {
		return err
	}
	defer producer.Close()
	report, err := audit.Run(cmd.Context(), audit.Deps{
		Connection: conn, Topics: topics, Channel: client, Producer: producer, LogID: current.ID, Progress: a.readingItems(),
	}, f.request)
	if printErr := a.printAudit(report, f.output); err == nil {
		err = printErr
	}
	if err != nil && report.LastShop != 0 {
		err = fmt.Errorf("%w (go on with --after %d)", err, report.LastShop)
	}
	return err
}

// readingItems shows progress on a terminal; nil elsewhere.
func (a *app) readingItems() func(done, of int) {
	out, ok := a.stderr.(*os.File)
	if !ok || !term.IsTerminal(int(out.Fd())) {
		return nil
	}
	bar := progressbar.NewOptions(-1, progressbar.OptionSetWriter(out), progressbar.OptionShowCount(), progressbar.OptionSetDescription("items read"))
	return func(done, of int) {
		bar.ChangeMax(of)
		_ = bar.Set(done) // a bar that cannot be drawn harms nothing
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
	_, err := fmt.Fprintf(a.stdout, "%d store SKUs checked, %d on their way left out, %d could not be read; %d above, %d below, %d pushed again\n",
		r.Checked, r.LeftOut, r.Unread, above, len(r.Drifts)-above, fixed)
	return err
}
