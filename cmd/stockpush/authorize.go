package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/spf13/cobra"

	"stockpush/cmd/internal/service"
)

func (a *app) newAuthorize() *cobra.Command {
	var redirect string
	var c consent
	cmd := &cobra.Command{
		Use:   "authorize",
		Short: "Authorize the app for a shop: print Shopee's consent link, or exchange its code for tokens",
		Long: "Without --code it prints Shopee's consent link. The seller opens it and agrees. Shopee then redirects the browser to --redirect with a code and\n" +
			"a shop_id, or with a main_account_id if a main account agreed for several shops at once. Pass both to this command within 10 minutes. A running service\n" +
			"notices the new tokens, and pushes again what failed while the shop was held.",
		Example: "  # Shopee's consent link, for the seller\n" +
			"  stockpush authorize --config stockpush.yaml --redirect https://erp.example/shopee\n" +
			"  # the code that came back\n" +
			"  stockpush authorize --config stockpush.yaml --code 4a6b7c --shop-id 10001",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := c.check(); err != nil {
				return &usageError{err}
			}
			loaded, log, err := a.load(cmd)
			if err != nil {
				return err
			}
			client, err := service.NewShopee(loaded.Config, log, prometheus.NewRegistry())
			if err != nil {
				return &usageError{err}
			}
			defer client.Close()
			if c.code == "" {
				_, _ = fmt.Fprintln(a.stdout, client.ConsentURL(redirect))
				return nil
			}
			return c.exchange(cmd.Context(), client, a.stdout)
		},
	}
	cmd.Flags().StringVar(&c.code, "code", "", "the `code` from Shopee, valid once and for 10 minutes")
	cmd.Flags().Int64Var(&c.shopID, "shop-id", 0, "the `shop` that Shopee returned with the code")
	cmd.Flags().Int64Var(&c.mainAccountID, "main-account-id", 0, "the main `account` that Shopee returned with the code, for all shops that it authorized")
	cmd.Flags().StringVar(&redirect, "redirect", "https://example.com/", "where Shopee redirects the browser; must be registered with the app")
	return cmd
}

// consent is what Shopee returned when a seller agreed.
type consent struct {
	code                  string
	shopID, mainAccountID int64
}

func (c consent) check() error {
	switch {
	case c.shopID < 0 || c.mainAccountID < 0, c.shopID != 0 && c.mainAccountID != 0, (c.code == "") != (c.shopID == 0 && c.mainAccountID == 0):
		return errors.New("--code needs --shop-id or --main-account-id: Shopee returns the code with one of them")
	}
	return nil
}

func (c consent) exchange(ctx context.Context, client *service.Shopee, out io.Writer) error {
	if c.shopID != 0 {
		if err := client.Exchange(ctx, c.code, c.shopID); err != nil {
			return err
		}
		_, _ = fmt.Fprintf(out, "shop %d is authorized; its tokens are in %s\n", c.shopID, client.Tokens.Where)
		return nil
	}
	shops, err := client.ExchangeMain(ctx, c.code, c.mainAccountID)
	if err != nil {
		return err
	}
	for _, shopID := range shops {
		_, _ = fmt.Fprintf(out, "shop %d is authorized; its tokens are in %s\n", shopID, client.Tokens.Where)
	}
	return nil
}
