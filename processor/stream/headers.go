package stream

import "stockpush/schemas"

// ContentType returns the value of a message's last header content-type; nil if there is none.
func ContentType(r *Record) (value []byte) {
	for i := range r.Headers {
		if r.Headers[i].Key == schemas.HeaderContentType {
			value = r.Headers[i].Value
		}
	}
	return value
}

// MessageHeaders returns a message's headers for a dead letter.
func MessageHeaders(r *Record) []schemas.MessageHeader {
	headers := make([]schemas.MessageHeader, len(r.Headers))
	for i, h := range r.Headers {
		headers[i] = schemas.MessageHeader{Name: h.Key, Value: h.Value}
	}
	return headers
}
