package channeltest

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"stockpush/channels"
	"stockpush/schemas"
)

// Trouble is what the next call to a marketplace runs into.
type Trouble string

// The troubles that every marketplace can have.
const (
	// Outage: it answers that it is down.
	Outage Trouble = "outage"
	// Throttled: it takes no more calls for now.
	Throttled Trouble = "throttle"
	// LostReply: it applies the call, and the answer does not arrive.
	LostReply Trouble = "lost_reply"
	// Garbage: its answer cannot be read.
	Garbage Trouble = "garbage"
	// Deauthorized: the shop's authorization is gone, for this and all later calls.
	Deauthorized Trouble = "unlink"
)

// Marketplace is a channel with the hands of a test on the other side of it.
type Marketplace interface {
	Channel() channels.Channel
	// Shop is a shop that the channel may push to.
	Shop() int64
	// Stranger is a shop that the channel has no credentials for.
	Stranger() int64
	// Shows is what a model shows; 0 for one that was never mentioned.
	Shows(itemID, modelID int64) int64
	// Next makes the next call run into trouble.
	Next(Trouble)
}

// Run holds a channel to what lanes rely on. open makes a marketplace without stock.
func Run(t *testing.T, open func(t *testing.T) Marketplace) {
	for name, test := range map[string]func(*testing.T, bench){
		"each line has its verdict in order":        eachLineHasItsVerdict,
		"a full call is taken":                      aFullCallIsTaken,
		"a read shows what was pushed":              aReadShowsWhatWasPushed,
		"calls at once do not disturb each other":   callsAtOnce,
		"an outage is a failure of the channel":     anOutageIsAFailure,
		"throttling is a refusal and no failure":    throttlingIsNoFailure,
		"a lost reply has an unknown outcome":       aLostReplyIsUnknown,
		"an unreadable answer is no success":        garbageIsNoSuccess,
		"lost authorization is the whole shop's":    lostAuthorizationIsTheShops,
		"an ended context ends the call":            anEndedContextEndsTheCall,
		"a read in an outage does not claim stocks": aReadInAnOutage,
		"a call of who may not push is not sent":    aWithheldCall,
		"a shop without credentials is not called":  aStrangerIsNotCalled,
	} {
		t.Run(name, func(t *testing.T) { test(t, bench{open(t)}) })
	}
}

type bench struct{ Marketplace }

const itemID = 77

func (b bench) push(t *testing.T, lines ...channels.Line) channels.Answer {
	a := b.Channel().Push(t.Context(), channels.Call{ShopID: b.Shop(), ItemID: itemID, Lines: lines})
	require.Len(t, a.Verdicts, len(lines), "one verdict a line")
	for i, v := range a.Verdicts {
		if v.Outcome == channels.Confirmed {
			require.Empty(t, v.Code)
			require.Equal(t, lines[i].Qty, v.Qty)
		} else {
			require.True(t, v.Code.Valid(), "%q is no failure code", v.Code)
		}
	}
	return a
}

func (b bench) one(t *testing.T, qty int64) (channels.Verdict, channels.Answer) {
	a := b.push(t, channels.Line{ModelID: 1, Qty: qty})
	return a.Verdicts[0], a
}

func eachLineHasItsVerdict(t *testing.T, b bench) {
	a := b.push(t, channels.Line{ModelID: 3, Qty: 30}, channels.Line{ModelID: 1, Qty: 0}, channels.Line{ModelID: 2, Qty: 20})
	for i, want := range []int64{30, 0, 20} {
		require.Equal(t, channels.Confirmed, a.Verdicts[i].Outcome)
		require.Equal(t, want, a.Verdicts[i].Qty)
	}
	require.Equal(t, 1, a.Calls)
	require.False(t, a.Failure)
	require.Equal(t, int64(30), b.Shows(itemID, 3))
	require.Equal(t, int64(20), b.Shows(itemID, 2))
}

func aFullCallIsTaken(t *testing.T, b bench) {
	var lines []channels.Line
	for i := range int64(b.Channel().MaxLines()) {
		lines = append(lines, channels.Line{ModelID: i + 1, Qty: i})
	}
	for _, v := range b.push(t, lines...).Verdicts {
		require.Equal(t, channels.Confirmed, v.Outcome)
	}
}

func aReadShowsWhatWasPushed(t *testing.T, b bench) {
	b.push(t, channels.Line{ModelID: 1, Qty: 5}, channels.Line{ModelID: 2, Qty: 6})
	stocks, v := b.Channel().Read(t.Context(), b.Shop(), itemID)
	require.Equal(t, channels.Confirmed, v.Outcome)
	shown := map[int64]int64{}
	for _, s := range stocks {
		shown[s.ModelID] = s.Qty
	}
	require.Equal(t, int64(5), shown[1])
	require.Equal(t, int64(6), shown[2])
}

func callsAtOnce(t *testing.T, b bench) {
	var all sync.WaitGroup
	for item := range int64(20) {
		all.Go(func() {
			a := b.Channel().Push(t.Context(), channels.Call{ShopID: b.Shop(), ItemID: item + 1, Lines: []channels.Line{{ModelID: 1, Qty: item}}})
			if len(a.Verdicts) != 1 || a.Verdicts[0].Qty != item {
				t.Errorf("item %d: %+v", item, a)
			}
		})
	}
	all.Wait()
	for item := range int64(20) {
		require.Equal(t, item, b.Shows(item+1, 1))
	}
}

func anOutageIsAFailure(t *testing.T, b bench) {
	b.Next(Outage)
	v, a := b.one(t, 5)
	require.NotEqual(t, channels.Confirmed, v.Outcome)
	require.Equal(t, schemas.ClassInfrastructure, v.Code.Class())
	require.True(t, a.Failure)
	v, _ = b.one(t, 5)
	require.Equal(t, channels.Confirmed, v.Outcome, "the channel does not remember it")
}

func throttlingIsNoFailure(t *testing.T, b bench) {
	b.Next(Throttled)
	v, a := b.one(t, 5)
	require.Equal(t, channels.Refused, v.Outcome)
	require.Equal(t, schemas.ClassThrottle, v.Code.Class())
	require.False(t, a.Failure)
	require.Zero(t, b.Shows(itemID, 1))
}

func aLostReplyIsUnknown(t *testing.T, b bench) {
	b.Next(LostReply)
	v, a := b.one(t, 5)
	require.Equal(t, channels.Unknown, v.Outcome)
	require.Equal(t, schemas.ClassInfrastructure, v.Code.Class())
	require.True(t, a.Failure)
	require.Equal(t, int64(5), b.Shows(itemID, 1))
}

func garbageIsNoSuccess(t *testing.T, b bench) {
	b.Next(Garbage)
	v, a := b.one(t, 5)
	require.Equal(t, channels.Unknown, v.Outcome)
	require.True(t, a.Failure)
}

func lostAuthorizationIsTheShops(t *testing.T, b bench) {
	b.Next(Deauthorized)
	for range 2 {
		v, a := b.one(t, 5)
		require.Equal(t, channels.Refused, v.Outcome)
		require.Equal(t, schemas.AuthorizationLost, v.Code)
		require.Equal(t, channels.ScopeShop, v.Scope)
		require.False(t, a.Failure)
	}
	require.Zero(t, b.Shows(itemID, 1))
}

func anEndedContextEndsTheCall(t *testing.T, b bench) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	answered := make(chan channels.Answer, 1)
	go func() {
		answered <- b.Channel().Push(ctx, channels.Call{ShopID: b.Shop(), ItemID: itemID, Lines: []channels.Line{{ModelID: 1, Qty: 5}}})
	}()
	select {
	case a := <-answered:
		require.Len(t, a.Verdicts, 1)
		require.NotEqual(t, channels.Confirmed, a.Verdicts[0].Outcome)
	case <-time.After(10 * time.Second):
		require.Fail(t, "the call continues after its caller ended")
	}
}

func aWithheldCall(t *testing.T, b bench) {
	b.push(t, channels.Line{ModelID: 1, Qty: 5})
	call := channels.Call{ShopID: b.Shop(), ItemID: itemID, Lines: []channels.Line{{ModelID: 1, Qty: 4}}, Alive: func() bool { return false }}
	a := b.Channel().Push(t.Context(), call)
	require.Equal(t, channels.Refused, a.Verdicts[0].Outcome)
	require.Equal(t, schemas.ClassInfrastructure, a.Verdicts[0].Code.Class(), "it is tried again")
	require.False(t, a.Failure)
	require.Zero(t, a.Calls)
	require.Equal(t, int64(5), b.Shows(itemID, 1))
}

func aStrangerIsNotCalled(t *testing.T, b bench) {
	shopID := b.Stranger()
	a := b.Channel().Push(t.Context(), channels.Call{ShopID: shopID, ItemID: itemID, Lines: []channels.Line{{ModelID: 1, Qty: 5}}})
	require.Zero(t, a.Calls)
	require.False(t, a.Failure)
	_, read := b.Channel().Read(t.Context(), shopID, itemID)
	known, ready := b.Channel().Ready(shopID)
	require.False(t, ready, "it is known once one call was tried")
	for _, v := range []channels.Verdict{a.Verdicts[0], read, known} {
		require.Equal(t, channels.Refused, v.Outcome)
		require.Equal(t, schemas.AuthorizationLost, v.Code)
		require.Equal(t, channels.ScopeShop, v.Scope)
	}

	b.one(t, 5)
	_, ready = b.Channel().Ready(b.Shop())
	require.True(t, ready)
}

func aReadInAnOutage(t *testing.T, b bench) {
	b.one(t, 5)
	b.Next(Outage)
	_, v := b.Channel().Read(t.Context(), b.Shop(), itemID)
	require.NotEqual(t, channels.Confirmed, v.Outcome)
	require.Equal(t, schemas.ClassInfrastructure, v.Code.Class())
}
