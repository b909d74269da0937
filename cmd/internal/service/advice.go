package service

import (
	"context"

	"stockpush/cmd/internal/config"
	"stockpush/cmd/internal/hint"
	"stockpush/sinks"
)

// advised is a batch whose errors have a hint about the configuration.
type advised struct {
	sinks.Batch
	cfg config.ClickHouse
}

func (b advised) Send(ctx context.Context) error { return hint.ClickHouse(b.cfg, b.Batch.Send(ctx)) }
