package api

import (
	"bytes"
	"fmt"
	"strconv"
)

// Number is an integer that Shopee sends as a number or, in places, as a string.
type Number int64

// UnmarshalJSON reads both forms; null and "" are 0.
func (n *Number) UnmarshalJSON(b []byte) error {
	b = bytes.Trim(b, `"`)
	if len(b) == 0 || string(b) == "null" {
		*n = 0
		return nil
	}
	v, err := strconv.ParseInt(string(b), 10, 64)
	if err != nil {
		return fmt.Errorf("not an integer: %w", err)
	}
	*n = Number(v)
	return nil
}
