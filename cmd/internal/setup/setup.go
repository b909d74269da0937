// Package setup creates the topics and the ClickHouse schema, and lists what it changed. It is
// idempotent.
package setup

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"stockpush/cmd/internal/config"
	"stockpush/cmd/internal/eventlog"
	"stockpush/cmd/internal/hint"
	"stockpush/processor/stream/kafka"
	"stockpush/schemas"
	"stockpush/sinks/clickhouse"
)

// Target is what to set up.
type Target struct {
	Kafka config.Kafka
	// ClickHouse is the configuration of Store, for hints in errors.
	ClickHouse config.ClickHouse
	Connection kafka.Connection
	Store      *clickhouse.Store
	// Logger receives harmless differences.
	Logger *slog.Logger
}

// Options control Apply.
type Options struct {
	// Check changes nothing.
	Check bool
	// NewLog declares the present events topic as the next generation.
	NewLog bool
}

// Change is something that was made, or with Check is missing or differs.
type Change struct {
	// Kind is what it is, as a noun that can be counted.
	Kind, What string
}

// Apply lists what it changed, or with Check what is missing.
func Apply(ctx context.Context, t Target, o Options) ([]Change, error) {
	topics, err := t.topics(ctx, o.Check)
	if err != nil {
		return topics, hint.Kafka(t.Kafka, err)
	}
	log, err := t.log(ctx, o)
	if err != nil {
		return append(topics, log...), hint.Kafka(t.Kafka, err)
	}
	schema, err := t.schema(ctx, o.Check)
	return append(append(topics, log...), schema...), hint.ClickHouse(t.ClickHouse, err)
}

func (t Target) topics(ctx context.Context, check bool) (changes []Change, err error) {
	missing, differences, err := compareTopics(ctx, t.Connection, t.Kafka, t.Logger)
	if err != nil {
		return nil, err
	}
	for _, spec := range missing {
		if !check {
			if err := kafka.CreateTopics(ctx, t.Connection, []schemas.TopicSpec{spec}, t.Kafka.ReplicationFactor); err != nil {
				return changes, err
			}
		}
		changes = append(changes, Change{"topic", fmt.Sprintf("topic %s (%d partitions)", spec.Name, spec.Partitions)})
	}
	if check {
		for _, d := range differences {
			changes = append(changes, Change{"topic setting", d.String()})
		}
		return changes, nil
	}
	return changes, judge(differences, t.Logger)
}

func (t Target) log(ctx context.Context, o Options) ([]Change, error) {
	topics := schemas.Topics(t.Kafka.TopicPrefix)
	_, err := eventlog.Current(ctx, t.Connection, topics)
	undeclared := errors.Is(err, eventlog.ErrUndeclared) || o.Check && errors.Is(err, kafka.ErrNoTopic)
	switch {
	case o.Check && (undeclared || errors.Is(err, eventlog.ErrChanged)):
		return []Change{{declaration, "declaration of the events topic"}}, nil
	case o.NewLog || undeclared:
		log, err := eventlog.Declare(ctx, t.Connection, topics)
		if err != nil {
			return nil, err
		}
		return []Change{{declaration, fmt.Sprintf("declaration of the events topic as log %d", log.ID)}}, nil
	default:
		return nil, err
	}
}

// declaration is the kind of a generation of the events topic that is declared.
const declaration = "declaration of the events topic"

func (t Target) schema(ctx context.Context, check bool) (changes []Change, err error) {
	find := t.Store.Migrate
	if check {
		find = t.Store.Differences
	}
	differences, err := find(ctx)
	for _, d := range differences {
		changes = append(changes, Change{d.Kind, "clickhouse " + d.What})
	}
	return changes, err
}
