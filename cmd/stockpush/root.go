package main

import (
	"fmt"
	"io"
	"log/slog"

	"github.com/spf13/cobra"

	"stockpush/cmd/internal/config"
	"stockpush/cmd/internal/liblog"
	"stockpush/cmd/internal/version"
)

// app is what all commands share.
type app struct {
	stdout, stderr io.Writer
	configFile     string
	levels         liblog.Levels
}

func newRoot(stdout, stderr io.Writer) *cobra.Command {
	a := &app{stdout: stdout, stderr: stderr}
	root := &cobra.Command{
		Use:   "stockpush",
		Short: "Keeps a seller's stock on Shopee current and records every outcome",
		Long:  "Keeps a seller's stock on Shopee current and records every outcome.\n\nEvery configuration key is a flag too, for example --kafka.brokers=host:9092.",
		Example: "  # the whole system on this machine, for half a minute\n" +
			"  stockpush demo --for 30s\n" +
			"  # the service, against your Kafka, ClickHouse and Shopee\n" +
			"  stockpush setup --config stockpush.yaml\n" +
			"  stockpush check --config stockpush.yaml\n" +
			"  stockpush run --config stockpush.yaml",
		SilenceUsage:  true,
		SilenceErrors: true,
		Args:          usageArgs(cobra.NoArgs),
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.SetOut(stdout)
	root.SetErr(stderr)
	root.SetFlagErrorFunc(misused)
	root.PersistentFlags().StringVar(&a.configFile, "config", "", "YAML configuration `file`")
	config.AddFlags(root.PersistentFlags())
	root.AddCommand(a.commands()...)
	for _, cmd := range root.Commands() {
		cmd.Args = usageArgs(cmd.Args)
		if cmd.Name() != engineCommand { // its arguments belong to the engine
			cmd.PreRunE = a.refuseBadConfig
		}
	}
	return root
}

func (a *app) commands() []*cobra.Command {
	return []*cobra.Command{
		a.newDemo(), a.newRun(), a.newConfig(), a.newReady(), a.newAuthorize(), abortable(a.newCheck()), abortable(a.newRecords()),
		abortableWithin(writeLimit, a.newSetup()), abortableWithin(writeLimit, a.newAudit()), abortableWithin(writeLimit, a.newRetry()),
		abortableWithin(writeLimit, a.newPush()), abortableWithin(writeLimit, a.newRedrive()), abortableWithin(2*writeLimit, a.newSimulate()),
		a.newBroker(), a.newClickHouse(), a.newEngine(), a.newSandbox(), a.newVersion(),
	}
}

// usageArgs makes a wrong number of arguments bad usage. No command accepts any.
func usageArgs(check cobra.PositionalArgs) cobra.PositionalArgs {
	if check == nil {
		check = cobra.NoArgs
	}
	return func(cmd *cobra.Command, args []string) error {
		if err := check(cmd, args); err != nil {
			return misused(cmd, err)
		}
		return nil
	}
}

// misused is bad usage of a command, with where to read how it is used.
func misused(cmd *cobra.Command, err error) error {
	return &usageError{fmt.Errorf("%w (`%s --help` shows commands, flags and examples)", err, cmd.CommandPath())}
}

// refuseBadConfig makes every command fail on a bad configuration, even if the command does not
// need it, with one message that lists every error.
func (a *app) refuseBadConfig(cmd *cobra.Command, _ []string) error {
	_, err := a.readConfig(cmd)
	return err
}

func (a *app) readConfig(cmd *cobra.Command) (*config.Loaded, error) {
	loaded, err := config.Load(config.FromOS(a.configFile, cmd.Flags()))
	if err != nil {
		return nil, &usageError{fmt.Errorf("bad configuration:\n%w", err)}
	}
	return loaded, nil
}

// load reads the configuration for a command and prints its warnings.
func (a *app) load(cmd *cobra.Command) (*config.Loaded, *slog.Logger, error) {
	loaded, err := a.readConfig(cmd)
	if err != nil {
		return nil, nil, err
	}
	log := a.newLogger(loaded.Log)
	for _, warning := range loaded.Warnings {
		log.Warn(warning)
	}
	return loaded, log, nil
}

// newLogger returns the program's log, which also receives the standard library's log.
func (a *app) newLogger(c config.Log) *slog.Logger {
	a.levels.Set(c.Level, c.KafkaLevel)
	log := slog.New(liblog.NewHandler(a.stderr, c.Format, &a.levels))
	liblog.Capture(log)
	return log
}

func (a *app) newVersion() *cobra.Command {
	return &cobra.Command{
		Use:     "version",
		Short:   "Print version, commit and Go version",
		Example: "  stockpush version",
		RunE: func(*cobra.Command, []string) error {
			_, err := fmt.Fprintln(a.stdout, version.String())
			return err
		},
	}
}
