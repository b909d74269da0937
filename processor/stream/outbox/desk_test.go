package outbox

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kerr"

	"stockpush/processor/stream"
	"stockpush/processor/stream/kafka"
	"stockpush/schemas"
)

const outboxTopics = schemas.Topics("t")

// pending is a message that Kafka has not answered.
type pending struct {
	*kafka.Record
	done func(error)
}

// desk is an outbox whose messages the test answers.
type desk struct {
	*Outbox
	t          *testing.T
	assignment *stream.Assignment
	alive      bool
	logged     bytes.Buffer
	// dead counts dead letters by their code.
	dead    map[string]int
	sent    []pending
	letters []pending
}

type producerFunc func(context.Context, *kafka.Record, func(error))

func (f producerFunc) Produce(ctx context.Context, r *kafka.Record, done func(error)) {
	f(ctx, r, done)
}

func newDesk(t *testing.T) *desk {
	d := &desk{t: t, alive: true, dead: map[string]int{}}
	owner := stream.NewOwner(stream.OwnerConfig{Topic: "in", Partition: 3, Alive: func() bool { return d.alive }})
	d.assignment = owner.Assignment
	var fetched []*kafka.Record
	for offset := range int64(6) {
		fetched = append(fetched, &kafka.Record{Offset: offset})
	}
	require.NoError(t, owner.Push(fetched, 6))
	collect := func(to *[]pending) kafka.Producer {
		return producerFunc(func(_ context.Context, r *kafka.Record, done func(error)) { *to = append(*to, pending{r, done}) })
	}
	d.Outbox = New(Deps{
		Producer: collect(&d.sent), DeadLetters: collect(&d.letters), Topics: outboxTopics, Logger: slog.New(slog.NewTextHandler(&d.logged, nil)), DeadLettered: func(code string) { d.dead[code]++ },
	}, d.assignment)
	return d
}

// message is a message whose value is its name.
func message(name string) *Message {
	return &Message{Record: kafka.Record{Topic: "out", Key: []byte("k"), Value: []byte(name)}, Sources: []int64{7}}
}

func (d *desk) send(first, second string, offsets ...int64) {
	t := Turn{Offsets: offsets}
	for _, name := range strings.Fields(first) {
		t.First = append(t.First, message(name))
	}
	for _, name := range strings.Fields(second) {
		t.Second = append(t.Second, message(name))
	}
	d.Send(d.t.Context(), t)
}

// names are the messages that were sent and not answered.
func names(of []pending) string {
	var all []string
	for _, p := range of {
		all = append(all, string(p.Value))
	}
	return strings.Join(all, " ")
}

// answer answers the message of a name.
func (d *desk) answer(name string, err error) error {
	for _, list := range []*[]pending{&d.sent, &d.letters} {
		for i, p := range *list {
			if string(p.Value) == name {
				*list = append((*list)[:i:i], (*list)[i+1:]...)
				p.done(err)
				return d.Handle(d.t.Context(), <-d.Acks())
			}
		}
	}
	require.Fail(d.t, "not sent: "+name)
	return nil
}

func (d *desk) acknowledge(names ...string) {
	for _, name := range names {
		require.NoError(d.t, d.answer(name, nil))
	}
}

func (d *desk) refuse(name string) {
	require.NoError(d.t, d.answer(name, fmt.Errorf("produce: %w", kerr.MessageTooLarge)))
}

func (d *desk) committable() int64 {
	at, ok := d.assignment.Committable()
	require.True(d.t, ok)
	return at.Offset
}

func letterOf(r *kafka.Record) schemas.DeadLetter {
	l := schemas.DeadLetter{Key: r.Key, Value: r.Value}
	for _, h := range r.Headers {
		if err := l.TakeHeader(h.Key, string(h.Value)); err != nil {
			panic(err)
		}
	}
	return l
}
