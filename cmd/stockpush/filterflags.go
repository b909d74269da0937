package main

import (
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"stockpush/cmd/internal/config"
	"stockpush/cmd/internal/pushrecords"
	"stockpush/cmd/internal/service"
)

// filterFlags are the flags that select push records.
type filterFlags struct {
	shop                     int64
	storeSKUs, merchantSKUs  []string
	statuses, reasons, codes []string
	since, until             string
	stillFailing             bool
}

func (f *filterFlags) add(cmd *cobra.Command) {
	cmd.Flags().Int64Var(&f.shop, "shop", 0, "only this shop's `id`")
	cmd.Flags().StringArrayVar(&f.storeSKUs, "store-sku", nil, "only this `sku`; repeatable")
	cmd.Flags().StringArrayVar(&f.merchantSKUs, "merchant-sku", nil, "only this `sku`; repeatable")
	cmd.Flags().StringArrayVar(&f.reasons, "reason", nil, "only triggers of this `slug`, such as sync_order; repeatable")
	cmd.Flags().StringArrayVar(&f.codes, "failure-code", nil, "only this failure `code`; repeatable")
	cmd.Flags().StringVar(&f.since, "since", "", "only triggers since this `time`: RFC 3339, or an age such as 24h")
	cmd.Flags().StringVar(&f.until, "until", "", "only triggers before this `time`: RFC 3339, or an age such as 1h")
}

// filter reads the given flags. A flag with an empty value is bad usage, because it would select
// everything.
func (f *filterFlags) filter(cmd *cobra.Command) (pushrecords.Filter, error) {
	values := url.Values{"store_sku": f.storeSKUs, "merchant_sku": f.merchantSKUs, "status": f.statuses, "reason": f.reasons,
		"failure_code": f.codes, "since": {f.since}, "until": {f.until}}
	if cmd.Flags().Changed("shop") {
		values.Set("shop_id", fmt.Sprint(f.shop))
	}
	for name, given := range values {
		if f := cmd.Flags().Lookup(flagOf(name)); f != nil && f.Changed && slices.ContainsFunc(given, pushrecords.IsBlank) {
			return pushrecords.Filter{}, &usageError{fmt.Errorf("--%s: is empty (leave the flag out, or give a value)", flagOf(name))}
		}
	}
	filter, err := pushrecords.ParseFilter(values, time.Now())
	filter.StillFailing = f.stillFailing
	return filter, asUsage(err)
}

// flagOf returns the flag of an API parameter.
func flagOf(parameter string) string {
	switch parameter {
	case "shop_id":
		return "shop"
	case "event_ids":
		return "event-id"
	}
	return strings.ReplaceAll(parameter, "_", "-")
}

// asUsage turns an error about a parameter into one about its flag, as bad usage.
func asUsage(err error) error {
	if bad, ok := errors.AsType[*pushrecords.ParameterError](err); ok {
		return &usageError{fmt.Errorf("--%s: %s", flagOf(bad.Name), bad.Problem)}
	}
	return err
}

// openReader opens the configured ClickHouse for queries.
func openReader(c config.ClickHouse, log *slog.Logger) (*pushrecords.Reader, func(), error) {
	store, err := service.OpenStore(c, log, nil)
	if err != nil {
		return nil, nil, err
	}
	return pushrecords.NewReader(store.Conn(), c.Database), func() { _ = store.Close() }, nil
}
