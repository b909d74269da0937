package schemas

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"
)

// ChannelShopee is the only channel that events may name today.
const ChannelShopee = "shopee"

// Key names a store SKU: one sellable thing in one shop of one channel.
type Key struct {
	Channel  string
	ShopID   int64
	StoreSKU string
}

// String is the Kafka key, "<channel>/<shop_id>/<store_sku>". The store SKU is
// everything after the second slash, slashes included.
func (k Key) String() string {
	return string(k.Append(make([]byte, 0, len(k.Channel)+len(k.StoreSKU)+21)))
}

// Append appends the Kafka key to b.
func (k Key) Append(b []byte) []byte {
	b = append(b, k.Channel...)
	b = append(b, '/')
	b = strconv.AppendInt(b, k.ShopID, 10)
	b = append(b, '/')
	return append(b, k.StoreSKU...)
}

// Is says whether a Kafka key is this one, without parsing it: it is called for every event.
func (k *Key) Is(key []byte) bool {
	shop := len(key) - len(k.StoreSKU) - 1 // where the shop's number ends
	from := len(k.Channel) + 1
	if shop <= from || key[shop] != '/' || key[from-1] != '/' || string(key[shop+1:]) != k.StoreSKU || string(key[:from-1]) != k.Channel {
		return false
	}
	return isNumber(key[from:shop], k.ShopID)
}

// isNumber says whether a text is the decimal form of a positive number.
func isNumber(text []byte, n int64) bool {
	for i := len(text) - 1; i >= 0; i-- {
		if n == 0 || text[i] != byte('0'+n%10) {
			return false
		}
		n /= 10
	}
	return n == 0
}

// Shop is the key's shop.
func (k Key) Shop() Shop { return Shop{Channel: k.Channel, ID: k.ShopID} }

// Shop names a shop of a channel.
type Shop struct {
	Channel string
	ID      int64
}

// String is "<channel>/<shop_id>", the text whose hash places a shop's commands
// and state in a partition.
func (s Shop) String() string { return s.Channel + "/" + strconv.FormatInt(s.ID, 10) }

// ShopText returns the part of a Kafka key that equals Shop.String.
func ShopText(key string) string {
	channel := strings.IndexByte(key, '/') + 1
	return key[:channel+max(0, strings.IndexByte(key[channel:], '/'))]
}

// Position is where an event lies in the events topic. It identifies the
// event's record, and its order is the only meaning of "newer" between events
// of one store SKU, which all lie in one partition.
type Position struct {
	// LogID is the log generation: how often the events topic was created; it starts at 1.
	LogID uint16
	// Partition of the events topic.
	Partition int32
	// Offset in that partition.
	Offset int64
}

// Compare orders positions of one store SKU: by log, then by offset.
func (p Position) Compare(q Position) int {
	return cmp.Or(cmp.Compare(p.LogID, q.LogID), cmp.Compare(p.Offset, q.Offset))
}

// Newer says whether p is newer than q.
func (p Position) Newer(q Position) bool { return p.Compare(q) > 0 }

// IsZero says whether p is no event's position.
func (p Position) IsZero() bool { return p.LogID == 0 }

// ParseKey reads a Kafka key.
func ParseKey(text string) (Key, error) {
	channel, tail, _ := strings.Cut(text, "/")
	shop, sku, found := strings.Cut(tail, "/")
	id, err := strconv.ParseInt(shop, 10, 64)
	if !found || channel == "" || sku == "" || err != nil {
		return Key{}, fmt.Errorf("key %q is not <channel>/<shop_id>/<store_sku>", text)
	}
	return Key{Channel: channel, ShopID: id, StoreSKU: sku}, nil
}

// Frontier has the newest position seen of each partition of the events topic.
type Frontier map[int32]Position

// Take adds a position; it ignores a zero one.
func (f Frontier) Take(p Position) {
	if !p.IsZero() && p.Newer(f[p.Partition]) {
		f[p.Partition] = p
	}
}
