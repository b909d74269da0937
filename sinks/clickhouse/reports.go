package clickhouse

import (
	"time"

	"github.com/ClickHouse/ch-go/proto"

	"stockpush/schemas"
)

type report = schemas.Report

// fact is one thing that is known about a shop.
type fact struct {
	*report
	name, text string
	at         time.Time
}

// The names of facts.
const (
	factName             = "name"
	factAuthorizationEnd = "authorization_ends_at"
)

// Report adds a report's rows.
func (b *batch) Report(r *schemas.Report) {
	switch {
	case r.Progress != nil:
		b.progress.add(r)
	case r.Status != nil:
		b.states.add(r)
	case r.Info != nil:
		if r.Info.Name != "" || r.Info.Nameless {
			b.facts.add(fact{r, factName, r.Info.Name, time.Time{}})
		}
		if !r.Info.AuthorizationEndsAt.IsZero() {
			b.facts.add(fact{r, factAuthorizationEnd, "", r.Info.AuthorizationEndsAt})
		}
	}
}

// versionOf returns a report's version as one number: the epoch, then the time.
func versionOf(v schemas.ReportVersion) proto.UInt128 {
	return proto.UInt128{High: uint64(v.Epoch), Low: uint64(max(0, v.At.UnixMilli()))}
}

// progressColumns are the columns of push_progress_rows, in the table's order.
func progressColumns() []column[*report] {
	return []column[*report]{
		texts("channel", func(r *report) string { return r.Shop.Channel }),
		numbers[proto.ColUInt64]("shop_id", func(r *report) uint64 { return uint64(r.Shop.ID) }),
		texts("store_sku", func(r *report) string { return r.StoreSKU }),
		numbers[proto.ColUInt16]("log_id", func(r *report) uint16 { return r.Progress.Position.LogID }),
		numbers[proto.ColInt32]("event_partition", func(r *report) int32 { return r.Progress.Position.Partition }),
		numbers[proto.ColInt64]("event_offset", func(r *report) int64 { return r.Progress.Position.Offset }),
		numbers[proto.ColUInt16]("attempts", func(r *report) uint16 { return r.Progress.Attempts }),
		texts("last_answer_code", func(r *report) string { return string(r.Progress.Code) }),
		texts("last_answer", func(r *report) string { return r.Progress.Answer }),
		times("next_attempt_at", func(r *report) time.Time { return r.Progress.Next }),
		times("reported_at", func(r *report) time.Time { return r.Version.At }),
		numbers[proto.ColUInt128]("version", func(r *report) proto.UInt128 { return versionOf(r.Version) }),
	}
}

// stateColumns are the columns of shop_states, in the table's order.
func stateColumns() []column[*report] {
	return []column[*report]{
		texts("channel", func(r *report) string { return r.Shop.Channel }),
		numbers[proto.ColUInt64]("shop_id", func(r *report) uint64 { return uint64(r.Shop.ID) }),
		enumerations("state", func(r *report) int8 { return int8(r.Status.State) }),
		times("since", func(r *report) time.Time { return r.Status.Since }),
		times("until", func(r *report) time.Time { return r.Status.Until }),
		texts("code", func(r *report) string { return string(r.Status.Code) }),
		texts("message", func(r *report) string { return r.Status.Message }),
		times("reported_at", func(r *report) time.Time { return r.Version.At }),
		numbers[proto.ColUInt128]("version", func(r *report) proto.UInt128 { return versionOf(r.Version) }),
	}
}

// factColumns are the columns of shop_facts, in the table's order.
func factColumns() []column[fact] {
	return []column[fact]{
		texts("channel", func(f fact) string { return f.Shop.Channel }),
		numbers[proto.ColUInt64]("shop_id", func(f fact) uint64 { return uint64(f.Shop.ID) }),
		texts("fact", func(f fact) string { return f.name }),
		texts("text", func(f fact) string { return f.text }),
		times("at", func(f fact) time.Time { return f.at }),
		numbers[proto.ColUInt128]("version", func(f fact) proto.UInt128 { return versionOf(f.Version) }),
	}
}
