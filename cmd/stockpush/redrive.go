package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"stockpush/cmd/internal/config"
	"stockpush/cmd/internal/kafkaconn"
	"stockpush/cmd/internal/pushrecords"
	"stockpush/cmd/internal/redrive"
	"stockpush/cmd/internal/retry"
	"stockpush/schemas"
)

// redriveFlags are the command's own.
type redriveFlags struct {
	codes       []string
	since       string
	limit       int
	dryRun, yes bool
	output      string
}

func (a *app) newRedrive() *cobra.Command {
	var f redriveFlags
	cmd := &cobra.Command{
		Use:   "redrive",
		Short: "Publish dead letters of the events topic again",
		Long: "Publish dead letters of the events topic again after their cause was fixed: those that are valid now, into the right\n" +
			"partition, if the store SKU has no newer event. Their event ids stay the same.",
		Example: "  # how many would be published\n" +
			"  stockpush redrive --config stockpush.yaml --error-code wrong_partition --since 24h --dry-run\n" +
			"  # publish them without asking\n" +
			"  stockpush redrive --config stockpush.yaml --yes --output json",
		RunE: func(cmd *cobra.Command, _ []string) error { return a.redrive(cmd, f) },
	}
	cmd.Flags().StringArrayVar(&f.codes, "error-code", nil, "only letters with this error `code`; repeat it for more")
	cmd.Flags().StringVar(&f.since, "since", "", "only letters written at or after this `time`: RFC 3339, or an age such as 24h")
	cmd.Flags().IntVar(&f.limit, "limit", 0, fmt.Sprintf("maximum number of events to publish; 0 is %d", retry.MaxEvents))
	cmd.Flags().BoolVar(&f.dryRun, "dry-run", false, "publish nothing, only print what would be published")
	cmd.Flags().BoolVar(&f.yes, "yes", false, "do not ask for confirmation")
	oneOf(cmd.Flags(), &f.output, "output", "`kind` of output", "table", "json")
	return cmd
}

func (f *redriveFlags) request(cmd *cobra.Command) (redrive.Request, error) {
	q := redrive.Request{ErrorCodes: f.codes, Limit: f.limit, DryRun: f.dryRun, Origin: retry.Origin{Via: "command", RequestedBy: operator()}}
	for _, code := range f.codes {
		if !slices.Contains(schemas.BadEventCodes(), code) {
			return q, &usageError{fmt.Errorf("--error-code: %q is not one of %s (see docs/events.md)", code, strings.Join(schemas.BadEventCodes(), ", "))}
		}
	}
	if f.since == "" && cmd.Flags().Changed("since") {
		return q, &usageError{errors.New("--since: is empty (leave the flag out, or give a value)")}
	}
	filter, err := pushrecords.ParseFilter(url.Values{"since": {f.since}}, time.Now())
	q.Since = filter.Since
	return q, asUsage(err)
}

func (a *app) redrive(cmd *cobra.Command, f redriveFlags) error {
	q, err := f.request(cmd)
	if err != nil {
		return err
	}
	ask, err := mustAsk(f.yes, f.dryRun)
	if err != nil {
		return err
	}
	loaded, log, err := a.load(cmd)
	if err != nil {
		return err
	}
	redriver, closeRedriver, err := openRedriver(loaded.Config, log)
	if err != nil {
		return err
	}
	defer closeRedriver()
	if ask {
		if ok, err := a.confirmRedrive(cmd.Context(), redriver, q); err != nil || !ok {
			return err
		}
	}
	result, published, err := redriver.Do(cmd.Context(), q)
	if err != nil && len(published) == 0 {
		return asUsage(err)
	}
	return errors.Join(err, a.watchRedriven(cmd.Context(), redriver, published), a.tellRetry(result, f.output, f.dryRun, notRedrivenBecause))
}

func openRedriver(c config.Config, log *slog.Logger) (*redrive.Redriver, func(), error) {
	conn, err := kafkaconn.From(c.Kafka, log)
	if err != nil {
		return nil, nil, err
	}
	reader, closeReader, err := openReader(c.ClickHouse, log)
	if err != nil {
		return nil, nil, err
	}
	return redrive.New(redrive.Deps{Reader: reader, Connection: conn, Topics: schemas.Topics(c.Kafka.TopicPrefix), Logger: log}), closeReader, nil
}

func (a *app) confirmRedrive(ctx context.Context, redriver *redrive.Redriver, q redrive.Request) (bool, error) {
	q.DryRun = true
	would, _, err := redriver.Do(ctx, q)
	if err != nil {
		return false, asUsage(err)
	}
	return a.ask("dead letters", would)
}

// watchRedriven waits until ClickHouse shows the events.
func (a *app) watchRedriven(ctx context.Context, redriver *redrive.Redriver, published []redrive.Published) error {
	if len(published) == 0 {
		return nil
	}
	set, finish := a.progress("recorded", len(published))
	defer finish()
	if err := redriver.Wait(ctx, published, set); err != nil {
		return fmt.Errorf("the events are published, but their outcomes cannot be read (see `stockpush records`): %w", err)
	}
	return nil
}

// notRedrivenBecause explains the causes.
var notRedrivenBecause = map[string]string{
	redrive.StillBad:   "the event still breaks a rule",
	redrive.NewerEvent: "the store SKU has a newer event",
	redrive.Cut:        "the letter does not have the whole event: send it again upstream",
	redrive.Repeats:    "the event repeats a record by its offset: use `stockpush retry`",
	redrive.TooOld:     "the events topic does not go back to it, so a newer event may have existed",
	redrive.OverLimit:  "over the limit",
}
