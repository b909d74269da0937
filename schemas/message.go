package schemas

// Message is what a stock event is read from.
type Message struct {
	Key, Value []byte
	// ContentType is the value of the header content-type; nil if there is none.
	ContentType []byte
}

// DecodeMessage reads a stock event in any encoding that is supported, as Decode does in JSON. The
// rules and the error codes of all encodings are the same.
func (d *Decoder) DecodeMessage(e *Event, m Message) error {
	f, value, bad := unwrap(m.ContentType, m.Value)
	switch {
	case bad != nil:
	case f == formatJSON:
		return d.Decode(e, m.Key, value)
	default:
		*e = Event{RepeatsOffset: NoOffset}
		if bad = decodeProtobuf(e, value); bad == nil {
			bad = checkWhole(e, m.Key)
		}
	}
	if bad != nil {
		*e = Event{}
		return bad
	}
	return nil
}
