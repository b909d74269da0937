package pushrecords

// WithFew is the reader as it is while more rows than few are not merged.
func (r *Reader) WithFew(few uint64) *Reader { return &Reader{r.conn, r.database, few} }
