package service

import (
	"context"
	"log/slog"
	"sync"

	"github.com/prometheus/client_golang/prometheus"

	"stockpush/channels/pacer"
	"stockpush/channels/shopee"
	"stockpush/channels/shopee/postgres"
	"stockpush/channels/shopee/tokens"
	"stockpush/cmd/internal/config"
)

// Tokens is the configured token store. Close releases its resources.
type Tokens struct {
	tokens.Store
	// Where describes the store for operators.
	Where string
	// Setup creates the tables that the store needs, and lists them; with check it only lists.
	Setup func(ctx context.Context, check bool) ([]string, error)
	Close func()
}

// OpenTokens opens the file, or the table that several machines share. It does not connect. It
// fails if the path is not a file.
func OpenTokens(c config.Shopee, log *slog.Logger) (Tokens, error) {
	if c.TokensPostgres == "" {
		store := tokens.NewFileStore(c.TokensFile, log)
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
	// Pace waits until a shop may be called again within the configured rates.
	Pace func(ctx context.Context, shopID int64) error
}

// keep runs the client's background work until ctx ends. Watch updates the tokens in memory from
// the store, and calls changed for each shop whose tokens changed.
func (s *Shopee) keep(ctx context.Context, changed func(shopID int64), tell func(map[int64]shopee.Authorization)) error {
	var watching sync.WaitGroup
	watching.Go(func() { _ = tokens.Watch(ctx, s.Tokens, changed) }) // returns only when ctx ends
	s.KeepAuthorizations(ctx, tell)
	watching.Wait()
	return nil
}

// takeKey changes the partner key, and calls changed for each shop: a shop that was refused for its
// signature may pass now.
func (s *Shopee) takeKey(ctx context.Context, c config.Shopee, changed func(shopID int64), log *slog.Logger) {
	if !s.SetPartnerKey(tokens.Secret(c.PartnerKey.Reveal())) {
		return
	}
	log.Info("shopee.partner_key changed")
	shops, err := s.Tokens.Read(ctx).Shops()
	if err != nil {
		log.Warn("cannot read the tokens, held shops are probed later", "error", err)
	}
	for _, shopID := range shops {
		changed(shopID)
	}
}

// Close closes the client, then its tokens.
func (s *Shopee) Close() {
	s.Client.Close()
	s.Tokens.Close()
}

// NewShopee returns the configured client for a program that makes few calls. It keeps calls that
// are part of other calls within the configured rates.
func NewShopee(cfg config.Config, log *slog.Logger, registry prometheus.Registerer) (*Shopee, error) {
	return openShopee(cfg, pacer.New(cfg.Shopee.ShopRate, cfg.Shopee.AppRate), log, registry)
}

func openShopee(cfg config.Config, pace *pacer.Pacer, log *slog.Logger, registry prometheus.Registerer) (*Shopee, error) {
	c := cfg.Shopee
	store, err := OpenTokens(c, log)
	if err != nil {
		return nil, err
	}
	client, err := shopee.New(
		shopee.Config{BaseURL: c.BaseURL, PartnerID: c.PartnerID, PartnerKey: tokens.Secret(c.PartnerKey.Reveal()), Timeout: c.Timeout, Shadow: c.Shadow()},
		shopee.Deps{Tokens: store, Logger: log, Registerer: registry, Pace: pace.Wait})
	if err != nil {
		store.Close()
		return nil, err
	}
	return &Shopee{client, store, pace.Wait}, nil
}
