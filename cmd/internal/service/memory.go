package service

import (
	"context"
	"os"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

const (
	// memoryTarget is what the process stays below as long as what it must remember
	// leaves room: the collector works more as it comes near, not less.
	memoryTarget = 448 << 20
	memoryCheck  = time.Second
	// gcPercent lets garbage be four times what is alive, as far as the target allows:
	// most of it is fetched messages, and little of them is alive when it is looked for.
	gcPercent = 400
)

// BoundMemory keeps the process's memory below a target until ctx ends, and lets
// it come near that before garbage is collected, unless GOMEMLIMIT and GOGC say otherwise.
func BoundMemory(ctx context.Context) error {
	if os.Getenv("GOMEMLIMIT") != "" {
		return nil
	}
	if os.Getenv("GOGC") == "" {
		defer debug.SetGCPercent(debug.SetGCPercent(gcPercent))
	}
	defer debug.SetMemoryLimit(debug.SetMemoryLimit(memoryTarget))
	ticker := time.NewTicker(memoryCheck)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
			debug.SetMemoryLimit(memoryLimit(live()))
		}
	}
}

// memoryLimit is the limit in bytes for so much that was alive at the last collection. What
// must be remembered has a third of itself for garbage, above the target a half: with
// less, the collector takes half of the processors.
func memoryLimit(live int64) int64 {
	if live > memoryTarget {
		return live + live/2
	}
	return max(memoryTarget, live+live/3)
}

func live() int64 {
	sample := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	metrics.Read(sample)
	return int64(sample[0].Value.Uint64())
}
