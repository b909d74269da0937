package schemas

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"unicode/utf8"
)

// limits are a text's: in bytes, or in characters.
type limits struct {
	low, high  int
	characters bool
}

// text reads a JSON string into to.
func text(to *string, field int, raw []byte, l limits) *BadEvent {
	name := fieldNames[field]
	if raw[0] != '"' {
		return &BadEvent{Code: CodeWrongType, Field: name, Message: "not a text"}
	}
	s, plain := unquote(raw)
	if !plain {
		return &BadEvent{Code: CodeBadText, Field: name, Message: "control characters or unpaired surrogates"}
	}
	n := len(s)
	if l.characters {
		n = utf8.RuneCountInString(s)
	}
	if n < l.low || n > l.high {
		return &BadEvent{Code: CodeBadLength, Field: name, Message: fmt.Sprintf("%d long, not %d to %d", n, l.low, l.high)}
	}
	*to = s
	return nil
}

// unquote returns the text of a JSON string of valid UTF-8, and whether it is free of control
// characters and unpaired surrogates.
func unquote(raw []byte) (s string, plain bool) {
	inner := raw[1 : len(raw)-1]
	for _, c := range inner[plainPrefix(inner):] {
		if c == '\\' {
			return unescape(raw)
		}
		if c < ' ' || c == 0x7f {
			return "", false
		}
	}
	return string(inner), true
}

func unescape(raw []byte) (s string, plain bool) {
	if !pairedSurrogates(raw) || json.Unmarshal(raw, &s) != nil {
		return "", false
	}
	for i := range len(s) {
		if s[i] < ' ' || s[i] == 0x7f {
			return "", false
		}
	}
	return s, true
}

// pairedSurrogates says whether every \uD800–\uDFFF is half of a pair; encoding/json would
// replace it otherwise.
func pairedSurrogates(raw []byte) bool {
	for i := 0; i < len(raw)-1; i++ {
		if raw[i] != '\\' {
			continue
		}
		i++
		if raw[i] != 'u' {
			continue
		}
		switch unit := codeUnit(raw, i-1); {
		case unit >= 0xDC00 && unit <= 0xDFFF:
			return false
		case unit >= 0xD800 && unit <= 0xDBFF:
			if low := codeUnit(raw, i+5); low < 0xDC00 || low > 0xDFFF {
				return false
			}
			i += 10
		default:
			i += 4
		}
	}
	return true
}

// codeUnit is the unit of the \uXXXX at i, or -1 if there is none.
func codeUnit(raw []byte, i int) int64 {
	if i+6 > len(raw) || raw[i] != '\\' || raw[i+1] != 'u' {
		return -1
	}
	unit, err := strconv.ParseUint(string(raw[i+2:i+6]), 16, 16)
	if err != nil {
		return -1
	}
	return int64(unit)
}

// integer reads a JSON number without fraction and exponent, at least low.
func integer(to *int64, field int, raw []byte, low int64) *BadEvent {
	name := fieldNames[field]
	for i, c := range raw {
		if (c < '0' || c > '9') && (i != 0 || c != '-') {
			return &BadEvent{Code: CodeWrongType, Field: name, Message: "not a whole number"}
		}
	}
	n, err := strconv.ParseInt(string(raw), 10, 64)
	if errors.Is(err, strconv.ErrRange) || err == nil && n < low {
		return &BadEvent{Code: CodeOutOfRange, Field: name, Message: fmt.Sprintf("not within %d to %d", low, int64(1<<63-1))}
	}
	if err != nil {
		return &BadEvent{Code: CodeWrongType, Field: name, Message: "not a whole number"}
	}
	*to = n
	return nil
}

// checkUnknown checks that an unknown field's value is not nested too deeply.
func checkUnknown(raw []byte) *BadEvent {
	if raw[0] != '{' && raw[0] != '[' {
		return nil
	}
	depth, inString := 1, false
	for i := 0; i < len(raw); i++ {
		switch c := raw[i]; {
		case inString && c == '\\':
			i++
		case c == '"':
			inString = !inString
		case inString:
		case c == '{' || c == '[':
			if depth++; depth > maxDepth {
				return &BadEvent{Code: CodeTooDeep, Message: "nested deeper than 64"}
			}
		case c == '}' || c == ']':
			depth--
		}
	}
	return nil
}

// cut shortens a text to at most n bytes without splitting a character.
func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}
