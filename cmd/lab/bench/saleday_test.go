package bench

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/go-analyze/charts"
	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/stretchr/testify/require"

	"stockpush/cmd/internal/embedded/embeddedtest"
	"stockpush/cmd/internal/programtest"
	"stockpush/cmd/internal/traffic"
	"stockpush/processor/stream/kafka"
)

const (
	saleHours     = 24
	saleMidnight  = 12 // the day runs from noon to noon
	saleRate      = 200
	saleFlash     = 50
	saleSKUs      = 20_000
	saleShops     = 20
	samplesAnHour = 6
)

// BenchmarkSaleDay runs a sale day against the program within STOCKPUSH_LOAD_FOR (10m): a quiet
// day, at midnight an hour with 50 times the load on 1 % of the store SKUs, then recovery. It
// prints the figures of each hour, draws them to saleday.svg in STOCKPUSH_LOAD_DIR (the temporary
// folder), and fails unless every event has its final record in the end.
func BenchmarkSaleDay(b *testing.B) {
	length := 10 * time.Minute
	if text := os.Getenv("STOCKPUSH_LOAD_FOR"); text != "" {
		var err error
		length, err = time.ParseDuration(text)
		require.NoError(b, err)
	}
	p := newProgram(b, "--shopee.shop_rate=50", "--shopee.app_rate=400")
	day := &saleDay{program: p, process: p.Serve(), hour: length / saleHours}
	day.play()
	day.print()
	day.draw()
}

// moment has the program's figures at one time.
type moment struct {
	Hour                               float64
	Events, Pushes, Waiting, Lag       float64
	OldestSeconds, MemoryMiB, Inserted float64
}

type saleDay struct {
	*program
	process *programtest.Process
	hour    time.Duration
	stored  int
	moments []moment
}

// play generates the day's traffic under observation, and waits until it is processed.
func (d *saleDay) play() {
	t := d.b
	ctx, stopWatching := context.WithCancel(t.Context())
	watched := make(chan struct{})
	go func() { d.watch(ctx); close(watched) }() // ends with ctx
	producer, err := kafka.NewProducer(d.Conn(), kafka.DefaultBatchBytes)
	require.NoError(t, err)
	defer producer.Close()
	send := traffic.ToTopic(producer, d.Topics)
	all := traffic.New(traffic.Shape{SKUs: saleSKUs, Shops: saleShops, Seed: 1})
	few := traffic.New(traffic.Shape{SKUs: saleSKUs / 100, Shops: saleShops, Seed: 2})
	for hour := range saleHours {
		flash := make(chan int, 1)
		go func() { // ends with the hour; awaited below
			if hour != saleMidnight {
				flash <- 0
				return
			}
			n, _ := traffic.Drive(t.Context(), few, traffic.Pace{Rate: saleFlash * saleRate, For: d.hour}, send) // missing events show in the end
			flash <- n
		}()
		n, err := traffic.Drive(t.Context(), all, traffic.Pace{Rate: saleRate * recovery(hour), For: d.hour}, send)
		require.NoError(t, err)
		d.stored += n + <-flash
	}
	embeddedtest.Eventually(t, d.store.Conn(), uint64(d.stored), "SELECT count() FROM stockpush.push_records FINAL WHERE status != 'Pending'")
	stopWatching()
	<-watched
}

// recovery returns the factor of the usual load in an hour, apart from the flash sale.
func recovery(hour int) float64 {
	if since := hour - saleMidnight; since >= 0 && since < 4 {
		return 3 - 0.5*float64(since)
	}
	return 1
}

func (d *saleDay) watch(ctx context.Context) {
	began, last, before := time.Now(), time.Now(), moment{}
	ticker := time.NewTicker(d.hour / samplesAnHour)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		now := moment{
			Events: d.process.Metric("stockpush_processor_events_total"), Pushes: d.process.Metric("stockpush_shopee_calls_total"),
			Inserted: d.process.Metric("stockpush_sink_rows_total"), Waiting: d.process.Metric("stockpush_channels_waiting"), Lag: d.process.Metric("stockpush_stream_lag"),
			OldestSeconds: d.process.Metric("stockpush_channels_oldest_waiting_seconds"), MemoryMiB: d.process.Metric("process_resident_memory_bytes") / (1 << 20),
		}
		seconds := time.Since(last).Seconds()
		if seconds < d.hour.Seconds()/samplesAnHour/2 {
			continue // the previous one was late
		}
		rates := now
		rates.Hour = time.Since(began).Seconds() / d.hour.Seconds()
		rates.Events, rates.Pushes, rates.Inserted = (now.Events-before.Events)/seconds, (now.Pushes-before.Pushes)/seconds, (now.Inserted-before.Inserted)/seconds
		last, before = time.Now(), now
		d.moments = append(d.moments, rates)
	}
}

func clockOf(hour float64) string { return fmt.Sprintf("%02d:00", (saleMidnight+int(hour))%24) }

// panels are the figures to print and draw.
var panels = []struct {
	title string
	value func(moment) float64
}{
	{"events per second", func(m moment) float64 { return m.Events }},
	{"calls to the marketplace per second", func(m moment) float64 { return m.Pushes }},
	{"lag, messages", func(m moment) float64 { return m.Lag }},
	{"waiting pushes", func(m moment) float64 { return m.Waiting }},
	{"age of the oldest waiting push, s", func(m moment) float64 { return m.OldestSeconds }},
	{"resident memory, MiB", func(m moment) float64 { return m.MemoryMiB }},
}

// print prints the maximum of each hour.
func (d *saleDay) print() {
	t := table.NewWriter()
	t.SetOutputMirror(os.Stdout)
	t.SetStyle(table.StyleRounded)
	header := table.Row{"hour"}
	for _, p := range panels {
		header = append(header, p.title)
	}
	t.AppendHeader(header)
	for hour := 0; ; hour++ {
		row := table.Row{clockOf(float64(hour))}
		any := false
		for _, p := range panels {
			most := 0.0
			for _, m := range d.moments {
				if int(m.Hour) == hour {
					most, any = max(most, p.value(m)), true
				}
			}
			row = append(row, fmt.Sprintf("%.0f", most))
		}
		if !any {
			break
		}
		t.AppendRow(row)
	}
	t.Render()
	fmt.Printf("%d events, each with its final record\n", d.stored)
}

const panelHeight = 180

func (d *saleDay) draw() {
	t := d.b
	var svg bytes.Buffer
	fmt.Fprintf(&svg, `<svg xmlns="http://www.w3.org/2000/svg" width="900" height="%d">`, panelHeight*len(panels))
	labels := make([]string, len(d.moments))
	for i, m := range d.moments {
		labels[i] = clockOf(m.Hour)
	}
	for n, p := range panels {
		values := make([]float64, len(d.moments))
		for i, m := range d.moments {
			values[i] = p.value(m)
		}
		painter := charts.NewPainter(charts.PainterOptions{OutputFormat: charts.ChartOutputSVG, Width: 900, Height: panelHeight})
		opt := charts.NewLineChartOptionWithData([][]float64{values})
		opt.Title.Text, opt.XAxis.Labels, opt.XAxis.LabelCount = p.title, labels, 12
		opt.Symbol = charts.Symbol{Shape: charts.SymbolNone}
		opt.Legend.Show = charts.Ptr(false)
		require.NoError(t, painter.LineChart(opt))
		drawn, err := painter.Bytes()
		require.NoError(t, err)
		fmt.Fprintf(&svg, `<svg y="%d" height="%d">%s</svg>`, n*panelHeight, panelHeight, drawn)
	}
	svg.WriteString("</svg>\n")
	dir := os.Getenv("STOCKPUSH_LOAD_DIR")
	if dir == "" {
		dir = os.TempDir()
	}
	path := filepath.Join(dir, "saleday.svg")
	require.NoError(t, os.WriteFile(path, svg.Bytes(), 0o600))
	fmt.Println("chart:", path)
}
