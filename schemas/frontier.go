package schemas

// Frontier has the newest position seen of each partition of the events topic.
type Frontier map[int32]Position

// Take adds a position; it ignores a zero one.
func (f Frontier) Take(p Position) {
	if !p.IsZero() && p.Newer(f[p.Partition]) {
		f[p.Partition] = p
	}
}
