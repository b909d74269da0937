package service

import (
	"context"
	"time"

	"stockpush/channels/shopee"
	"stockpush/processor/stream/kafka"
	"stockpush/schemas"
	"stockpush/schemas/wire"
)

// reportAuthorizations reports when the authorizations of shops end.
func (p *process) reportAuthorizations(ctx context.Context, all map[int64]shopee.Authorization) {
	for shopID, a := range all {
		p.report(ctx, shopID, &schemas.ShopInfo{AuthorizationEndsAt: a.Until})
	}
}

// report reports what is known about a shop. A lost report is repeated with the next reading, so
// failures are ignored.
func (p *process) report(ctx context.Context, shopID int64, info *schemas.ShopInfo) {
	r := schemas.Report{Shop: schemas.Shop{Channel: schemas.ChannelShopee, ID: shopID}, Version: schemas.ReportVersion{At: time.Now()}, Info: info}
	p.producer.Produce(ctx, &kafka.Record{
		Topic: p.topics.Records(), Partition: kafka.ByKey, Key: []byte(r.Key()), Value: wire.EncodeReport(&r),
	}, func(error) {})
}
