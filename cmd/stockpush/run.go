package main

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"stockpush/cmd/internal/config"
	"stockpush/cmd/internal/service"
)

func (a *app) newRun() *cobra.Command {
	roles := service.Roles()
	cmd := &cobra.Command{
		Use:   "run",
		Short: "Run the service against your Kafka, ClickHouse and Shopee",
		Long: "Run the service against your Kafka, ClickHouse and Shopee.\n\n" +
			"SIGTERM drains and ends it, a second one stops it at once. SIGHUP reads these keys again:\n" +
			strings.Join(config.Reloadable(), ", ") + ".",
		Example: "  # every role in one process\n" +
			"  stockpush run --config stockpush.yaml\n" +
			"  # two roles, with the log as JSON\n" +
			"  stockpush run --config stockpush.yaml --roles processor,sink --log.format=json",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := service.CheckRoles(roles); err != nil {
				return &usageError{err}
			}
			loaded, log, err := a.load(cmd)
			if err != nil {
				return err
			}
			if err := checkConsole(loaded.Config, roles); err != nil {
				return err
			}
			ctx, cancel := context.WithCancel(cmd.Context())
			defer cancel()
			began := time.Now()
			running := service.Running{Roles: roles, Reloads: a.reloads(ctx, cmd, loaded, log)}
			err = endingWithin(ctx, endLimit, func(ctx context.Context) error { return service.Run(ctx, loaded.Config, running, log) })
			if errors.Is(err, errUnfinished) {
				log.Warn("drain timed out, the partitions' next owners continue", "after", endLimit)
				return nil
			}
			if err == nil {
				log.Info("stopped, everything drained", "after", time.Since(began).Round(time.Second))
			}
			return err
		},
	}
	cmd.Flags().StringSliceVar(&roles, "roles", roles, "which `roles` to run: "+strings.Join(service.Roles(), ", "))
	return cmd
}

// reloads reads the configuration again at every SIGHUP until ctx ends, and compares it with the one
// that runs. An invalid one is logged and ignored.
func (a *app) reloads(ctx context.Context, cmd *cobra.Command, running *config.Loaded, log *slog.Logger) <-chan service.Reload {
	hangups := make(chan os.Signal, 1)
	signal.Notify(hangups, syscall.SIGHUP)
	reloads := make(chan service.Reload)
	go func() { // until ctx ends
		defer signal.Stop(hangups)
		for {
			select {
			case <-ctx.Done():
				return
			case <-hangups:
			}
			again, err := a.readConfig(cmd)
			if err != nil {
				log.Error("configuration not reloaded, everything stays as it was", "error", err)
				continue
			}
			a.levels.Set(again.Log.Level, again.Log.KafkaLevel)
			select {
			case <-ctx.Done():
				log.Debug("stopped before the configuration took effect")
			case reloads <- service.Reload{Config: again.Config, Changes: running.Take(again), Warnings: again.Warnings}:
			}
		}
	}()
	return reloads
}

// checkConsole rejects, as bad configuration, a console that would be open to the network.
func checkConsole(c config.Config, roles []string) error {
	if !slices.Contains(roles, service.Console) {
		return nil
	}
	if err := service.ConsoleConfig(c.Console).Check(); err != nil {
		return &usageError{err}
	}
	return nil
}
