package main

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	traces "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"stockpush/cmd/internal/config"
	"stockpush/processor/stream/kafka"
	"stockpush/schemas"
	"stockpush/schemas/stockevent"
)

// startCollector starts an OTLP receiver. It returns its URL, and what delivers each received span.
func startCollector(t *testing.T) (url string, received <-chan *traces.Span) {
	spans := make(chan *traces.Span, 100)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var request collector.ExportTraceServiceRequest
		body, err := io.ReadAll(r.Body)
		if err != nil || r.URL.Path != "/v1/traces" || proto.Unmarshal(body, &request) != nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		for _, resource := range request.GetResourceSpans() {
			for _, scope := range resource.GetScopeSpans() {
				for _, span := range scope.GetSpans() {
					spans <- span
				}
			}
		}
	}))
	t.Cleanup(server.Close)
	return server.URL, spans
}

// sendTraced sends an event in the trace n.
func (s *system) sendTraced(e schemas.Event, n int) {
	r := &kafka.Record{Topic: s.topics.Events(), Partition: kafka.ByKey, Key: []byte(e.Key.String()), Value: stockevent.Encode(&e),
		Headers: []kafka.Header{{Key: "traceparent", Value: fmt.Appendf(nil, "00-%032x-%016x-01", n, n)}, {Key: "tracestate", Value: fmt.Appendf(nil, "vendor=%d", n)}}}
	s.producer.Produce(s.t.Context(), r, func(err error) { require.NoError(s.t, err) })
}

func TestE2EPushIsASpanInTheTraceOfItsEvent(t *testing.T) {
	t.Parallel()
	url, received := startCollector(t)
	s := newSystem(t, func(c *config.Config) { c.Tracing.Endpoint, c.Processor.Window = url, time.Second })
	s.sendTraced(event(10001, "traced", 1), 0xa)
	s.sendTraced(event(10001, "traced", 2), 0xb)
	s.send(event(10001, "untraced", 3))
	eventually(s, uint64(3), "SELECT count() FROM {db}.push_record_history WHERE status IN ('Successfully', 'Skipped')")
	s.stop()
	require.Len(t, received, 1)
	span := <-received
	require.Equal(t, "push", span.GetName())
	require.Equal(t, fmt.Sprintf("%032x", 0xb), fmt.Sprintf("%x", span.GetTraceId()))
	require.Equal(t, fmt.Sprintf("%016x", 0xb), fmt.Sprintf("%x", span.GetParentSpanId()))
	require.Equal(t, "vendor=11", span.GetTraceState())
	require.Len(t, span.GetLinks(), 1)
	require.Equal(t, fmt.Sprintf("%032x", 0xa), fmt.Sprintf("%x", span.GetLinks()[0].GetTraceId()))
	values := map[string]string{}
	for _, a := range span.GetAttributes() {
		values[a.GetKey()] = a.GetValue().GetStringValue()
	}
	require.Equal(t, "Successfully", values["stockpush.status"])
	require.Equal(t, "shopee/10001", values["stockpush.shop"])
	require.Equal(t, "traced", values["stockpush.store_sku"])
}

// A collector that accepts connections and never answers is worse than one that is down.
func TestE2ECollectorThatHangsDelaysNeitherPushesNorTheShutdown(t *testing.T) {
	t.Parallel()
	hung := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-hung }))
	t.Cleanup(func() { close(hung); server.Close() })
	s := newSystem(t, func(c *config.Config) { c.Tracing.Endpoint = server.URL })
	for n := range 50 {
		s.sendTraced(event(10001, fmt.Sprintf("sku-%d", n), n), n+1)
	}
	require.NoError(t, s.producer.Flush(t.Context()))
	eventually(s, uint64(50), "SELECT count() FROM {db}.store_sku_push_status WHERE last_push_status = 'Successfully'")
	began := time.Now()
	s.stop()
	require.Less(t, time.Since(began), 10*time.Second)
}
