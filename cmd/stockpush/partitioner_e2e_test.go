package main

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"stockpush/processor/stream/kafka"
	"stockpush/schemas"
	"stockpush/schemas/stockevent"
)

// produceBy produces an event for each of n store SKUs, in the partition that a partitioner
// selects.
func (s *surroundings) produceBy(p schemas.Partitioner, n int) {
	conn := s.Conn()
	conn.Partitioners = map[string]schemas.Partitioner{s.Topics.Events(): p}
	producer, err := kafka.NewProducer(conn, kafka.DefaultBatchBytes)
	require.NoError(s.TB, err)
	defer producer.Close()
	for i := range n {
		e := event(10001, fmt.Sprintf("sku-%d", i), 1)
		e.ModelID = int64(i + 1)
		r := &kafka.Record{Topic: s.Topics.Events(), Partition: kafka.ByKey, Key: []byte(e.Key.String()), Value: stockevent.Encode(&e)}
		producer.Produce(s.TB.Context(), r, func(err error) { require.NoError(s.TB, err) })
	}
	require.NoError(s.TB, producer.Flush(s.TB.Context()))
}

func TestCheckNamesTheProducersPartitioner(t *testing.T) {
	t.Parallel()
	const n = 20
	s := newSurroundings(t)
	s.setUp()
	s.produceBy(schemas.CRC32, n)
	code, out, _ := s.stockpush("check")
	require.Equal(t, 1, code)
	require.Regexp(t, `FAILED  events +\d+ of the 20 newest events fit kafka.partitioner murmur2, 20 fit crc32 \(librdkafka.*set kafka.partitioner to crc32`, out)
	runs := s.Serve("--roles", "processor,sink")
	sys := s.system()
	eventually(sys, true, "SELECT count() > 0 AND countIf(error_code = 'wrong_partition' AND error_message LIKE '%kafka.partitioner crc32 %would fit%') = count() FROM {db}.rejected_events")
	runs.Terminate()

	const crc32 = "--kafka.partitioner=crc32"
	for _, command := range []string{"check", "run", "setup"} {
		code, out, errs := s.stockpush(command, crc32)
		require.Equal(t, 1, code, command)
		require.Contains(t, out+errs, "kafka.partitioner is crc32, and the events topic was declared with murmur2", command)
		require.Contains(t, out+errs, "setup --new-log", command)
	}
	code, out, errs := s.stockpush("setup", "--new-log", crc32)
	require.Equal(t, 0, code, errs)
	require.Contains(t, out, "declaration of the events topic as log 2")
	s.produceBy(schemas.CRC32, n)
	code, out, _ = s.stockpush("check", crc32)
	require.Equal(t, 0, code, out)
	require.Regexp(t, `ok      events +20 of the 20 newest events fit kafka.partitioner crc32`, out)
	runs = s.Serve("--roles", "processor,channels,sink", crc32)
	eventually(sys, uint64(n), "SELECT count() FROM {db}.push_record_history WHERE log_id = 2 AND status = 'Successfully'")
	runs.Terminate()
}

func TestRedrivePublishesWhatAnotherPartitionerRejected(t *testing.T) {
	t.Parallel()
	const n, crc32 = 20, "--kafka.partitioner=crc32"
	s := newSurroundings(t)
	s.setUp()
	s.produceBy(schemas.CRC32, n)
	runs := s.Serve("--roles", "processor,sink")
	sys := s.system()
	const rejected = "SELECT count() FROM {db}.rejected_events"
	eventually(sys, uint64(n), "SELECT (SELECT count() FROM {db}.rejected_events) + (SELECT count() FROM {db}.push_record_history)")
	bad := int(one[uint64](sys, rejected))
	runs.Terminate()
	code, _, errs := s.stockpush("setup", "--new-log", crc32)
	require.Equal(t, 0, code, errs)
	code, out, errs := s.stockpush("redrive", crc32, "--error-code", "key_mismatch", "--dry-run", "--output", "json")
	require.Equal(t, 0, code, errs)
	require.JSONEq(t, `{"matched":0,"published":0,"left_out":{},"event_ids":[]}`, out)
	code, out, errs = s.stockpush("redrive", crc32, "--since", "1h", "--dry-run", "--output", "json")
	require.Equal(t, 0, code, errs)
	require.JSONEq(t, fmt.Sprintf(`{"matched":%d,"published":%d,"left_out":{},"event_ids":[]}`, bad, bad), out)
	code, _, errs = s.stockpush("redrive", crc32)
	require.Equal(t, 2, code, "it has no terminal to ask")
	require.Contains(t, errs, "--yes")

	runs = s.Serve("--roles", "processor,channels,sink", crc32)
	code, out, errs = s.stockpush("redrive", crc32, "--yes")
	require.Equal(t, 0, code, errs)
	require.Regexp(t, fmt.Sprintf(`published +│ %d`, bad), out)
	eventually(sys, uint64(bad), "SELECT count() FROM {db}.push_record_history WHERE log_id = 2 AND status = 'Successfully'")
	require.Equal(t, uint64(bad), one[uint64](sys, rejected), "nothing new is rejected")
	code, out, errs = s.stockpush("redrive", crc32, "--yes")
	require.Equal(t, 0, code, errs)
	require.Regexp(t, fmt.Sprintf(`left out: newer_event +│ %d`, bad), out)
	runs.Terminate()
}

func TestRedriveRefusesBadFlags(t *testing.T) {
	s := newSurroundings(t)
	for _, args := range [][]string{{"--error-code", "sold_out"}, {"--since", ""}, {"--since", "yesterday"}, {"--limit=-1"}, {"--output", "xml"}} {
		code, _, errs := s.stockpush(append([]string{"redrive", "--dry-run"}, args...)...)
		require.Equal(t, 2, code, "%v %s", args, errs)
		require.Contains(t, errs, strings.TrimSuffix(args[0], "=-1"))
	}
}

func TestOwnProducersUseThePartitioner(t *testing.T) {
	t.Parallel()
	s := newSurroundings(t)
	code, _, errs := s.stockpush("setup", "--kafka.partitioner=fnv1a")
	require.Equal(t, 0, code, errs)
	code, _, errs = s.stockpush("simulate", "--kafka.partitioner=fnv1a", "--rate=1000", "--for=200ms")
	require.Equal(t, 0, code, errs)
	code, out, _ := s.stockpush("check", "--kafka.partitioner=fnv1a")
	require.Equal(t, 0, code, out)
	require.Regexp(t, `ok      events +(\d+) of the \d+ newest events fit kafka.partitioner fnv1a\n`, out)
}
