package sim

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"sync"

	"stockpush/channels"
	"stockpush/processor/stream/kafka"
	"stockpush/schemas"
	"stockpush/schemas/wire"
)

// source is the position of a message.
type source struct {
	topic     string
	partition int32
	offset    int64
}

// row is the store's row of an event: the one with the highest rank.
type row struct {
	status       schemas.Status
	code         schemas.FailureCode
	supersededBy int64
}

// event is an event as the plan defines it, without the product's decoder.
type event struct {
	at      source
	kind    kind
	sku     int
	qty     int64
	repeats int64
}

// ledger observes the world from outside: what was produced, sent, answered, stored and committed.
// It checks at once what can be checked at once, and keeps the remaining data for the final
// verdict. It shares no logic with the product.
type ledger struct {
	w *world

	mu     sync.Mutex
	events map[source]*event
	bySKU  [][]*event
	// skuOf is the store SKU of a model.
	skuOf map[model]int
	// recorded is the highest status in the records topic; commanded says that the event's command
	// is in the commands topic.
	recorded  map[source]schemas.Status
	commanded map[source]bool
	// skipped says that a worker's record is Skipped, whatever other records say.
	skipped map[source]bool
	// states has, by store SKU, the last message among those with the newest finished event, and
	// finished that event.
	finished map[string]int64
	states   map[string]schemas.State
	letters  map[source]bool
	// rows and rejected are the store's.
	rows     map[source]row
	rejected map[source]bool

	inFlight map[flight]int
	// sentRank is the newest rank whose send has started, by store SKU.
	sentRank map[int]int64
	// confirmed and refused are the market's answers as its callers received them.
	confirmed map[int]map[int64]bool
	refused   map[string]map[schemas.FailureCode]bool
	// repaired marks the models that were read since their last push.
	repaired map[model]bool
}

// flight is a call of one process for an item.
type flight struct {
	p          *process
	shop, item int64
}

func newLedger(w *world) *ledger {
	l := &ledger{
		w: w, events: map[source]*event{}, bySKU: make([][]*event, len(w.plan.SKUs)), skuOf: map[model]int{},
		recorded: map[source]schemas.Status{}, commanded: map[source]bool{}, skipped: map[source]bool{}, finished: map[string]int64{}, states: map[string]schemas.State{},
		letters: map[source]bool{}, rows: map[source]row{}, rejected: map[source]bool{}, inFlight: map[flight]int{}, sentRank: map[int]int64{},
		confirmed: map[int]map[int64]bool{}, refused: map[string]map[schemas.FailureCode]bool{}, repaired: map[model]bool{},
	}
	for i, s := range w.plan.SKUs {
		l.skuOf[s.model] = i
		l.confirmed[i] = map[int64]bool{}
	}
	return l
}

func sourceOf(p schemas.Position) source { return source{topics.Events(), p.Partition, p.Offset} }

// happened records a new event.
func (l *ledger) happened(e *event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.note(e)
}

func (l *ledger) note(e *event) {
	l.events[e.at] = e
	if e.kind != bad {
		all := append(l.bySKU[e.sku], e)
		slices.SortFunc(all, func(a, b *event) int { return cmp.Compare(a.at.offset, b.at.offset) })
		l.bySKU[e.sku] = all
	}
}

// eventsOf returns the events of a store SKU in their order.
func (l *ledger) eventsOf(sku int) []*event {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.bySKU[sku])
}

// published records an event that the product itself published, to push again what failed while a
// shop was held.
func (l *ledger) published(r *kafka.Record) {
	var e struct {
		Reason        string `json:"reason"`
		Available     int64  `json:"available"`
		RepeatsOffset *int64 `json:"repeats_offset"`
	}
	if json.Unmarshal(r.Value, &e) != nil || e.Reason != "refresh_inventory" {
		return // an upstream event
	}
	of := slices.IndexFunc(l.w.plan.SKUs, func(s sku) bool { return s.key.String() == string(r.Key) })
	l.note(&event{at: source{r.Topic, r.Partition, r.Offset}, kind: repetition, sku: of, qty: e.Available, repeats: *e.RepeatsOffset})
	l.w.count("pushed again after a hold")
}

// rank returns the offset of the event that brought a quantity. All quantities of a store SKU are
// different.
func (l *ledger) rank(sku int, qty int64) (int64, bool) {
	for _, e := range l.bySKU[sku] {
		if e.kind == news && e.qty == qty {
			return e.at.offset, true
		}
	}
	return 0, false
}

// stored records a message of the product.
func (l *ledger) stored(r *kafka.Record) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch r.Topic {
	case topics.Events():
		l.published(r)
	case topics.Records():
		must(wire.DecodeRecords(r.Value, func(rec *schemas.Record) error {
			at := sourceOf(rec.Position)
			l.w.trace("    record %s event %d %v %v by %d", rec.Key, rec.Position.Offset, rec.Status, rec.FailureCode, rec.SupersededByOffset)
			l.recorded[at] = max(l.recorded[at], rec.Status)
			l.skipped[at] = l.skipped[at] || rec.Status == schemas.Skipped
			return nil
		}))
	case topics.Commands():
		c, err := wire.DecodeCommand(r.Value)
		must(err)
		l.w.trace("    command at %d/%d: %s event %d", r.Partition, r.Offset, r.Key, c.Position.Offset)
		l.commanded[sourceOf(c.Position)] = true
	case topics.State():
		if _, err := schemas.ParseKey(string(r.Key)); err != nil {
			return // a claim
		}
		s, err := wire.DecodeState(r.Value)
		must(err)
		l.w.trace("    state %s newest %d finished %d %v readback %v", r.Key, s.Newest.Position.Offset, s.Finished.Position.Offset, s.Finished.Status, s.Readback)
		if s.Finished.Position.Offset >= l.states[string(r.Key)].Finished.Position.Offset {
			l.states[string(r.Key)] = s // a restore keeps the newest; a late write of an earlier owner does not count
			l.finished[string(r.Key)] = s.Finished.Position.Offset
		}
	case topics.DeadLetters():
		l.letters[letterSource(r)] = true
	}
}

func letterSource(r *kafka.Record) source {
	var d schemas.DeadLetter
	for _, h := range r.Headers {
		must(d.TakeHeader(h.Key, string(h.Value)))
	}
	return source{d.SourceTopic, d.SourcePartition, d.SourceOffset}
}

// wrote records rows that the store now has.
func (l *ledger) wrote(rows []schemas.Record, letters []source) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i := range rows {
		r := &rows[i]
		at := sourceOf(r.Position)
		if r.Status > l.rows[at].status {
			l.rows[at] = row{r.Status, r.FailureCode, r.SupersededByOffset}
		}
	}
	for _, letter := range letters {
		l.rejected[letter] = true
	}
}

// began records the start of a send and checks the order of sends.
func (l *ledger) began(p *process, call channels.Call) {
	l.mu.Lock()
	defer l.mu.Unlock()
	f := flight{p, call.ShopID, call.ItemID}
	l.inFlight[f]++
	if l.inFlight[f] > 1 {
		l.w.violate("invariant 4: two requests of item %d/%d in flight in %s", call.ShopID, call.ItemID, p.name)
	}
	if silence := p.silence(); silence >= session/2 {
		l.w.violate("invariant 3: %s sends %v after its last heartbeat", p.name, silence)
	}
	for _, line := range call.Lines {
		l.w.trace("  %s sends %d/%d/%d = %d", p.name, call.ShopID, call.ItemID, line.ModelID, line.Qty)
		l.line(p, model{call.ShopID, call.ItemID, line.ModelID}, line.Qty)
	}
}

func (l *ledger) line(p *process, of model, qty int64) {
	sku, known := l.skuOf[of]
	rank, news := l.rank(sku, qty)
	if !known || !news {
		l.w.violate("a quantity that no event brought: %v gets %d", of, qty)
		return
	}
	if rank < l.sentRank[sku] {
		l.w.violate("invariant 3: %s sends event %d of %s after event %d was sent", p.name, rank, l.w.plan.SKUs[sku].key, l.sentRank[sku])
	}
	l.sentRank[sku] = max(l.sentRank[sku], rank)
	if l.w.quiet() && !l.repaired[of] {
		l.w.violate("waste: %s pushes event %d of %s again after an idle restart", p.name, rank, l.w.plan.SKUs[sku].key)
	}
	delete(l.repaired, of)
}

// lastSent returns the quantity of the newest event of the model whose send has started.
func (l *ledger) lastSent(of model) int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	sku := l.skuOf[of]
	for _, e := range l.bySKU[sku] {
		if e.at.offset == l.sentRank[sku] {
			return e.qty
		}
	}
	return 0
}

func (l *ledger) ended(p *process, call channels.Call) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.inFlight[flight{p, call.ShopID, call.ItemID}]--
}

// answered records the answer that a caller received.
func (l *ledger) answered(p *process, call channels.Call, a channels.Answer) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i, v := range a.Verdicts {
		l.w.trace("  answer to %s: %d/%d/%d %v %s %d", p.name, call.ShopID, call.ItemID, call.Lines[i].ModelID, v.Outcome, v.Code, v.Qty)
		sku := l.skuOf[model{call.ShopID, call.ItemID, call.Lines[i].ModelID}]
		if v.Outcome == channels.Confirmed && v.Qty == call.Lines[i].Qty {
			l.confirmed[sku][v.Qty] = true
			continue
		}
		subject := l.w.plan.SKUs[sku].key.String()
		if v.Scope != channels.ScopeModel {
			subject = l.w.plan.SKUs[sku].key.Shop().String()
		}
		l.refuse(subject, cmp.Or(v.Code, schemas.UnknownFailure))
	}
}

func (l *ledger) refuse(subject string, code schemas.FailureCode) {
	if l.refused[subject] == nil {
		l.refused[subject] = map[schemas.FailureCode]bool{}
	}
	l.refused[subject][code] = true
}

// refusedShop records that a read was refused for the whole shop.
func (l *ledger) refusedShop(shop int64, code schemas.FailureCode) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.refuse(schemas.Shop{Channel: schemas.ChannelShopee, ID: shop}.String(), code)
}

// read records what a read of an item shows: a push that follows may be a repair push.
func (l *ledger) read(shop, item int64, shows []channels.ModelStock) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.w.trace("  read %d/%d: %v", shop, item, shows)
	for _, s := range shows {
		of := model{shop, item, s.ModelID}
		sku := l.skuOf[of]
		if rank, known := l.rank(sku, s.Qty); known && rank != l.sentRank[sku] {
			l.repaired[of] = true
		}
	}
}

// committed checks invariant 5: everything below a committed offset is resolved and stored.
func (l *ledger) committed(group int, at place, from, to int64) {
	if from != to {
		l.w.trace("    committed %v %d", at, to)
	}
	log, _ := l.w.kafka.from(at, from) // before locking: Kafka calls stored with its own lock held
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, r := range log[:max(0, to-from)] {
		if why := l.missing(group, r); why != "" {
			l.w.violate("invariant 5: %v committed to %d, but of offset %d %s", at, to, r.Offset, why)
		}
	}
}

// missing returns what is missing of a message that was committed as resolved.
func (l *ledger) missing(group int, r *kafka.Record) (why string) {
	switch r.Topic {
	case topics.Events():
		at := source{r.Topic, r.Partition, r.Offset}
		switch {
		case l.letters[at], l.recorded[at] > schemas.Pending, l.recorded[at] == schemas.Pending && l.commanded[at]:
		default:
			return fmt.Sprintf("nothing is stored (recorded as %q, commanded: %v)", l.recorded[at], l.commanded[at])
		}
	case topics.Commands():
		c, err := wire.DecodeCommand(r.Value)
		must(err)
		status := l.recorded[sourceOf(c.Position)]
		if !status.Terminal() {
			return "there is no terminal record"
		}
		if status > schemas.Skipped && !l.skipped[sourceOf(c.Position)] && l.finished[string(r.Key)] < c.Position.Offset {
			return fmt.Sprintf("the record says %v, but no state does", status)
		}
	case topics.Records():
		must(wire.DecodeRecords(r.Value, func(rec *schemas.Record) error {
			if l.rows[sourceOf(rec.Position)].status < rec.Status {
				why = fmt.Sprintf("the store has no row of event %d", rec.Position.Offset)
			}
			return nil
		}))
	case topics.DeadLetters():
		if !l.rejected[letterSource(r)] {
			return "the store has no row"
		}
	}
	return why
}

// open lists the events without a final row.
func (l *ledger) open() (open []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for at, e := range l.events {
		switch {
		case e.kind == bad && l.rejected[at], e.kind != bad && l.rows[at].status.Terminal():
		default:
			open = append(open, fmt.Sprintf("%v (%s, recorded as %q)", at, l.w.plan.SKUs[e.sku].key, l.recorded[at]))
		}
	}
	slices.Sort(open)
	return open
}
