package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"stockpush/channels/shopee/sandbox"
	"stockpush/cmd/internal/config"
	"stockpush/cmd/internal/demo"
	"stockpush/cmd/internal/embedded/broker"
	"stockpush/cmd/internal/embedded/clickhouse"
	"stockpush/cmd/internal/service"
	"stockpush/cmd/internal/setup"
)

// demoFlags are the demo's own flags.
type demoFlags struct {
	dataDir, summary             string
	duration                     time.Duration
	brokerAddr, nativeAddr, http string
	allowRemote                  bool
	rate                         float64
	skus                         int
}

const demoShops = 5

func (a *app) newDemo() *cobra.Command {
	var f demoFlags
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Run the whole system on this machine, without any other server",
		Long: "Run the whole system on this machine, without any other server: broker, ClickHouse, Shopee sandbox, all roles, the\n" +
			"Push Record page, and traffic with all 17 reasons. Its data stays in --data-dir for the next run.\n\n" +
			"It exits with 1 if the sandbox does not show the newest quantity of every store SKU.",
		Example: "  # half a minute, with the totals as JSON\n" +
			"  stockpush demo --for 30s --summary summary.json\n" +
			"  # until interrupted, with more traffic\n" +
			"  stockpush demo --rate 2000 --skus 5000",
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.demo(cmd, f)
		},
	}
	cmd.Flags().StringVar(&f.dataDir, "data-dir", defaultDataDir, "`folder` for all data")
	cmd.Flags().DurationVar(&f.duration, "for", 0, "stop after this time; 0 is until interrupted")
	cmd.Flags().StringVar(&f.summary, "summary", "", "`file` to write the totals to, as JSON")
	cmd.Flags().StringVar(&f.brokerAddr, "broker-listen", "127.0.0.1:9092", "`address` of the embedded broker")
	cmd.Flags().StringVar(&f.nativeAddr, "clickhouse-listen", "127.0.0.1:9000", "`address` of the embedded ClickHouse")
	cmd.Flags().StringVar(&f.http, "clickhouse-http", "127.0.0.1:8123", "`address` of the embedded ClickHouse's HTTP")
	cmd.Flags().BoolVar(&f.allowRemote, "allow-remote", false, "permit addresses of the embedded ClickHouse that other machines can reach; then it always needs its password")
	cmd.Flags().Float64Var(&f.rate, "rate", 200, "events per second")
	cmd.Flags().IntVar(&f.skus, "skus", 200, "number of store SKUs")
	return cmd
}

// demo starts everything, runs the traffic, and prints the summary.
func (a *app) demo(cmd *cobra.Command, f demoFlags) (err error) {
	loaded, log, err := a.load(cmd)
	if err != nil {
		return err
	}
	if err := checkConsole(loaded.Config, service.Roles()); err != nil {
		return err
	}
	embedded := clickhouse.Config{Listen: f.nativeAddr, HTTPListen: f.http, AllowRemote: f.allowRemote, DataDir: filepath.Join(f.dataDir, "demo", "clickhouse"), Logger: log}
	if err := checkRemote(embedded); err != nil {
		return err
	}
	b, err := broker.Start(broker.Config{Listen: f.brokerAddr, DataDir: filepath.Join(f.dataDir, "demo", "broker"), Logger: log})
	if err != nil {
		return fmt.Errorf("--broker-listen: %w (stop the other one, or give another address)", err)
	}
	defer b.Close()
	store, err := startClickHouse(cmd.Context(), embedded)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	tokens := filepath.Join(f.dataDir, "demo", "tokens.json")
	shopee, err := sandbox.New(sandbox.Config{Shops: demoShops, TokensFile: tokens})
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	cfg := demoConfig(loaded.Config, demoAddresses{b.Addr(), store.Addr(), store.Password(), "http://" + listener.Addr().String(), tokens})
	if _, err := applySetup(cmd.Context(), cfg, setup.Options{}, log); err != nil {
		return err
	}
	a.greet(f, b.Addr(), store)
	ctx, cancel := context.WithCancel(context.WithoutCancel(cmd.Context()))
	defer cancel()
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return serveSandbox(ctx, listener, shopee, log) })
	ready := make(chan struct{})
	group.Go(func() error {
		return service.Run(ctx, cfg, service.Running{Roles: service.Roles(), Ready: func() { close(ready) }, Console: a.tellConsole}, log)
	})
	group.Go(func() error {
		defer cancel()
		select {
		case <-ctx.Done():
			return nil
		case <-ready:
		}
		return demo.Run(cmd.Context(), demo.System{Config: cfg, Sandbox: shopee, Out: a.stdout}, demo.Options{
			For: f.duration, Rate: f.rate, SKUs: f.skus, Shops: demoShops, SummaryFile: f.summary,
		})
	})
	return group.Wait()
}

type demoAddresses struct{ kafka, clickhouse, password, shopee, tokens string }

// demoConfig points the configuration at the embedded servers. The sandbox accepts more calls than
// Shopee, so that a short demo shows something.
func demoConfig(c config.Config, at demoAddresses) config.Config {
	c.Kafka.Brokers = []string{at.kafka}
	c.Kafka.TLS, c.Kafka.SASL = config.TLS{}, config.SASL{}
	c.ClickHouse = config.ClickHouse{Addr: []string{at.clickhouse}, Database: c.ClickHouse.Database, Username: "default", Password: config.Secret(at.password)}
	c.Shopee.BaseURL, c.Shopee.TokensFile, c.Shopee.TokensPostgres, c.Shopee.Mode = at.shopee, at.tokens, "", "live"
	c.Shopee.PartnerID, c.Shopee.PartnerKey = sandbox.DefaultPartnerID, sandbox.DefaultPartnerKey
	c.Shopee.ShopRate, c.Shopee.AppRate = max(c.Shopee.ShopRate, 100), max(c.Shopee.AppRate, 400)
	c.Shopee.ConfirmAfter = min(c.Shopee.ConfirmAfter, time.Second)
	return c
}

func (a *app) greet(f demoFlags, kafka string, store *clickhouse.Server) {
	_, _ = fmt.Fprintf(a.stdout, `stockpush demo: broker %s, ClickHouse %s (HTTP %s), data in %s

Ask ClickHouse while it runs:
  curl --user "default:$(cat %q)" 'http://%s/' --data-binary 'SELECT status, count() FROM stockpush.push_record_history GROUP BY status FORMAT PrettyCompact'

`, kafka, store.Addr(), store.HTTPAddr(), f.dataDir, store.PasswordFile(), store.HTTPAddr())
}

func (a *app) tellConsole(url string) {
	_, _ = fmt.Fprintf(a.stdout, "See and re-push in a browser: %s\n\n", url)
}
