package channels

import (
	"context"

	"stockpush/processor/stream"
	"stockpush/schemas"
)

// WithoutBroker lets a stage start with the given states and no inherited commands.
func (s *Stage) WithoutBroker(inheritedBelow int64, states []*stream.Record) *Stage {
	s.endOffset = func(context.Context, int32) (int64, error) { return inheritedBelow, nil }
	s.restore = func(_ context.Context, _ int32, take func(*stream.Record) error) error {
		for _, r := range states {
			if err := take(r); err != nil {
				return err
			}
		}
		return nil
	}
	return s
}

// Verifying lets a stage ask verify about what it restored.
func (s *Stage) Verifying(verify func(context.Context, schemas.Frontier) error) *Stage {
	s.deps.Verify = verify
	return s
}
