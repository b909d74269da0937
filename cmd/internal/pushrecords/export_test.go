package pushrecords

// WithFew returns a reader that treats more than few unmerged rows as many.
func (r *Reader) WithFew(few uint64) *Reader { return &Reader{r.conn, r.database, few} }
