package main

import (
	"fmt"
	"slices"
)

// row is a line of the table.
type row struct {
	what string
	metric
	// format formats a value with its unit.
	format string
	bounds
}

// bounds are a budget.
type bounds struct {
	// least and most limit the median; 0 means no limit.
	least, most float64
	// onApacheKafka replaces least on Apache Kafka; 0 means the same.
	onApacheKafka float64
	// orSpread lets the best run meet the budget instead of the median: a median below least only
	// counts if it is beyond the spread.
	orSpread bool
}

// none is no budget.
var none = bounds{}

func atLeast(v float64) bounds { return bounds{least: v} }

func atMost(v float64) bounds { return bounds{most: v} }

// compaction is the budget of a processor relative to a bare consumer.
var compaction = bounds{least: 0.45, onApacheKafka: 0.25}

const (
	ratio  = "%.2f"
	millis = "%.1f ms"
)

var rows = []row{
	{"decode an event", metric{"DecodeEvent/ours", "ns/op"}, "%.0f ns", none},
	{"the same in Protobuf", metric{"DecodeEvent/protobuf", "ns/op"}, "%.0f ns", none},
	{"the same with encoding/json", metric{"DecodeEvent/encoding-json", "ns/op"}, "%.0f ns", none},
	{"a bare consumer", metric{"Pipeline/even", "bare-events/s"}, "%.0f events/s", none},
	{"compaction", metric{"Pipeline/even", "compacted-events/s"}, "%.0f events/s", none},
	{"compaction of events in Protobuf", metric{"Pipeline/protobuf", "compacted-events/s"}, "%.0f events/s", none},
	{"compaction / bare consumer", metric{"Pipeline/even", "compacted/bare"}, ratio, compaction},
	{"  1 M store SKUs, Zipf 1.1, 12 partitions", metric{"Pipeline/zipf-12-partitions", "compacted/bare"}, ratio, none},
	{"  the same, 64 partitions", metric{"Pipeline/zipf-64-partitions", "compacted/bare"}, ratio, none},
	{"processor time of the bare consumer", metric{"Pipeline/even", "read-cpu-ns"}, "%.0f ns per event", none},
	{"processor time of compaction", metric{"Pipeline/even", "compact-cpu-ns"}, "%.0f ns per event", none},
	{"a bare insert, with all feeds", metric{"Pipeline/even", "bare-rows/s"}, "%.0f rows/s", none},
	{"the same into a plain table", metric{"Pipeline/even", "plain-rows/s"}, "%.0f rows/s", none},
	{"sink / bare insert", metric{"Pipeline/even", "sunk/bare"}, ratio, atLeast(0.8)},
	{"whole way / bare insert of the same rows", metric{"Pipeline/even", "whole-rows/bare"}, ratio, atLeast(0.55)},
	{"  events of the one / rows of the other", metric{"Pipeline/even", "whole/bare"}, ratio, none},
	{"whole way / bare insert, 1 M store SKUs, Zipf 1.1, 12 partitions", metric{"Pipeline/zipf-12-partitions", "whole-rows/bare"}, ratio, atLeast(0.45)},
	{"  events / rows", metric{"Pipeline/zipf-12-partitions", "whole/bare"}, ratio, none},
	{"whole way / bare insert, 1 M store SKUs, Zipf 1.1, 64 partitions", metric{"Pipeline/zipf-64-partitions", "whole-rows/bare"}, ratio, atLeast(0.45)},
	{"  events / rows", metric{"Pipeline/zipf-64-partitions", "whole/bare"}, ratio, none},
	{"pushes of one model, lane and client / bare HTTP client", metric{"Lanes/1-models", "ratio"}, ratio, atLeast(0.6)},
	{"pushes of 50 models, lane and client / bare HTTP client", metric{"Lanes/50-models", "ratio"}, ratio, atLeast(0.6)},
	{"  their calls per due item", metric{"Lanes/50-models", "calls/item"}, ratio, atMost(1)},
	{"100 k waiting store SKUs of 200 shops add", metric{"ManyWaiting", "MiB-added"}, "%.0f MiB", atMost(100)},
	{"lone event beyond window and linger, idle, p50", metric{"Latency/idle", "p50-ms"}, millis, atMost(3)},
	{"lone event beyond window and linger, idle, p99", metric{"Latency/idle", "p99-ms"}, millis, atMost(10)},
	{"  the same without stockpush, p50", metric{"Latency/bare", "p50-ms"}, millis, none},
	{"lone event beside 20,000 events/s, p99", metric{"Latency/20000-a-second", "p99-ms"}, millis, atMost(50)},
	{"inserts into ClickHouse beside one event in 47 ms", metric{"Latency/idle", "inserts/s"}, "%.2f per second", atMost(1)},
	{"run, resident: 1 M store SKUs wait in windows", metric{"Footprint/windows", "peak-MiB"}, "%.0f MiB", atMost(1024)},
	{"run, resident: 1 M store SKUs wait to be pushed", metric{"Footprint/lanes", "peak-MiB"}, "%.0f MiB", atMost(1024)},
	{"run, resident: 20 M events behind", metric{"Footprint/backlog", "peak-MiB"}, "%.0f MiB", atMost(700)},
	{"run: start to ready", metric{"Start", "ready-s"}, "%.2f s", atMost(1)},
	{"1 M store SKUs known, heap", metric{"RestoreAMillionStoreSKUs", "B/SKU"}, "%.0f MB", atMost(450)},
	{"start with the states of 1 M store SKUs", metric{"RestoreAMillionStoreSKUs", "s/restore"}, "%.2f s", atMost(3)},
	{"two processes / one", metric{"TwoProcesses", "two/one"}, ratio, bounds{least: 1, orSpread: true}},
	{"  from their start", metric{"TwoProcesses", "two/one-from-start"}, ratio, none},
}

// rowsOn returns the rows with the bounds of a broker.
func rowsOn(apacheKafka bool) []row {
	on := slices.Clone(rows)
	for i := range on {
		if b := &on[i].bounds; apacheKafka && b.onApacheKafka > 0 {
			b.least = b.onApacheKafka
		}
	}
	return on
}

func (r row) spread(sorted []float64) string {
	m := fmt.Sprintf(r.format, median(sorted))
	if len(sorted) == 1 {
		return m
	}
	return m + fmt.Sprintf(" ("+r.format+"–"+r.format+")", sorted[0], sorted[len(sorted)-1])
}

func (r row) budget() string {
	switch {
	case r.orSpread:
		return "≥ " + fmt.Sprintf(r.format, r.least) + " within the spread"
	case r.least > 0:
		return "≥ " + fmt.Sprintf(r.format, r.least)
	case r.most > 0:
		return "≤ " + fmt.Sprintf(r.format, r.most)
	}
	return ""
}

func (r row) met(sorted []float64) string {
	value := median(sorted)
	if r.orSpread {
		value = sorted[len(sorted)-1]
	}
	switch {
	case r.bounds == none:
		return ""
	case value < r.least, r.most > 0 && value > r.most:
		return "no"
	}
	return "yes"
}

func (r row) earlier(sorted []float64) string {
	if len(sorted) == 0 {
		return ""
	}
	return fmt.Sprintf(r.format, median(sorted))
}
