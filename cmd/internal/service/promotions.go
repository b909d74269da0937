package service

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"net/http"
	"time"

	"golang.org/x/sync/errgroup"

	"stockpush/channels/shopee/tokens"
	"stockpush/channels/shopee/webhook"
	"stockpush/cmd/internal/config"
	"stockpush/cmd/internal/promotions"
	"stockpush/cmd/internal/pushrecords"
	"stockpush/cmd/internal/retry"
	"stockpush/cmd/internal/webserver"
	"stockpush/sinks/clickhouse"
)

func (p *process) newRetrier(reader *pushrecords.Reader) *retry.Retrier {
	return retry.New(retry.Deps{Reader: reader, Connection: p.conn, Topics: p.topics, Producer: p.producer, Logger: p.log})
}

func (p *process) newRefresher(publisher promotions.Publisher) *promotions.Refresher {
	if p.refreshes == nil {
		p.refreshes = promotions.NewMetrics(p.registry)
	}
	return promotions.New(promotions.Deps{Publisher: publisher, Logger: p.log, Metrics: p.refreshes})
}

// refreshByAge returns the loop of shopee.promotion_retry, or nil if that is off.
func (p *process) refreshByAge(store *clickhouse.Store) func(context.Context) {
	age := p.cfg.Shopee.PromotionRetry
	if age == 0 {
		return nil
	}
	refresher := p.newRefresher(p.newRetrier(pushrecords.NewReader(store.Conn(), p.cfg.ClickHouse.Database)))
	return func(ctx context.Context) { refresher.FollowAges(ctx, age) }
}

// webhookTimeout limits a request and its answer. Shopee waits 3 s.
const webhookTimeout = 10 * time.Second

// newWebhook opens the port at once and serves beside a role. It returns nil if the webhook is off.
func (p *process) newWebhook(publisher promotions.Publisher, tell func(address string)) (func(context.Context) error, error) {
	c := p.cfg.Shopee.Webhook
	if c.Listen == "" {
		return nil, nil
	}
	refresher := p.newRefresher(publisher)
	receiver := webhook.New(webhook.Config{URL: c.URL, Key: webhookKey(p.cfg.Shopee)}, webhook.Deps{
		Released: func(c webhook.Change) { refresher.Released(pushrecords.Item(c)) }, Logger: p.log, Registerer: p.registry,
	})
	listener, err := net.Listen("tcp", c.Listen)
	if err != nil {
		return nil, fmt.Errorf("shopee.webhook.listen: %w (choose another address, or port 0 for a free port)", err)
	}
	p.reloaders = append(p.reloaders, func(cfg config.Config) { receiver.SetKey(webhookKey(cfg.Shopee)) })
	p.atEnd(func() error { return webserver.Free(listener) })
	p.log.Info("webhook listening", "shopee.webhook.listen", listener.Addr().String(), "shopee.webhook.url", c.URL)
	if tell != nil {
		tell(listener.Addr().String())
	}
	server := webserver.New(receiver, p.log)
	server.ReadTimeout, server.WriteTimeout = webhookTimeout, webhookTimeout
	return func(ctx context.Context) error { return serveWebhook(ctx, server, listener, refresher) }, nil
}

// webhookKey returns the key that signs messages.
func webhookKey(c config.Shopee) tokens.Secret {
	return tokens.Secret(cmp.Or(c.Webhook.Key.Reveal(), c.PartnerKey.Reveal()))
}

func serveWebhook(ctx context.Context, server *http.Server, listener net.Listener, refresher *promotions.Refresher) error {
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { refresher.FollowMessages(ctx); return nil })
	group.Go(func() error {
		if err := webserver.Serve(ctx, server, listener, webhookTimeout); err != nil {
			return fmt.Errorf("serve shopee.webhook.listen: %w", err)
		}
		return nil
	})
	return group.Wait()
}
