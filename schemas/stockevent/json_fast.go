package stockevent

import (
	"time"

	"stockpush/schemas"
	"stockpush/schemas/internal/protobuf"
)

// Decoder reads stock events one after the other and learns in which order their
// producer writes the fields. It is for one goroutine; its zero value is ready.
type Decoder struct {
	// follows has, for each field, the one that followed it last time; fieldCount stands for
	// the begin of the object.
	follows [fieldCount + 1]uint8
	texts   protobuf.Texts
}

// decodeJSON reads what key and whole do not concern.
func (d *Decoder) decodeJSON(e *schemas.Event, value []byte) *schemas.BadEvent {
	if d.decodeFast(e, value) {
		return nil
	}
	*e = schemas.Event{RepeatsOffset: schemas.NoOffset}
	return decodeStrict(e, value)
}

// decodeFast reads an event as producers write it: ASCII without escapes, whole
// numbers, no nesting, no null, no field twice. It returns false for everything else, valid or
// not, and decodeStrict reads the value from its start. A fuzz test checks that it accepts
// nothing that decodeStrict refuses, and reads the same.
func (d *Decoder) decodeFast(e *schemas.Event, value []byte) bool {
	s := scanner{text: value, texts: &d.texts}
	var seen fieldSet
	last := fieldCount
	for open := byte('{'); s.take(open); open = ',' {
		field := int(d.follows[last])
		if !s.takeText(namesInJSON[field]) {
			if field = s.name(); field < 0 || !s.take(':') {
				return false
			}
			if field < fieldCount {
				d.follows[last] = uint8(field)
			}
		}
		if seen.has(field) || !s.field(e, field) {
			return false
		}
		if field < fieldCount {
			seen.add(field)
			last = field
		}
	}
	return s.take('}') && s.atEnd() && seen.checkComplete() == nil
}

// namesInJSON are the names as most producers write them, with quotes and colon.
var namesInJSON = func() (names [fieldCount]string) {
	for field := range fields {
		names[field] = `"` + fields[field].name + `":`
	}
	return names
}()

// scanner reads JSON of that kind. Its methods skip white space first.
type scanner struct {
	text  []byte
	at    int
	texts *protobuf.Texts
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

// takeText takes a text if it comes next.
func (s *scanner) takeText(text string) bool {
	if s.at < len(s.text) && s.text[s.at] <= ' ' {
		s.space()
	}
	end := s.at + len(text)
	if end > len(s.text) || string(s.text[s.at:end]) != text {
		return false
	}
	s.at = end
	return true
}

func (s *scanner) atEnd() bool {
	s.space()
	return s.at == len(s.text)
}

// field takes the value of a field, and ignores that of an unknown one.
func (s *scanner) field(e *schemas.Event, field int) bool {
	switch field {
	case fieldCount:
		return s.skip()
	case fieldReason:
		return s.reason(&e.Reason)
	case fieldOccurredAt:
		return s.time(&e.OccurredAt)
	case fieldAvailable:
		return s.integer(&e.Available)
	}
	f := &fields[field]
	if f.text != nil {
		return s.string(f.text(e), f.low, f.high)
	}
	return s.number(f.integer(e), f.least)
}

// plain takes a JSON string of low to high plain bytes. It shares the value's memory.
func (s *scanner) plain(low, high int) (text []byte, ok bool) {
	if !s.take('"') {
		return nil, false
	}
	tail := s.text[s.at:]
	n := plainPrefix(tail)
	if n == len(tail) || tail[n] != '"' || n < low || n > high {
		return nil, false
	}
	s.at += n + 1
	return tail[:n], true
}

func (s *scanner) string(to *string, low, high int) bool {
	text, ok := s.plain(low, high)
	*to = s.texts.Of(text)
	return ok
}

// name takes a field's name. It returns fieldCount if it is unknown, -1 if it is not plain.
func (s *scanner) name() int {
	name, ok := s.plain(0, len(s.text))
	if !ok {
		return -1
	}
	return fieldOf(name)
}

func (s *scanner) reason(to *schemas.Reason) bool {
	slug, ok := s.plain(0, len(s.text))
	*to = schemas.ReasonOf(slug)
	return ok && *to != 0
}

func (s *scanner) time(to *time.Time) bool {
	text, ok := s.plain(0, len(s.text))
	return ok && parseTime(to, text)
}

// number takes an unsigned number of at least low.
func (s *scanner) number(to *int64, low int64) bool {
	s.space()
	from := s.at
	var n int64
	for s.at < len(s.text) && s.text[s.at]-'0' <= 9 {
		n = n*10 + int64(s.text[s.at]-'0')
		s.at++
	}
	digits := s.at - from
	if digits == 0 || digits > 18 || digits > 1 && s.text[from] == '0' { // 18 cannot overflow
		return false
	}
	*to = n
	return n >= low
}

// integer takes a number with or without a sign.
func (s *scanner) integer(to *int64) bool {
	s.space()
	negative := s.at < len(s.text) && s.text[s.at] == '-'
	if negative {
		s.at++
		if s.at == len(s.text) || s.text[s.at] <= ' ' {
			return false
		}
	}
	if !s.number(to, 0) {
		return false
	}
	if negative {
		*to = -*to
	}
	return true
}

// skip takes the plain text or the whole number of an unknown field.
func (s *scanner) skip() bool {
	var n int64
	s.space()
	if s.at < len(s.text) && s.text[s.at] == '"' {
		_, ok := s.plain(0, len(s.text))
		return ok
	}
	return s.integer(&n)
}
