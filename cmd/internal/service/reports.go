package service

import (
	"context"
	"time"

	"stockpush/channels/shopee"
	"stockpush/processor/stream"
	"stockpush/schemas"
)

// reportAuthorizations reports when the authorizations of shops end. A lost report is repeated with
// the next reading, so failures are ignored.
func (p *process) reportAuthorizations(ctx context.Context, all map[int64]shopee.Authorization) {
	for shopID, a := range all {
		r := schemas.Report{
			Shop: schemas.Shop{Channel: schemas.ChannelShopee, ID: shopID}, Version: schemas.ReportVersion{At: time.Now()},
			Info: &schemas.ShopInfo{AuthorizationEndsAt: a.Until},
		}
		p.producer.Produce(ctx, &stream.Record{
			Topic: p.topics.Records(), Partition: stream.ByKey, Key: []byte(r.Key()), Value: schemas.EncodeReport(&r),
		}, func(error) {})
	}
}
