package main

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"stockpush/cmd/internal/config"
	"stockpush/cmd/internal/eventlog"
	"stockpush/cmd/internal/hint"
	"stockpush/cmd/internal/kafkaconn"
	"stockpush/cmd/internal/service"
	"stockpush/cmd/internal/setup"
	"stockpush/cmd/internal/tracing"
	"stockpush/schemas"
	"stockpush/sinks/clickhouse"
)

// checkTimeout limits each connection that `check` makes.
const checkTimeout = 10 * time.Second

func (a *app) newCheck() *cobra.Command {
	return &cobra.Command{
		Use:   "check",
		Short: "Validate the configuration and connect to everything it names",
		Long: "Validate the configuration and connect to everything it names: one line each, with what to do about a failure.\n" +
			"Exit code 1 means that something failed.",
		Example: "  stockpush check --config stockpush.yaml",
		RunE: func(cmd *cobra.Command, _ []string) error {
			loaded, log, err := a.load(cmd)
			if err != nil {
				return err
			}
			failed := false
			for _, c := range checksOf(loaded.Config) {
				ctx, cancel := context.WithTimeout(cmd.Context(), checkTimeout)
				found, err := c.try(ctx, loaded.Config, log)
				cancel()
				if err != nil {
					failed = true
					_, _ = fmt.Fprintf(a.stdout, "FAILED  %-11s %v\n", c.name, err)
					continue
				}
				_, _ = fmt.Fprintln(a.stdout, strings.TrimRight(fmt.Sprintf("ok      %-11s %s", c.name, found), " "))
			}
			if failed {
				return &silentError{exitFailed}
			}
			return nil
		},
	}
}

// check is one line of the command.
type check struct {
	name string
	// try also returns a finding to print; it may be empty.
	try func(context.Context, config.Config, *slog.Logger) (found string, err error)
}

// checksOf returns the checks of what the configuration names.
func checksOf(c config.Config) []check {
	all := []check{{"kafka", silently(checkKafka)}, {"events", checkEvents}, {"clickhouse", silently(checkClickHouse)}, {"shopee", checkShopee}}
	if c.Tracing.Endpoint != "" {
		all = append(all, check{"tracing", silently(checkTracing)})
	}
	return all
}

// silently adapts a check without findings.
func silently(try func(context.Context, config.Config, *slog.Logger) error) func(context.Context, config.Config, *slog.Logger) (string, error) {
	return func(ctx context.Context, c config.Config, log *slog.Logger) (string, error) {
		return "", try(ctx, c, log)
	}
}

// checkEvents checks that the partitions of the newest events agree with kafka.partitioner.
func checkEvents(ctx context.Context, c config.Config, _ *slog.Logger) (string, error) {
	conn, err := kafkaconn.From(c.Kafka, nil)
	if err != nil {
		return "", err
	}
	topics := schemas.Topics(c.Kafka.TopicPrefix)
	log, err := eventlog.Current(ctx, conn, topics)
	if err != nil {
		return "", hint.Kafka(c.Kafka, err)
	}
	sample, err := log.TakeSample(ctx, conn, topics)
	if err != nil {
		return "", hint.Kafka(c.Kafka, err)
	}
	return sample.Judge(schemas.Partitioner(c.Kafka.Partitioner))
}

func checkKafka(ctx context.Context, c config.Config, log *slog.Logger) error {
	if err := askKafka(ctx, c, log); err != nil {
		return hint.Kafka(c.Kafka, err)
	}
	return nil
}

func askKafka(ctx context.Context, c config.Config, logger *slog.Logger) error {
	conn, err := kafkaconn.From(c.Kafka, nil)
	if err != nil {
		return err
	}
	if err := setup.CheckTopics(ctx, conn, c.Kafka, logger); err != nil {
		return err
	}
	topics := schemas.Topics(c.Kafka.TopicPrefix)
	log, err := eventlog.Current(ctx, conn, topics)
	if err != nil {
		return err
	}
	newest, err := eventlog.Newest(ctx, conn, topics)
	if err != nil {
		return err
	}
	return eventlog.Verify(ctx, conn, topics, log, newest)
}

func checkClickHouse(ctx context.Context, c config.Config, log *slog.Logger) error {
	if err := askClickHouse(ctx, c, log); err != nil {
		return hint.ClickHouse(c.ClickHouse, err)
	}
	return nil
}

func checkTracing(ctx context.Context, c config.Config, _ *slog.Logger) error {
	return tracing.Check(ctx, c.Tracing)
}

func askClickHouse(ctx context.Context, c config.Config, log *slog.Logger) error {
	store, err := service.OpenStore(c.ClickHouse, log, nil)
	if err != nil {
		return err
	}
	defer func() { _ = store.Close() }()
	if err := store.Ping(ctx); err != nil {
		return err
	}
	differences, err := store.Differences(ctx)
	if err == nil && len(differences) > 0 {
		err = fmt.Errorf("the schema is incomplete (run `stockpush setup`): %s", clickhouse.Summary(differences))
	}
	return err
}
