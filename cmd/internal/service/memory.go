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
	memoryTarget = 432 << 20
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
			debug.SetMemoryLimit(use().limit())
		}
	}
}

// usage is memory that the runtime has, in bytes.
type usage struct {
	// live is what was alive at the last collection, and scanned what of it a collection
	// reads: all but what holds no pointers.
	live, scanned int64
	// beside is neither objects nor free for them: gaps between objects, stacks, and what the
	// runtime needs itself. The limit is for all of it.
	beside int64
}

// limit is the memory limit in bytes: what must be remembered has room for garbage beside
// it. With too little, one collection follows the other.
func (u usage) limit() int64 {
	return max(memoryTarget, u.live+u.room()+u.beside)
}

// room is three eighths of what a collection reads, which is what it costs, and an eighth
// of all that is alive at least.
func (u usage) room() int64 { return max(u.live/8, u.scanned/8*3) }

func use() usage {
	const (
		live = iota
		scanned
		total
		released
		free
		objects
		count
	)
	samples := make([]metrics.Sample, count)
	samples[live].Name = "/gc/heap/live:bytes"
	samples[scanned].Name = "/gc/scan/heap:bytes"
	samples[total].Name = "/memory/classes/total:bytes"
	samples[released].Name = "/memory/classes/heap/released:bytes"
	samples[free].Name = "/memory/classes/heap/free:bytes"
	samples[objects].Name = "/memory/classes/heap/objects:bytes"
	metrics.Read(samples)
	bytes := func(i int) int64 { return int64(samples[i].Value.Uint64()) }
	return usage{
		live: bytes(live), scanned: bytes(scanned),
		beside: bytes(total) - bytes(released) - bytes(free) - bytes(objects),
	}
}
