package schemas

// quick reads an event as producers write them: ASCII without escapes, whole
// numbers, no nesting, no null, no field twice. It judges nothing: for all else,
// good or bad, it says false, and the strict decoder reads the value from its
// start. What it takes it takes as the strict decoder does; a fuzz test holds that.
func (d *eventDecoder) quick(value []byte) bool {
	s := scanner{text: value}
	if !s.take('{') {
		return false
	}
	for {
		name := s.quoted()
		if name == nil || !s.take(':') {
			return false
		}
		raw := s.scalar()
		if raw == nil || !d.quickField(fieldOf(name[1:len(name)-1]), raw) {
			return false
		}
		if s.take('}') {
			return s.atEnd()
		}
		if !s.take(',') {
			return false
		}
	}
}

func (d *eventDecoder) quickField(field int, raw []byte) bool {
	if field == fieldCount {
		return true
	}
	if d.seen[field] {
		return false
	}
	d.seen[field], d.set[field] = true, true
	return d.take(field, raw) == nil
}

// scanner walks over JSON of the plain kind. Its methods pass white space first.
type scanner struct {
	text []byte
	at   int
}

func (s *scanner) space() {
	for s.at < len(s.text) {
		switch s.text[s.at] {
		case ' ', '\n', '\r', '\t':
			s.at++
		default:
			return
		}
	}
}

func (s *scanner) take(c byte) bool {
	if s.at < len(s.text) && s.text[s.at] <= ' ' {
		s.space()
	}
	if s.at == len(s.text) || s.text[s.at] != c {
		return false
	}
	s.at++
	return true
}

func (s *scanner) atEnd() bool {
	s.space()
	return s.at == len(s.text)
}

// quoted is the next text with its quotes, or nil if it is not a plain one.
func (s *scanner) quoted() []byte {
	if !s.take('"') {
		return nil
	}
	from := s.at
	s.at += plainPrefix(s.text[from:])
	if s.at == len(s.text) || s.text[s.at] != '"' {
		return nil
	}
	s.at++
	return s.text[from-1 : s.at]
}

// scalar is the next text or whole number, or nil if the value is neither.
func (s *scanner) scalar() []byte {
	s.space()
	if s.at == len(s.text) || s.text[s.at] == '"' {
		return s.quoted()
	}
	from := s.at
	if s.text[s.at] == '-' {
		s.at++
	}
	first := s.at
	for s.at < len(s.text) && s.text[s.at]-'0' <= 9 {
		s.at++
	}
	if s.at == first || s.text[first] == '0' && s.at > first+1 {
		return nil
	}
	return s.text[from:s.at]
}
