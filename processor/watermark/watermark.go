// Package watermark tells which offset of a partition may be committed: the
// highest one with nothing unresolved below it.
//
// It is pure, never blocks, and one goroutine (or lock) guards it. It refuses
// to know what an offset stands for.
package watermark

import (
	"cmp"
	"fmt"
	"math/bits"
	"slices"
)

// word is 64 offsets, those from index*64 on; a set bit is unresolved.
type word struct {
	index int64
	bits  uint64
}

// Watermark follows one partition.
type Watermark struct {
	// words are ascending; the first one has an unresolved offset.
	words []word
	next  int64
}

// New starts at the first offset that will be tracked.
func New(next int64) Watermark { return Watermark{next: next} }

// Track takes the next offset; it must be higher than all before. Offsets that
// were left out count as resolved: compaction or transaction markers took them.
func (w *Watermark) Track(offset int64) {
	if offset < w.next {
		panic(fmt.Sprintf("watermark: offset %d tracked after %d", offset, w.next-1))
	}
	index, bit := offset>>6, uint64(1)<<(offset&63)
	if n := len(w.words); n > 0 && w.words[n-1].index == index {
		w.words[n-1].bits |= bit
	} else {
		w.words = append(w.words, word{index, bit})
	}
	w.next = offset + 1
}

// Skip sets the lowest offset that may be tracked next: the offsets below hold no more records.
func (w *Watermark) Skip(next int64) { w.next = max(w.next, next) }

// Resolve says that an offset is dealt with. Twice is harmless, and so is an
// offset that was never tracked.
func (w *Watermark) Resolve(offset int64) {
	i, ok := slices.BinarySearchFunc(w.words, offset>>6, func(w word, index int64) int { return cmp.Compare(w.index, index) })
	if !ok {
		return
	}
	w.words[i].bits &^= 1 << (offset & 63)
	for len(w.words) > 0 && w.words[0].bits == 0 {
		w.words = w.words[1:]
	}
}

// Committable is the offset to commit: the lowest unresolved one, or the next
// one where nothing is unresolved. It never goes back.
func (w *Watermark) Committable() int64 {
	if len(w.words) == 0 {
		return w.next
	}
	first := w.words[0]
	return first.index<<6 + int64(bits.TrailingZeros64(first.bits))
}

// Next is the lowest offset that may be tracked next.
func (w *Watermark) Next() int64 { return w.next }

// Unresolved is how many tracked offsets are not resolved.
func (w *Watermark) Unresolved() (n int) {
	for _, some := range w.words {
		n += bits.OnesCount64(some.bits)
	}
	return n
}
