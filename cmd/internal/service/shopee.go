package service

import (
	"context"
	"log/slog"
	"sync"

	"github.com/prometheus/client_golang/prometheus"

	"stockpush/channels/pacer"
	"stockpush/channels/shopee"
	"stockpush/channels/shopee/postgres"
	"stockpush/cmd/internal/config"
)

// Tokens is the configured store of token pairs. Close ends what it needed.
type Tokens struct {
	shopee.TokenStore
	// Where names the store for people.
	Where string
	// Setup makes what the store needs, if anything, and lists it; with check it makes nothing.
	Setup func(ctx context.Context, check bool) ([]string, error)
	Close func()
}

// OpenTokens opens the file, or the table that machines share. It connects to nothing
// and fails on a path that is of no file.
func OpenTokens(c config.Shopee, log *slog.Logger) (Tokens, error) {
	if c.TokensPostgres == "" {
		store := shopee.NewFileStore(c.TokensFile, log)
		nothing := func(context.Context, bool) ([]string, error) { return nil, nil }
		return Tokens{store, c.TokensFile, nothing, func() {}}, store.Check()
	}
	store, err := postgres.Open(c.TokensPostgres.Reveal(), c.PartnerID)
	if err != nil {
		return Tokens{}, err
	}
	return Tokens{store, "the table stockpush_tokens of shopee.tokens_postgres", store.Setup, store.Close}, nil
}

// Shopee is the configured client with its tokens.
type Shopee struct {
	*shopee.Client
	Tokens Tokens
	// Pace waits until a shop may be called once more within the configured rates.
	Pace func(ctx context.Context, shopID int64) error
}

// keep does what the client needs while its shops are pushed, until ctx ends. Watch
// keeps what is in memory of the tokens as the store is, and calls changed for each shop
// whose tokens changed.
func (s *Shopee) keep(ctx context.Context, changed func(shopID int64)) error {
	var watching sync.WaitGroup
	watching.Go(func() { _ = s.Watch(ctx, changed) }) // it ends with ctx only
	s.KeepAuthorizations(ctx)
	watching.Wait()
	return nil
}

// takeKey signs with a changed partner key from now on, and calls changed for each shop:
// those that Shopee refused for their signature may pass now.
func (s *Shopee) takeKey(ctx context.Context, c config.Shopee, changed func(shopID int64), log *slog.Logger) {
	if !s.SetPartnerKey(shopee.Secret(c.PartnerKey.Reveal())) {
		return
	}
	log.Info("calls are signed with the changed shopee.partner_key")
	shops, err := s.Tokens.Shops(ctx)
	if err != nil {
		log.Warn("held shops are probed later, since the tokens cannot be read", "error", err)
	}
	for _, shopID := range shops {
		changed(shopID)
	}
}

// Close ends the client, and then its tokens.
func (s *Shopee) Close() {
	s.Client.Close()
	s.Tokens.Close()
}

// NewShopee is the configured client for a program that makes few calls: those
// within others keep to the configured rates.
func NewShopee(cfg config.Config, log *slog.Logger, registry prometheus.Registerer) (*Shopee, error) {
	return openShopee(cfg, pacer.New(cfg.Shopee.ShopRate, cfg.Shopee.AppRate), log, registry)
}

func openShopee(cfg config.Config, pace *pacer.Pacer, log *slog.Logger, registry prometheus.Registerer) (*Shopee, error) {
	c := cfg.Shopee
	tokens, err := OpenTokens(c, log)
	if err != nil {
		return nil, err
	}
	client, err := shopee.New(
		shopee.Config{BaseURL: c.BaseURL, PartnerID: c.PartnerID, PartnerKey: shopee.Secret(c.PartnerKey.Reveal()), Timeout: c.Timeout},
		shopee.Deps{Tokens: tokens, Logger: log, Registerer: registry, Pace: pace.Wait})
	if err != nil {
		tokens.Close()
		return nil, err
	}
	return &Shopee{client, tokens, pace.Wait}, nil
}
