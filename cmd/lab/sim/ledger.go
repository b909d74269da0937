package sim

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"sync"

	"stockpush/channels"
	"stockpush/processor/stream"
	"stockpush/schemas"
)

// source is where a message lies.
type source struct {
	topic     string
	partition int32
	offset    int64
}

// row is what the store shows of an event: the row of the highest rank.
type row struct {
	status       schemas.Status
	code         schemas.FailureCode
	supersededBy int64
}

// event is what the ledger knows of a message of the events topic, from the plan
// alone: the product's decoder is not asked.
type event struct {
	at      source
	kind    kind
	sku     int
	qty     int64
	repeats int64
}

// ledger watches the world from outside: what was produced, sent, answered,
// stored and committed. It checks what can be seen at once, and keeps the rest
// for the verdict at the end. It shares no logic with the product.
type ledger struct {
	w *world

	mu     sync.Mutex
	events map[source]*event
	bySKU  [][]*event
	// skuOf is the store SKU of a model.
	skuOf map[model]int
	// recorded is the highest status in the records topic; commanded says that a command is in its topic.
	recorded  map[source]schemas.Status
	commanded map[source]bool
	// skipped says that some worker's record says so, whatever another one's says.
	skipped map[source]bool
	// states is the last message of those that know of the newest finished event, and finished that event, by store SKU.
	finished map[string]int64
	states   map[string]schemas.State
	letters  map[source]bool
	// rows and rejected are the store's.
	rows     map[source]row
	rejected map[source]bool

	flying map[flight]int
	// sentRank is the newest rank of which a send began, by store SKU.
	sentRank map[int]int64
	// confirmed and refused are the market's answers, as the callers got them.
	confirmed map[int]map[int64]bool
	refused   map[string]map[schemas.FailureCode]bool
	// shown is what the last read showed of a model since it was last pushed.
	mended map[model]bool
}

// flight is an item's call of one process.
type flight struct {
	p          *process
	shop, item int64
}

func newLedger(w *world) *ledger {
	l := &ledger{
		w: w, events: map[source]*event{}, bySKU: make([][]*event, len(w.plan.SKUs)), skuOf: map[model]int{},
		recorded: map[source]schemas.Status{}, commanded: map[source]bool{}, skipped: map[source]bool{}, finished: map[string]int64{}, states: map[string]schemas.State{},
		letters: map[source]bool{}, rows: map[source]row{}, rejected: map[source]bool{}, flying: map[flight]int{}, sentRank: map[int]int64{},
		confirmed: map[int]map[int64]bool{}, refused: map[string]map[schemas.FailureCode]bool{}, mended: map[model]bool{},
	}
	for i, s := range w.plan.SKUs {
		l.skuOf[s.model] = i
		l.confirmed[i] = map[int64]bool{}
	}
	return l
}

func sourceOf(p schemas.Position) source { return source{topics.Events(), p.Partition, p.Offset} }

// happened notes an event that was just produced.
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

// eventsOf are the events of a store SKU so far, in their order.
func (l *ledger) eventsOf(sku int) []*event {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.bySKU[sku])
}

// published notes an event that the product itself published: it pushes again what failed
// while a shop was held.
func (l *ledger) published(r *stream.Record) {
	var e struct {
		Reason        string `json:"reason"`
		Available     int64  `json:"available"`
		RepeatsOffset *int64 `json:"repeats_offset"`
	}
	if json.Unmarshal(r.Value, &e) != nil || e.Reason != "refresh_inventory" {
		return // upstream's
	}
	of := slices.IndexFunc(l.w.plan.SKUs, func(s sku) bool { return s.key.String() == string(r.Key) })
	l.note(&event{at: source{r.Topic, r.Partition, r.Offset}, kind: repetition, sku: of, qty: e.Available, repeats: *e.RepeatsOffset})
	l.w.count("pushed again after a hold")
}

// rank is the offset of the news that brought a quantity; quantities of a store SKU are all different.
func (l *ledger) rank(sku int, qty int64) (int64, bool) {
	for _, e := range l.bySKU[sku] {
		if e.kind == news && e.qty == qty {
			return e.at.offset, true
		}
	}
	return 0, false
}

// stored notes what a message of ours says.
func (l *ledger) stored(r *stream.Record) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch r.Topic {
	case topics.Events():
		l.published(r)
	case topics.Records():
		must(schemas.DecodeRecords(r.Value, func(rec *schemas.Record) error {
			at := sourceOf(rec.Position)
			l.w.trace("    record %s event %d %v %v by %d", rec.Key, rec.Position.Offset, rec.Status, rec.FailureCode, rec.SupersededByOffset)
			l.recorded[at] = max(l.recorded[at], rec.Status)
			l.skipped[at] = l.skipped[at] || rec.Status == schemas.Skipped
			return nil
		}))
	case topics.Commands():
		c, err := schemas.DecodeCommand(r.Value)
		must(err)
		l.w.trace("    command at %d/%d: %s event %d", r.Partition, r.Offset, r.Key, c.Position.Offset)
		l.commanded[sourceOf(c.Position)] = true
	case topics.State():
		if _, err := schemas.ParseKey(string(r.Key)); err != nil {
			return // a claim
		}
		s, err := schemas.DecodeState(r.Value)
		must(err)
		l.w.trace("    state %s newest %d finished %d %v owed %v", r.Key, s.Newest.Position.Offset, s.Finished.Position.Offset, s.Finished.Status, s.Readback)
		if s.Finished.Position.Offset >= l.states[string(r.Key)].Finished.Position.Offset {
			l.states[string(r.Key)] = s // a restore takes the newest, a late write of an earlier owner's counts for nothing
			l.finished[string(r.Key)] = s.Finished.Position.Offset
		}
	case topics.DeadLetters():
		l.letters[letterSource(r)] = true
	}
}

func letterSource(r *stream.Record) source {
	var d schemas.DeadLetter
	for _, h := range r.Headers {
		must(d.TakeHeader(h.Key, string(h.Value)))
	}
	return source{d.SourceTopic, d.SourcePartition, d.SourceOffset}
}

// wrote notes rows that the store has now.
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

// began notes the begin of a send: the order of sends is checked here.
func (l *ledger) began(p *process, call channels.Call) {
	l.mu.Lock()
	defer l.mu.Unlock()
	f := flight{p, call.ShopID, call.ItemID}
	l.flying[f]++
	if l.flying[f] > 1 {
		l.w.violate("invariant 4: two requests of item %d/%d in flight in %s", call.ShopID, call.ItemID, p.name)
	}
	if silence := p.silence(); silence >= session/2 {
		l.w.violate("invariant 3: %s sends %v after the broker last heard of it", p.name, silence)
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
	if l.w.quiet() && !l.mended[of] {
		l.w.violate("waste: %s pushes event %d of %s again after a restart at rest", p.name, rank, l.w.plan.SKUs[sku].key)
	}
	delete(l.mended, of)
}

// lastSent is the quantity of the newest event of which a send of the model began.
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
	l.flying[flight{p, call.ShopID, call.ItemID}]--
}

// answered notes what a caller was told.
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
		whom := l.w.plan.SKUs[sku].key.String()
		if v.Scope != channels.ScopeModel {
			whom = l.w.plan.SKUs[sku].key.Shop().String()
		}
		l.refuse(whom, cmp.Or(v.Code, schemas.UnknownFailure))
	}
}

func (l *ledger) refuse(whom string, code schemas.FailureCode) {
	if l.refused[whom] == nil {
		l.refused[whom] = map[schemas.FailureCode]bool{}
	}
	l.refused[whom][code] = true
}

// refusedShop notes that a read was refused for the whole shop.
func (l *ledger) refusedShop(shop int64, code schemas.FailureCode) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.refuse(schemas.Shop{Channel: schemas.ChannelShopee, ID: shop}.String(), code)
}

// read notes what an item shows to one who asks: a push that follows is a mend.
func (l *ledger) read(shop, item int64, shows []channels.ModelStock) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.w.trace("  read %d/%d: %v", shop, item, shows)
	for _, s := range shows {
		of := model{shop, item, s.ModelID}
		sku := l.skuOf[of]
		if rank, known := l.rank(sku, s.Qty); known && rank != l.sentRank[sku] {
			l.mended[of] = true
		}
	}
}

// committed checks invariant 5: all below a committed offset is dealt with and stored.
func (l *ledger) committed(group int, at place, from, to int64) {
	if from != to {
		l.w.trace("    committed %v %d", at, to)
	}
	log, _ := l.w.kafka.from(at, from) // before our lock: Kafka tells us of messages under its own
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, r := range log[:max(0, to-from)] {
		if why := l.owes(group, r); why != "" {
			l.w.violate("invariant 5: %v committed to %d, but of offset %d %s", at, to, r.Offset, why)
		}
	}
}

// owes says what is missing of a message that was committed as dealt with.
func (l *ledger) owes(group int, r *stream.Record) (why string) {
	switch r.Topic {
	case topics.Events():
		at := source{r.Topic, r.Partition, r.Offset}
		switch {
		case l.letters[at], l.recorded[at] > schemas.Pending, l.recorded[at] == schemas.Pending && l.commanded[at]:
		default:
			return fmt.Sprintf("nothing is stored (recorded as %q, commanded: %v)", l.recorded[at], l.commanded[at])
		}
	case topics.Commands():
		c, err := schemas.DecodeCommand(r.Value)
		must(err)
		status := l.recorded[sourceOf(c.Position)]
		if !status.Terminal() {
			return "there is no terminal record"
		}
		if status > schemas.Skipped && !l.skipped[sourceOf(c.Position)] && l.finished[string(r.Key)] < c.Position.Offset {
			return fmt.Sprintf("the record says %v, but no state does", status)
		}
	case topics.Records():
		must(schemas.DecodeRecords(r.Value, func(rec *schemas.Record) error {
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

// open lists the events that have no final row yet.
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
