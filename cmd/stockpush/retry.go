package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/user"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"stockpush/cmd/internal/kafkaconn"
	"stockpush/cmd/internal/retry"
	"stockpush/processor/stream/kafka"
	"stockpush/schemas"
)

// retryFlags are the command's own flags.
type retryFlags struct {
	filter   filterFlags
	eventIDs []string
	limit    int
	dryRun   bool
	yes      bool
	output   string
}

func (a *app) newRetry() *cobra.Command {
	var f retryFlags
	cmd := &cobra.Command{
		Use:   "retry",
		Short: "Push failed records again",
		Long: "Push failed records again: the newest matching failure of each store SKU, unless something newer was pushed since.\n\n" +
			"Running it again is harmless, and an older quantity never wins over a newer one.",
		Example: "  # how many would be pushed again\n" +
			"  stockpush retry --config stockpush.yaml --failure-code promotion_locked --dry-run\n" +
			"  # push them again without asking\n" +
			"  stockpush retry --config stockpush.yaml --failure-code promotion_locked --yes",
		RunE: func(cmd *cobra.Command, _ []string) error { return a.retry(cmd, f) },
	}
	f.filter.add(cmd)
	cmd.Flags().StringArrayVar(&f.eventIDs, "event-id", nil, "only the failed record of this event `id`; repeatable")
	cmd.Flags().IntVar(&f.limit, "limit", 0, fmt.Sprintf("maximum number of published events; 0 means %d", retry.MaxEvents))
	cmd.Flags().BoolVar(&f.dryRun, "dry-run", false, "publish nothing, only print what would be")
	cmd.Flags().BoolVar(&f.yes, "yes", false, "do not ask for confirmation")
	oneOf(cmd.Flags(), &f.output, "output", "`kind` of output", "table", "json")
	return cmd
}

func (f *retryFlags) request(cmd *cobra.Command) (retry.Request, error) {
	if slices.Contains(f.eventIDs, "") {
		return retry.Request{}, &usageError{errors.New("--event-id: is empty (leave the flag out, or give a value)")}
	}
	filter, err := f.filter.filter(cmd)
	return retry.Request{Filter: filter, EventIDs: f.eventIDs, All: true, Limit: f.limit, DryRun: f.dryRun, Origin: retry.Origin{Via: "command", RequestedBy: operator()}}, err
}

// operator returns the name of the user who runs the command; empty if the system has none.
func operator() string {
	u, err := user.Current()
	if err != nil {
		return ""
	}
	return retry.UserName(u.Username)
}

func (a *app) retry(cmd *cobra.Command, f retryFlags) error {
	q, err := f.request(cmd)
	if err != nil {
		return err
	}
	ask, err := mustAsk(f.yes, f.dryRun)
	if err != nil {
		return err
	}
	retrier, closeRetrier, err := a.openRetrier(cmd)
	if err != nil {
		return err
	}
	defer closeRetrier()
	if ask {
		if ok, err := a.confirm(cmd.Context(), retrier, q); err != nil || !ok {
			return err
		}
	}
	result, err := retrier.Do(cmd.Context(), q)
	return a.endRetry(cmd.Context(), retrier, retried{result, err, f.output, f.dryRun})
}

// retried is what a retry or a push came to, and how to print it.
type retried struct {
	result retry.Result
	err    error
	output string
	dryRun bool
}

// endRetry waits for what was published, also if not all of it was, and prints the result.
func (a *app) endRetry(ctx context.Context, retrier *retry.Retrier, r retried) error {
	if r.err != nil && len(r.result.EventIDs) == 0 {
		return asUsage(r.err)
	}
	return errors.Join(r.err, a.watch(ctx, retrier, r.result), a.tellRetry(r.result, r.output, r.dryRun, leftOutBecause))
}

// mustAsk reports whether to ask for confirmation. Without a terminal that is bad usage.
func mustAsk(yes, dryRun bool) (bool, error) {
	ask := !yes && !dryRun
	if ask && !term.IsTerminal(int(os.Stdin.Fd())) {
		return false, &usageError{errors.New("no terminal to ask for confirmation; use --yes, or --dry-run to see what would be published")}
	}
	return ask, nil
}

func (a *app) openRetrier(cmd *cobra.Command) (*retry.Retrier, func(), error) {
	loaded, log, err := a.load(cmd)
	if err != nil {
		return nil, nil, err
	}
	c := loaded.Config
	conn, err := kafkaconn.From(c.Kafka, log)
	if err != nil {
		return nil, nil, err
	}
	reader, closeReader, err := openReader(c.ClickHouse, log)
	if err != nil {
		return nil, nil, err
	}
	producer, err := kafka.NewProducer(conn, kafka.DefaultBatchBytes)
	if err != nil {
		closeReader()
		return nil, nil, err
	}
	retrier := retry.New(retry.Deps{Reader: reader, Connection: conn, Topics: schemas.Topics(c.Kafka.TopicPrefix), Producer: producer, Logger: log})
	return retrier, func() { producer.Close(); closeReader() }, nil
}

// confirm prints what would be published and asks for confirmation. It does not ask if there is
// nothing to publish.
func (a *app) confirm(ctx context.Context, retrier *retry.Retrier, q retry.Request) (bool, error) {
	q.DryRun = true
	would, err := retrier.Do(ctx, q)
	if err != nil {
		return false, asUsage(err)
	}
	return a.ask("failed records", would)
}

// ask asks for confirmation of what would be published. It does not ask if there is nothing.
func (a *app) ask(of string, would retry.Result) (bool, error) {
	if would.Published == 0 {
		return true, nil
	}
	_, _ = fmt.Fprintf(a.stderr, "%d %s match, %d events will be published. Continue? [y/N] ", would.Matched, of, would.Published)
	answer, err := bufio.NewReader(os.Stdin).ReadString('\n')
	if err != nil {
		return false, fmt.Errorf("read the answer: %w", err)
	}
	answer = strings.ToLower(strings.TrimSpace(answer))
	return answer == "y" || answer == "yes", nil
}

// watch waits until ClickHouse shows the events.
func (a *app) watch(ctx context.Context, retrier *retry.Retrier, result retry.Result) error {
	if len(result.EventIDs) == 0 {
		return nil
	}
	set, finish := a.progress("recorded", len(result.EventIDs))
	defer finish()
	if err := retrier.Wait(ctx, result.EventIDs, set); err != nil {
		return fmt.Errorf("the events are published, but their outcomes cannot be read (see `stockpush records`): %w", err)
	}
	return nil
}

// leftOutBecause explains the causes.
var leftOutBecause = map[string]string{
	retry.NotNewest:  "the store SKU has a newer failure",
	retry.OnItsWay:   "its retry is pending",
	retry.OldLog:     "it belongs to an earlier events topic: trigger it again upstream",
	retry.OverLimit:  "over the limit",
	retry.NotFailing: "no unresolved failure has this event id",
	retry.NoRecord:   "the store SKU has no record",
}

func (a *app) tellRetry(result retry.Result, output string, dryRun bool, because map[string]string) error {
	if output == "json" {
		return a.printJSON(result)
	}
	t := a.newTable()
	t.AppendRow([]any{"matched", result.Matched, ""})
	verb := "published"
	if dryRun {
		verb = "would be published"
	}
	t.AppendRow([]any{verb, result.Published, ""})
	for _, cause := range slices.Sorted(maps.Keys(result.LeftOut)) {
		t.AppendRow([]any{"left out: " + cause, result.LeftOut[cause], because[cause]})
	}
	t.Render()
	return nil
}
