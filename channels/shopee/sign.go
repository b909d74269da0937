package shopee

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"strconv"
)

// sign is Shopee's signature: HMAC-SHA256 over the concatenated parts, in hex.
// The key is used as the text that it is.
func sign(key string, parts ...string) string {
	mac := hmac.New(sha256.New, []byte(key))
	for _, part := range parts {
		_, _ = mac.Write([]byte(part)) // a hash never fails
	}
	return hex.EncodeToString(mac.Sum(nil))
}

func decimal(n int64) string { return strconv.FormatInt(n, 10) }
