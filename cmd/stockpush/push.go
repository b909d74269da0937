package main

import (
	"errors"

	"github.com/spf13/cobra"

	"stockpush/cmd/internal/retry"
	"stockpush/schemas"
)

// pushFlags are the command's own flags.
type pushFlags struct {
	shop   int64
	skus   []string
	dryRun bool
	output string
}

func (a *app) newPush() *cobra.Command {
	var f pushFlags
	cmd := &cobra.Command{
		Use:   "push",
		Short: "Push store SKUs now",
		Long: "Push store SKUs now: for each, an event with the quantities of its newest record, whatever became of that one.\n\n" +
			"Running it again is harmless, and an older quantity never wins over a newer one.",
		Example: "  stockpush push --config stockpush.yaml --shop 10021 --store-sku TSHIRT-RED-L --store-sku TSHIRT-RED-M",
		RunE:    func(cmd *cobra.Command, _ []string) error { return a.push(cmd, f) },
	}
	cmd.Flags().Int64Var(&f.shop, "shop", 0, "the shop's `id`")
	cmd.Flags().StringArrayVar(&f.skus, "store-sku", nil, "the store `SKU`; repeatable")
	cmd.Flags().BoolVar(&f.dryRun, "dry-run", false, "publish nothing, only print what would be")
	oneOf(cmd.Flags(), &f.output, "output", "`kind` of output", "table", "json")
	return cmd
}

func (f *pushFlags) request() (retry.PushRequest, error) {
	if f.shop <= 0 || len(f.skus) == 0 {
		return retry.PushRequest{}, &usageError{errors.New("push needs --shop ID and at least one --store-sku S")}
	}
	q := retry.PushRequest{DryRun: f.dryRun, Origin: retry.Origin{Via: "command", RequestedBy: operator()}}
	for _, sku := range f.skus {
		if sku == "" {
			return q, &usageError{errors.New("--store-sku: is empty (leave the flag out, or give a value)")}
		}
		q.Keys = append(q.Keys, schemas.Key{Channel: schemas.ChannelShopee, ShopID: f.shop, StoreSKU: sku})
	}
	return q, nil
}

func (a *app) push(cmd *cobra.Command, f pushFlags) error {
	q, err := f.request()
	if err != nil {
		return err
	}
	retrier, closeRetrier, err := a.openRetrier(cmd)
	if err != nil {
		return err
	}
	defer closeRetrier()
	result, err := retrier.Push(cmd.Context(), q)
	return a.endRetry(cmd.Context(), retrier, retried{result, err, f.output, f.dryRun})
}
