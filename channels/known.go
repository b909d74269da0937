package channels

import "time"

// known is what a store SKU is found by: itself, or what it is packed as while it rests.
type known struct {
	// next is the next one in a ring.
	next    *known
	sku     *storeSKU
	resting resting
}

// newKnown is a store SKU of which nothing is known but its Kafka key.
func newKnown(key string) *known {
	k := &known{}
	k.sku = &storeSKU{standing: standing{key: key}, known: k}
	return k
}

// awake is the store SKU, which rests no longer.
func (k *known) awake() *storeSKU {
	if k.sku == nil {
		k.sku, k.resting = k.resting.open(), resting{}
		k.sku.known = k
	}
	return k.sku
}

// rest packs a store SKU that may rest, by way of memory that it returns.
func (k *known) rest(room []byte) []byte {
	k.resting, room = k.sku.atRest(room)
	k.sku = nil
	return room
}

// notBefore is that of the push that waits, which there must be.
func (k *known) notBefore() time.Duration {
	if k.sku != nil {
		return k.sku.waiting.notBefore
	}
	notBefore, _ := k.resting.waits()
	return notBefore
}

// queuedAt is that of the push that waits, which there must be.
func (k *known) queuedAt() int64 {
	if k.sku != nil {
		return k.sku.waiting.queuedAt
	}
	_, queuedAt := k.resting.waits()
	return queuedAt
}
