package shopee

import (
	"context"
	"hash/fnv"
	"maps"
	"slices"
)

// Credentials is a number that changes with the shop's tokens, so that a held
// shop is probed at once when they do. It is 0 for a shop without tokens.
func (c *Client) Credentials(shopID int64) uint64 {
	pair, err := c.tokens.Load(context.Background(), shopID)
	if err != nil {
		return 0
	}
	h := fnv.New64a()
	_, _ = h.Write([]byte(pair.RefreshToken.Reveal() + " " + pair.AccessToken.Reveal())) // a hash never fails
	return h.Sum64()
}

// Shops lists the shops that the file has tokens of, in order.
func (s *FileStore) Shops(context.Context) ([]int64, error) {
	pairs, err := s.current()
	if err != nil {
		return nil, err
	}
	return slices.Sorted(maps.Keys(pairs)), nil
}
