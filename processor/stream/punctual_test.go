package stream

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestPunctualTakesOffWhatATimerIsLateOrATenth(t *testing.T) {
	for d, want := range map[time.Duration]time.Duration{
		0:                     0,
		time.Millisecond:      900 * time.Microsecond,
		5 * time.Millisecond:  4500 * time.Microsecond,
		20 * time.Millisecond: 19350 * time.Microsecond,
		time.Second:           999350 * time.Microsecond,
	} {
		require.Equal(t, want, Punctual(d))
	}
}
