// Package tracing exports spans to an OpenTelemetry collector, by OTLP over HTTP.
//
// Nothing waits for the collector: while it is down spans are dropped, and a shutdown takes at most
// closeTimeout longer.
package tracing

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/resource"
	"go.opentelemetry.io/otel/sdk/trace"
	api "go.opentelemetry.io/otel/trace"

	"stockpush/cmd/internal/config"
	"stockpush/cmd/internal/version"
)

const (
	// exportTimeout is how long an export may take, with its retries.
	exportTimeout = 5 * time.Second
	// closeTimeout is how long the last export may take.
	closeTimeout = 2 * time.Second
	// endpointHint says what to do about an export that fails.
	endpointHint = "see that tracing.endpoint is a collector's OTLP receiver over HTTP, usually at port 4318"
)

// Tracing is the exporter of a process.
type Tracing struct{ provider *trace.TracerProvider }

// Open starts the exporter; nil if none is configured. It does not connect.
func Open(ctx context.Context, cfg config.Tracing, log *slog.Logger) (*Tracing, error) {
	if cfg.Endpoint == "" {
		return nil, nil
	}
	client, err := newClient(cfg)
	if err != nil {
		return nil, err
	}
	exporter, err := otlptrace.New(ctx, client)
	if err != nil {
		return nil, fmt.Errorf("tracing.endpoint: %w", err)
	}
	of, err := resource.New(ctx, resource.WithAttributes(
		attribute.String("service.name", "stockpush"), attribute.String("service.version", version.Version)), resource.WithFromEnv())
	if err != nil {
		return nil, fmt.Errorf("tracing: OTEL_RESOURCE_ATTRIBUTES: %w", err)
	}
	sampled := trace.TraceIDRatioBased(cfg.SampleRatio)
	return &Tracing{trace.NewTracerProvider(
		trace.WithBatcher(&reported{SpanExporter: exporter, log: log}, trace.WithExportTimeout(exportTimeout)),
		trace.WithResource(of),
		trace.WithSampler(trace.ParentBased(sampled, trace.WithRemoteParentSampled(sampled))),
	)}, nil
}

// newClient returns the client of the configured collector.
func newClient(cfg config.Tracing, more ...otlptracehttp.Option) (otlptrace.Client, error) {
	to, err := url.Parse(cfg.Endpoint)
	if err != nil {
		return nil, fmt.Errorf("tracing.endpoint: %w", err)
	}
	to.Path = cmp.Or(strings.TrimSuffix(to.Path, "/"), "/v1/traces")
	return otlptracehttp.NewClient(append(more, otlptracehttp.WithEndpointURL(to.String()), otlptracehttp.WithTimeout(exportTimeout))...), nil
}

// Check exports no spans at all, which a collector accepts. It returns an error if that fails.
func Check(ctx context.Context, cfg config.Tracing) error {
	client, err := newClient(cfg, otlptracehttp.WithRetry(otlptracehttp.RetryConfig{}))
	if err != nil {
		return err
	}
	if err := client.Start(ctx); err != nil {
		return fmt.Errorf("tracing.endpoint: %w", err)
	}
	defer func() { _ = client.Stop(ctx) }() // nothing waits to be sent
	if err := client.UploadTraces(ctx, nil); err != nil {
		return fmt.Errorf("export to %s: %w (%s)", cfg.Endpoint, err, endpointHint)
	}
	return nil
}

// Tracer returns the tracer of pushes; nil if t is nil.
func (t *Tracing) Tracer() api.Tracer {
	if t == nil {
		return nil
	}
	return t.provider.Tracer("stockpush")
}

// Close exports what waits, within closeTimeout. What cannot be exported is dropped.
func (t *Tracing) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
	defer cancel()
	_ = t.provider.Shutdown(ctx) // a lost span is no failure of the process, and reported logs it
	return nil
}

// reported logs when exports begin to fail, and when they succeed again.
type reported struct {
	trace.SpanExporter
	log     *slog.Logger
	failing atomic.Bool
}

// ExportSpans exports spans. It returns no error: OpenTelemetry would print it.
func (r *reported) ExportSpans(ctx context.Context, spans []trace.ReadOnlySpan) error {
	err := r.SpanExporter.ExportSpans(ctx, spans)
	switch {
	case err != nil && !r.failing.Swap(true):
		r.log.Warn("spans are dropped, pushes continue", "error", err, "hint", endpointHint)
	case err == nil && r.failing.Swap(false):
		r.log.Info("spans are exported again")
	}
	return nil
}
