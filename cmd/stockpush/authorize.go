package main

import (
	"errors"
	"fmt"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/spf13/cobra"

	"stockpush/cmd/internal/service"
)

func (a *app) newAuthorize() *cobra.Command {
	var code, redirect string
	var shopID int64
	cmd := &cobra.Command{
		Use:   "authorize",
		Short: "Let the app into a shop: print Shopee's consent link, or turn its code into tokens",
		Long: "Without --code it prints Shopee's consent link. The seller opens it and agrees; Shopee then sends the browser to --redirect with a code and\n" +
			"a shop_id. Give both here within 10 minutes. A running service takes the new tokens up by itself, and pushes what the shop was held for.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if (code == "") != (shopID == 0) || shopID < 0 {
				return &usageError{errors.New("--code and --shop-id go together: Shopee gives both")}
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
			if code == "" {
				_, _ = fmt.Fprintln(a.stdout, client.ConsentURL(redirect))
				return nil
			}
			if err := client.Exchange(cmd.Context(), code, shopID); err != nil {
				return err
			}
			_, _ = fmt.Fprintf(a.stdout, "shop %d is authorized; its tokens are in %s\n", shopID, client.Tokens.Where)
			return nil
		},
	}
	cmd.Flags().StringVar(&code, "code", "", "the `code` that Shopee gave, good once and for 10 minutes")
	cmd.Flags().Int64Var(&shopID, "shop-id", 0, "the `shop` that Shopee gave with it")
	cmd.Flags().StringVar(&redirect, "redirect", "https://example.com/", "where Shopee sends the browser; it must be registered with the app")
	return cmd
}
