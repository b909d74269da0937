package main

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"stockpush/channels"
	"stockpush/channels/shopee/tokens"
	"stockpush/cmd/internal/config"
	"stockpush/cmd/internal/service"
	"stockpush/schemas"
)

const (
	// maxChecksAtOnce limits how many shops are asked concurrently.
	maxChecksAtOnce = 8
	// maxNamedShops is how many refused shops are named.
	maxNamedShops = 20
)

// refusedShop is a shop whose harmless read was refused.
type refusedShop struct {
	id      int64
	verdict channels.Verdict
}

// checkShopee makes one harmless read for each shop with tokens, within the configured rates.
func checkShopee(ctx context.Context, c config.Config, _ *slog.Logger) (string, error) {
	client, err := service.NewShopee(c, slog.New(slog.DiscardHandler), prometheus.NewRegistry())
	if err != nil {
		return "", err
	}
	defer client.Close()
	shops, err := client.Tokens.Read(ctx).Shops()
	if err != nil {
		return "", err
	}
	if len(shops) == 0 {
		return "", fmt.Errorf("%s has no shop: %w (run `stockpush authorize`)", client.Tokens.Where, tokens.ErrMissing)
	}
	spacing := time.Duration(float64(len(shops)) / c.Shopee.AppRate * float64(time.Second))
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), checkTimeout+2*spacing) // a read may need a second call
	defer cancel()
	refused := askShops(ctx, client, shops)
	summary := fmt.Sprintf("%d of %d shops ok", len(shops)-len(refused), len(shops))
	if len(refused) == 0 {
		return summary, nil
	}
	return "", fmt.Errorf("%s; %s", summary, describeRefused(refused))
}

// askShops asks for the name of each shop, which touches no listing, and returns the shops that were
// refused, by their number.
func askShops(ctx context.Context, client *service.Shopee, shops []int64) []refusedShop {
	verdicts := make([]channels.Verdict, len(shops))
	var group errgroup.Group
	group.SetLimit(maxChecksAtOnce)
	for i, shop := range shops {
		group.Go(func() error {
			if err := client.Pace(ctx, shop); err != nil {
				verdicts[i] = channels.Verdict{Code: schemas.TimedOut, Message: "not asked in time: " + err.Error()}
				return nil
			}
			_, verdicts[i] = client.ShopName(ctx, shop)
			return nil
		})
	}
	_ = group.Wait() // no function fails
	var refused []refusedShop
	for i, v := range verdicts {
		if v.Outcome != channels.Confirmed {
			refused = append(refused, refusedShop{shops[i], v})
		}
	}
	slices.SortFunc(refused, func(a, b refusedShop) int { return cmp.Compare(a.id, b.id) })
	return refused
}

// describeRefused names the shops with their codes, and what Shopee said and what to do once for
// each code.
func describeRefused(refused []refusedShop) string {
	var named, hints []string
	explained := map[schemas.FailureCode]bool{}
	for i, r := range refused {
		if i == maxNamedShops {
			named = append(named, fmt.Sprintf("%d more", len(refused)-maxNamedShops))
		}
		if i < maxNamedShops {
			named = append(named, fmt.Sprintf("%d: %s", r.id, r.verdict.Code))
		}
		if !explained[r.verdict.Code] {
			explained[r.verdict.Code] = true
			hints = append(hints, fmt.Sprintf("%s: %s (%s)", r.verdict.Code, r.verdict.Message, r.verdict.Code.Remedy()))
		}
	}
	return strings.Join(named, ", ") + ". " + strings.Join(hints, ". ")
}
