package history

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

// Produced is a message that Kafka acknowledged.
type Produced struct {
	Partition  int32
	Offset     int64
	Key, Value string
}

// Producer produces a history.
type Producer struct {
	client *kgo.Client
	topic  string

	// open counts steps without an acknowledgement.
	open sync.WaitGroup
	mu   sync.Mutex
	done map[int]Produced
	err  error
}

// NewProducer returns a producer that hashes keys as Java's client does.
func NewProducer(broker, topic string) (*Producer, error) {
	byKey := kgo.StickyKeyPartitioner(nil)
	client, err := kgo.NewClient(kgo.SeedBrokers(broker), kgo.ProducerLinger(0), kgo.RecordPartitioner(shifted{byKey}))
	if err != nil {
		return nil, err
	}
	return &Producer{client: client, topic: topic, done: map[int]Produced{}}, nil
}

// Play produces every step at its time, counted from now, and returns the acknowledged messages
// once every step is answered.
func (p *Producer) Play(ctx context.Context, h *History) ([]Produced, error) {
	started := time.Now()
	for i := range h.Steps {
		s := &h.Steps[i]
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(time.Until(started.Add(s.At))):
		}
		value := s.Value
		if s.Repeats >= 0 {
			offset, err := p.offsetOf(ctx, s.Repeats)
			if err != nil {
				return nil, err
			}
			value = repeating(s.Value, offset)
		}
		p.produce(ctx, i, s, value)
	}
	p.open.Wait()
	p.mu.Lock()
	defer p.mu.Unlock()
	all := make([]Produced, 0, len(p.done))
	for _, d := range p.done {
		all = append(all, d)
	}
	return all, p.err
}

func (p *Producer) produce(ctx context.Context, step int, s *Step, value string) {
	p.open.Add(1)
	p.send(ctx, step, s, value)
}

func (p *Producer) send(ctx context.Context, step int, s *Step, value string) {
	r := &kgo.Record{Topic: p.topic, Key: []byte(s.Key), Value: []byte(value)}
	if s.WrongPartition {
		r.Headers = []kgo.RecordHeader{{Key: elsewhere}}
	}
	p.client.Produce(ctx, r, func(r *kgo.Record, err error) {
		p.mu.Lock()
		defer p.mu.Unlock()
		if errors.Is(err, kerr.UnknownServerError) { // a full disk: retry, as any upstream would
			go p.produceLater(ctx, step, s, value)
			return
		}
		p.open.Done()
		if err != nil {
			p.err = errors.Join(p.err, fmt.Errorf("produce: %w", err))
			return
		}
		p.done[step] = Produced{r.Partition, r.Offset, string(r.Key), string(r.Value)}
	})
}

func (p *Producer) produceLater(ctx context.Context, step int, s *Step, value string) {
	time.Sleep(200 * time.Millisecond)
	p.send(ctx, step, s, value)
}

// offsetOf waits for a step's offset.
func (p *Producer) offsetOf(ctx context.Context, step int) (int64, error) {
	for {
		p.mu.Lock()
		done, ok := p.done[step]
		err := p.err
		p.mu.Unlock()
		if ok || err != nil {
			return done.Offset, err
		}
		select {
		case <-ctx.Done():
			return 0, ctx.Err()
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// Close closes the producer.
func (p *Producer) Close() { p.client.Close() }

// elsewhere is the header of messages that go to a wrong partition.
const elsewhere = "elsewhere"

// shifted sends messages with that header one partition further.
type shifted struct{ kgo.Partitioner }

// ForTopic implements kgo.Partitioner.
func (s shifted) ForTopic(topic string) kgo.TopicPartitioner {
	return shiftedTopic{s.Partitioner.ForTopic(topic)}
}

type shiftedTopic struct{ kgo.TopicPartitioner }

// Partition implements kgo.TopicPartitioner.
func (s shiftedTopic) Partition(r *kgo.Record, n int) int {
	at := s.TopicPartitioner.Partition(r, n)
	if len(r.Headers) > 0 {
		return (at + 1) % n
	}
	return at
}
