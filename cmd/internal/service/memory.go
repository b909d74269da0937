package service

import (
	"context"
	"os"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

const (
	// memoryTarget is the limit for the process's memory while the live data leaves room for
	// garbage. Near the limit the collector runs more often.
	memoryTarget = 620 << 20
	memoryCheck  = time.Second
	// gcPercent allows garbage of four times the live data within the target. Most garbage is
	// fetched messages, which are short-lived.
	gcPercent = 400
)

// BoundMemory sets the memory limit and the garbage collector's target and adjusts them until ctx
// ends. GOMEMLIMIT and GOGC take precedence.
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

// usage is the runtime's memory in bytes.
type usage struct {
	// live is the live data at the last collection, and scanned the part of it that a collection
	// reads, which excludes memory without pointers.
	live, scanned int64
	// beside is memory that is neither objects nor free for objects: fragmentation, stacks, and the
	// runtime's own. The limit includes it.
	beside int64
}

// limit returns the memory limit in bytes: live data plus room for garbage. With too little room,
// collections would run back to back.
func (u usage) limit() int64 {
	return max(memoryTarget, u.live+u.room()+u.beside)
}

// room returns three eighths of the scanned memory, which is the cost of a collection, but at least
// an eighth of the live data.
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
