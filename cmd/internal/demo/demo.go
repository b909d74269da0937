// Package demo runs traffic through a running system, waits until every event has its outcome, and
// prints a summary.
//
// It judges from the outside: by what ClickHouse records and what the sandbox shows.
package demo

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"

	"stockpush/channels/shopee/sandbox"
	"stockpush/cmd/internal/config"
	"stockpush/cmd/internal/kafkaconn"
	"stockpush/cmd/internal/service"
	"stockpush/cmd/internal/traffic"
	"stockpush/processor/stream/kafka"
	"stockpush/schemas"
)

// System is the running system.
type System struct {
	Config  config.Config
	Sandbox *sandbox.Sandbox
	Out     io.Writer
}

// Options configure the demo.
type Options struct {
	For         time.Duration
	Rate        float64
	SKUs, Shops int
	// SummaryFile receives the totals as JSON; empty means none.
	SummaryFile string
}

// Summary has the totals, as in section 7 of the contract.
type Summary struct {
	Events    int            `json:"events"`
	Rejected  int            `json:"rejected"`
	Records   map[string]int `json:"records"`
	StoreSKUs int            `json:"store_skus"`
	APICalls  int64          `json:"api_calls"`
	Converged bool           `json:"converged"`
}

// ErrNotConverged reports that the sandbox does not show the expected quantities.
var ErrNotConverged = errors.New("the demo did not converge: the sandbox does not show the newest quantities, or events are still pending")

// settleTimeout is how long the system may take to finish the traffic after its end.
const settleTimeout = time.Minute

// burst is how many events of one store SKU are sent in a row each second.
const burst = 100

// Run runs the demo until its traffic ends or ctx does, and prints the summary.
func Run(ctx context.Context, s System, o Options) error {
	started := time.Now()
	conn, err := kafkaconn.From(s.Config.Kafka, nil)
	if err != nil {
		return err
	}
	producer, err := kafka.NewProducer(conn, kafka.DefaultBatchBytes)
	if err != nil {
		return err
	}
	defer producer.Close()
	if err := s.Sandbox.Describe(reservedItem); err != nil {
		return err
	}
	send := spoil(traffic.ToTopic(producer, schemas.Topics(s.Config.Kafka.TopicPrefix)), producer, s.Config)
	generator := traffic.New(traffic.Shape{SKUs: o.SKUs, Shops: o.Shops, Seed: uint64(started.UnixNano())})
	topic := eventsTopic{conn, schemas.Topics(s.Config.Kafka.TopicPrefix).Events()}
	before, err := topic.end(ctx)
	if err != nil {
		return err
	}
	stop := s.follow(ctx)
	_, err = traffic.Drive(ctx, generator, traffic.Pace{Rate: o.Rate, For: o.For, Burst: burst}, send)
	stop()
	if err != nil {
		return err
	}
	settle, cancel := context.WithTimeout(context.WithoutCancel(ctx), settleTimeout)
	defer cancel()
	summary, err := s.settled(settle, topic.since(before), started)
	if err != nil {
		return err
	}
	s.print(summary, time.Since(started))
	if err := save(summary, o.SummaryFile); err != nil {
		return err
	}
	if !summary.Converged {
		return ErrNotConverged
	}
	return nil
}

// reservedItem is in a promotion that reserves more than its stock, so its pushes fail.
var reservedItem = sandbox.Item{ShopID: sandbox.FirstShopID, ItemID: 1_000_001, Models: []sandbox.Model{
	{ModelID: 1, Reserved: 100_000}, {ModelID: 2}, {ModelID: 3}, {ModelID: 4}, {ModelID: 5},
}}

// spoiledEvery is how many events there are for each invalid one.
const spoiledEvery = 500

// spoil also sends an invalid event from time to time.
func spoil(send traffic.Send, p kafka.Producer, c config.Config) traffic.Send {
	n := 0
	return func(ctx context.Context, e schemas.Event, settled func(error)) {
		if n++; n%spoiledEvery == 0 {
			p.Produce(ctx, &kafka.Record{
				Topic: schemas.Topics(c.Kafka.TopicPrefix).Events(), Partition: kafka.ByKey,
				Key: []byte(e.Key.String()), Value: []byte(`{"event_id": "` + e.EventID + `", "reason": "sold_out"}`),
			}, settled)
			return
		}
		send(ctx, e, settled)
	}
}

// settled waits until all events that "events" counts have their outcome.
func (s System) settled(ctx context.Context, events func(context.Context) (int, error), since time.Time) (Summary, error) {
	store, err := service.OpenStore(s.Config.ClickHouse, nil, nil)
	if err != nil {
		return Summary{}, err
	}
	defer func() { _ = store.Close() }()
	view := view{store.Conn(), s.Config.ClickHouse.Database, since.Add(-time.Second)}
	retry := time.NewTicker(200 * time.Millisecond)
	defer retry.Stop()
	for {
		made, err := events(ctx)
		if err != nil {
			return Summary{}, err
		}
		summary, err := view.summary(ctx, s.Sandbox)
		summary.Events, summary.APICalls = made, s.Sandbox.Stats().Calls
		if err != nil || summary.Converged && summary.total() == made {
			return summary, err
		}
		summary.Converged = false
		select {
		case <-ctx.Done():
			return summary, nil
		case <-retry.C:
		}
	}
}

func (s Summary) total() int {
	n := s.Rejected
	for _, records := range s.Records {
		n += records
	}
	return n
}

func (s System) print(sum Summary, took time.Duration) {
	t := table.NewWriter()
	t.SetOutputMirror(s.Out)
	t.SetStyle(table.StyleRounded)
	t.SetTitle("stockpush demo, " + took.Round(time.Second).String())
	t.AppendRows([]table.Row{
		{"events in", sum.Events},
		{"pushed (Successfully)", sum.Records["Successfully"]},
		{"superseded (Skipped)", sum.Records["Skipped"]},
		{"refused (Failed)", sum.Records["Failed"]},
		{"waiting (Pending)", sum.Records["Pending"]},
		{"unusable (rejected)", sum.Rejected},
		{"store SKUs", sum.StoreSKUs},
		{"calls to Shopee", sum.APICalls},
	})
	if sum.APICalls > 0 {
		t.AppendRow(table.Row{"events per call", fmt.Sprintf("%.1f", float64(sum.Events)/float64(sum.APICalls))})
	}
	t.AppendSeparator()
	if sum.Converged {
		t.AppendRow(table.Row{"converged", "yes: every store SKU shows its newest quantity"})
	} else {
		t.AppendRow(table.Row{"converged", "NO"})
	}
	t.Render()
}

func save(s Summary, file string) error {
	if file == "" {
		return nil
	}
	raw, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return err
	}
	if err := os.WriteFile(file, append(raw, '\n'), 0o644); err != nil {
		return fmt.Errorf("--summary: %w", err)
	}
	return nil
}
