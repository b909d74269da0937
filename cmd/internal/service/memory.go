package service

import (
	"context"
	"log/slog"
	"math"
	"os"
	"runtime/debug"
	"runtime/metrics"
	"time"

	"github.com/KimMachineGun/automemlimit/memlimit"
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

// containerShare is the part of the container's memory that is ours: the remainder is for what Go
// does not count, such as the kernel's socket buffers and mapped files.
const containerShare = 0.9

// containerLimit returns the memory that the process's cgroup allows it, or MaxInt64 without one.
func containerLimit() int64 {
	limit, err := memlimit.FromCgroup()
	if err != nil || limit > math.MaxInt64/2 {
		return math.MaxInt64
	}
	return int64(float64(limit) * containerShare)
}

// BoundMemory sets the memory limit and the garbage collector's target and adjusts them until ctx
// ends, within the process's cgroup. GOMEMLIMIT and GOGC take precedence.
func BoundMemory(ctx context.Context, log *slog.Logger) error {
	if limit := os.Getenv("GOMEMLIMIT"); limit != "" {
		log.Info("memory limited", "by", "GOMEMLIMIT", "limit", limit)
		return nil
	}
	return boundMemory(ctx, containerLimit(), log)
}

// boundMemory never sets a limit above most.
func boundMemory(ctx context.Context, most int64, log *slog.Logger) error {
	const mib = 1 << 20
	if most < math.MaxInt64 {
		log.Info("memory limited", "by", "cgroup", "limit_mib", most/mib)
	} else {
		log.Info("memory not limited by a cgroup", "target_mib", memoryTarget/mib)
	}
	if os.Getenv("GOGC") == "" {
		defer debug.SetGCPercent(debug.SetGCPercent(gcPercent))
	}
	defer debug.SetMemoryLimit(debug.SetMemoryLimit(min(memoryTarget, most)))
	ticker := time.NewTicker(memoryCheck)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
			debug.SetMemoryLimit(min(use().limit(), most))
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
