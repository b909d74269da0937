package pages

import (
	"context"
	"fmt"
	"reflect"
	"strconv"
	"sync"
	"time"

	"stockpush/cmd/internal/pushrecords"
)

// namesAge is how old the known names of shops may be.
const namesAge = 10 * time.Second

// shopNames are the known shops, by number. It is safe for concurrent use.
type shopNames struct {
	mu     sync.Mutex
	readAt time.Time
	// ids are the shops in the reader's order, names those that have one.
	ids   []uint64
	names map[uint64]string
	// edition changes with the names.
	edition int
}

// refresh reads the names again if they are old. Without an answer the old ones stay: the page's own
// query says what is wrong.
func (n *shopNames) refresh(ctx context.Context, reader Reader, now time.Time) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if now.Sub(n.readAt) < namesAge {
		return
	}
	n.readAt = now
	found, err := reader.Shops(ctx, pushrecords.Filter{})
	if err != nil {
		return
	}
	ids, names := make([]uint64, len(found)), map[uint64]string{}
	for i := range found {
		ids[i] = found[i].ShopID
		if found[i].ShopName != "" {
			names[found[i].ShopID] = found[i].ShopName
		}
	}
	if !reflect.DeepEqual(names, n.names) {
		n.edition++
	}
	n.ids, n.names = ids, names
}

func (n *shopNames) of(id string) string {
	n.mu.Lock()
	defer n.mu.Unlock()
	number, _ := strconv.ParseUint(id, 10, 64) // 0 is no shop
	return n.names[number]
}

// all returns the known shops; nil if none has a name.
func (n *shopNames) all() []uint64 {
	n.mu.Lock()
	defer n.mu.Unlock()
	if len(n.names) == 0 {
		return nil
	}
	return n.ids
}

func (n *shopNames) version() string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return strconv.Itoa(n.edition)
}

// shop returns a shop's name with its number, or the number alone if it has no known name.
func (v *viewer) shop(id any) string {
	number := fmt.Sprint(id)
	if name := v.names.of(number); name != "" {
		return name + " (" + number + ")"
	}
	return v.T("shop", "ID", number)
}

// shopChoices returns the shops to choose from; nil if no names are known.
func (v *viewer) shopChoices(chosen []int64) (choices []choice) {
	ids := v.names.all()
	if ids == nil {
		return nil
	}
	missing := map[uint64]bool{}
	for _, id := range chosen {
		missing[uint64(id)] = true
	}
	add := func(id uint64, isChosen bool) {
		choices = append(choices, choice{strconv.FormatUint(id, 10), v.shop(id), isChosen})
	}
	for _, id := range ids {
		add(id, missing[id])
		delete(missing, id)
	}
	for _, id := range chosen { // shops that have no row
		if missing[uint64(id)] {
			add(uint64(id), true)
		}
	}
	return choices
}
