package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"stockpush/channels/shopee/sandbox"
	"stockpush/cmd/internal/config"
	"stockpush/cmd/internal/embedded/broker"
	"stockpush/cmd/internal/embedded/clickhouse"
	"stockpush/cmd/internal/webserver"
)

const defaultDataDir = ".stockpush"

// engineCommand is the hidden command that the embedded ClickHouse's child process runs.
const engineCommand = "clickhouse-engine"

// brokerSettle is longer than the heartbeat interval of members with the default session timeout, 3
// s.
const brokerSettle = 4 * time.Second

func (a *app) newBroker() *cobra.Command {
	c := broker.Config{Settle: brokerSettle}
	cmd := &cobra.Command{
		Use:     "broker",
		Short:   "Run the embedded Kafka-protocol broker alone",
		Long:    "Run the embedded Kafka-protocol broker alone, for one machine and for trying things. Production is Apache Kafka.",
		Example: "  stockpush broker --listen 127.0.0.1:9092 --data-dir .stockpush/broker",
		RunE: func(cmd *cobra.Command, _ []string) error {
			c.Logger = a.newLogger(config.Log{})
			b, err := broker.Start(c)
			if err != nil {
				return err
			}
			defer b.Close()
			_, _ = fmt.Fprintf(a.stdout, "ready kafka %s\n", b.Addr())
			<-cmd.Context().Done()
			return nil
		},
	}
	cmd.Flags().StringVar(&c.Listen, "listen", "127.0.0.1:9092", "`address` to listen on")
	cmd.Flags().StringVar(&c.DataDir, "data-dir", filepath.Join(defaultDataDir, "broker"), "`folder` of topics and offsets")
	return cmd
}

func (a *app) newClickHouse() *cobra.Command {
	var c clickhouse.Config
	cmd := &cobra.Command{
		Use:   "clickhouse",
		Short: "Run the embedded ClickHouse alone",
		Long: "Run the embedded ClickHouse alone, for this machine.\n\nIts HTTP interface needs the user default and the password in clickhouse-password in --data-dir;\n" +
			"it refuses requests from web pages. Queries can open only the files in user_files there.",
		Example: "  stockpush clickhouse --listen 127.0.0.1:9000 --http 127.0.0.1:8123",
		RunE: func(cmd *cobra.Command, _ []string) error {
			c.Logger = a.newLogger(config.Log{})
			server, err := startClickHouse(cmd.Context(), c)
			if err != nil && cmd.Context().Err() != nil {
				return nil // stopped before it served, which is a normal shutdown
			}
			if err != nil {
				return err
			}
			_, _ = fmt.Fprintf(a.stdout, "ready clickhouse native %s http %s password-file %s\n", server.Addr(), server.HTTPAddr(), server.PasswordFile())
			select {
			case <-cmd.Context().Done():
				return server.Close()
			case <-server.Done():
				return server.Err()
			}
		},
	}
	cmd.Flags().StringVar(&c.Listen, "listen", "127.0.0.1:9000", "`address` of the native protocol")
	cmd.Flags().StringVar(&c.HTTPListen, "http", "127.0.0.1:8123", "`address` of the HTTP protocol")
	cmd.Flags().StringVar(&c.DataDir, "data-dir", filepath.Join(defaultDataDir, "clickhouse"), "`folder` of the tables, the password and user_files")
	cmd.Flags().BoolVar(&c.AllowRemote, "allow-remote", false, "permit addresses that other machines can reach; then the native protocol needs the password too")
	return cmd
}

// checkRemote rejects, as bad usage, a server that other machines could reach without
// --allow-remote.
func checkRemote(c clickhouse.Config) error {
	if err := c.Check(); errors.Is(err, clickhouse.ErrRemote) {
		return &usageError{err}
	}
	return nil
}

// startClickHouse starts the embedded server, with this program as its engine.
func startClickHouse(ctx context.Context, c clickhouse.Config) (server *clickhouse.Server, err error) {
	if err := checkRemote(c); err != nil {
		return nil, err
	}
	if c.Installation, err = clickhouse.Find(ctx); err != nil {
		return nil, err
	}
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	c.Engine = []string{self, engineCommand}
	return clickhouse.Start(ctx, c)
}

func (a *app) newEngine() *cobra.Command {
	return &cobra.Command{
		Use:                engineCommand,
		Hidden:             true,
		DisableFlagParsing: true,
		Args:               cobra.MinimumNArgs(1),
		RunE:               func(_ *cobra.Command, args []string) error { return clickhouse.RunEngine(args) },
	}
}

func (a *app) newSandbox() *cobra.Command {
	var listen string
	var c sandbox.Config
	cmd := &cobra.Command{
		Use:   "sandbox",
		Short: "Run the Shopee sandbox alone",
		Long:  "Run the Shopee sandbox alone: Shopee's own paths with signatures, tokens, limits and promotions, and its controls under /sandbox/.",
		Example: "  # five shops, and their tokens in a file\n" +
			"  stockpush sandbox --listen 127.0.0.1:8090 --shops 5 --tokens-file tokens.json",
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, err := sandbox.New(c)
			if err != nil {
				return err
			}
			listener, err := net.Listen("tcp", listen)
			if err != nil {
				return fmt.Errorf("--listen: %w (give another address; port 0 takes a free one)", err)
			}
			_, _ = fmt.Fprintf(a.stdout, "ready shopee sandbox http://%s partner-id %d tokens %q\n", listener.Addr(), c.PartnerID, c.TokensFile)
			return serveSandbox(cmd.Context(), listener, s, a.newLogger(config.Log{}))
		},
	}
	cmd.Flags().StringVar(&listen, "listen", "127.0.0.1:8090", "`address` to listen on")
	cmd.Flags().Int64Var(&c.PartnerID, "partner-id", sandbox.DefaultPartnerID, "the app's id")
	cmd.Flags().StringVar(&c.PartnerKey, "partner-key", sandbox.DefaultPartnerKey, "the app's key")
	cmd.Flags().IntVar(&c.Shops, "shops", 10, "number of shops, from 10001 on")
	cmd.Flags().DurationVar(&c.TokenLife, "token-life", 4*time.Hour, "lifetime of an access token, in whole seconds")
	cmd.Flags().StringVar(&c.Push.URL, "push-url", "", "callback `address` for push messages about promotions; empty disables them")
	cmd.Flags().StringVar(&c.Push.Key, "push-key", "", "key that signs them; empty means the partner key")
	cmd.Flags().StringVar(&c.TokensFile, "tokens-file", "", "`file` to write the shops' tokens to if it is absent")
	return cmd
}

// serveSandbox serves until ctx ends. It does not wait for answers that a fault delays.
func serveSandbox(ctx context.Context, listener net.Listener, s *sandbox.Sandbox, log *slog.Logger) error {
	return webserver.Serve(ctx, webserver.New(s, log), listener, 0)
}
