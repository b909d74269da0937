package schemas

// Frontier has the newest position seen of each partition of the events topic.
type Frontier map[int32]Position

// Take takes a position into account; a zero one is none.
func (f Frontier) Take(p Position) {
	if !p.IsZero() && p.Newer(f[p.Partition]) {
		f[p.Partition] = p
	}
}
