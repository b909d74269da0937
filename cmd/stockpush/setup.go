package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"

	"github.com/spf13/cobra"

	"stockpush/cmd/internal/config"
	"stockpush/cmd/internal/kafkaconn"
	"stockpush/cmd/internal/service"
	"stockpush/cmd/internal/setup"
	"stockpush/schemas/clickhouse"
)

func (a *app) newSetup() *cobra.Command {
	var options setup.Options
	var grantee string
	cmd := &cobra.Command{
		Use:   "setup",
		Short: "Create the topics and apply the ClickHouse schema",
		Long: "Create the topics and apply the ClickHouse schema. Run it before the first start and after every upgrade; it may be\n" +
			"interrupted and repeated. An existing topic is used as it is: a setting that would lose data is an error.",
		Example: "  stockpush setup --config stockpush.yaml\n" +
			"  # only say what is missing or differs\n" +
			"  stockpush setup --config stockpush.yaml --check\n" +
			"  # print the statements that let the user or role \"analyst\" read the public views\n" +
			"  stockpush setup --config stockpush.yaml --grants analyst",
		RunE: func(cmd *cobra.Command, _ []string) error {
			grants := cmd.Flags().Changed("grants")
			if err := checkSetupFlags(options, grants, grantee); err != nil {
				return err
			}
			loaded, log, err := a.load(cmd)
			if err != nil {
				return err
			}
			if grants {
				return a.printGrants(loaded.Config, grantee)
			}
			changes, err := applySetup(cmd.Context(), loaded.Config, options, log)
			verb := "made"
			if options.Check {
				verb = "missing or different"
			}
			for _, change := range changes {
				_, _ = fmt.Fprintf(a.stdout, "%s: %s\n", verb, change.What)
			}
			switch {
			case err != nil:
				return err
			case len(changes) == 0:
				_, _ = fmt.Fprintln(a.stdout, "everything is set up")
			case options.Check:
				_, _ = fmt.Fprintf(a.stdout, "%s missing or different (`stockpush setup` makes what is missing)\n", summary(changes))
				return &silentError{exitFailed}
			default:
				_, _ = fmt.Fprintf(a.stdout, "%s made; everything is set up\n", summary(changes))
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&options.Check, "check", false, "change nothing; exit 1 if anything is missing or differs")
	cmd.Flags().StringVar(&grantee, "grants", "", "change nothing; print the grants with which this ClickHouse user or role may read the public views")
	cmd.Flags().BoolVar(&options.NewLog, "new-log", false, "declare that the events topic was recreated or got more partitions")
	return cmd
}

// summary counts changes by kind, in the order in which the kinds appear.
func summary(changes []setup.Change) string {
	counts, kinds := map[string]int{}, []string{}
	for _, change := range changes {
		if counts[change.Kind] == 0 {
			kinds = append(kinds, change.Kind)
		}
		counts[change.Kind]++
	}
	for i, kind := range kinds {
		if counts[kind] > 1 {
			kinds[i] = kind + "s"
		}
		kinds[i] = fmt.Sprintf("%d %s", counts[kind], kinds[i])
	}
	return strings.Join(kinds, ", ")
}

func checkSetupFlags(options setup.Options, grants bool, grantee string) error {
	switch {
	case options.Check && options.NewLog:
		return &usageError{errors.New("--check changes nothing, and --new-log does: give one of them")}
	case grants && (options.Check || options.NewLog):
		return &usageError{errors.New("--grants only prints: give it without --check and --new-log")}
	case grants && grantee == "":
		return &usageError{errors.New("--grants: give the name of a ClickHouse user or role")}
	}
	return nil
}

// printGrants prints the statements of an administrator who allows a user or role to read the public views.
func (a *app) printGrants(c config.Config, grantee string) error {
	grants, err := clickhouse.Cluster{Name: c.ClickHouse.Cluster}.Grants(c.ClickHouse.Database, grantee)
	for _, grant := range grants {
		_, _ = fmt.Fprintf(a.stdout, "%s;\n", grant)
	}
	return err
}

func applySetup(ctx context.Context, c config.Config, options setup.Options, log *slog.Logger) ([]setup.Change, error) {
	conn, err := kafkaconn.From(c.Kafka, log)
	if err != nil {
		return nil, err
	}
	store, err := service.OpenStore(c.ClickHouse, log, nil)
	if err != nil {
		return nil, err
	}
	defer func() { _ = store.Close() }()
	tokens, err := service.OpenTokens(c.Shopee, log)
	if err != nil {
		return nil, err
	}
	defer tokens.Close()
	changes, err := setup.Apply(ctx, setup.Target{Kafka: c.Kafka, ClickHouse: c.ClickHouse, Connection: conn, Store: store, Logger: log}, options)
	if err != nil {
		return changes, err
	}
	tables, err := tokens.Setup(ctx, options.Check)
	for _, table := range tables {
		changes = append(changes, setup.Change{Kind: "PostgreSQL table", What: "PostgreSQL table " + table})
	}
	return changes, err
}
