package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"stockpush/channels/shopee/sandbox"
	"stockpush/cmd/internal/programtest"
	"stockpush/cmd/internal/service"
	"stockpush/processor/stream/kafka"
	"stockpush/schemas"
)

// The upgrade test runs the last release, whose commit is in .ci/previous-version, beside this
// version. `make upgrade` runs it; it needs the repository's history. 0.1.0 is the first release
// that later ones must read; until then the file says "none".
const upgradeVariable = "STOCKPUSH_TEST_UPGRADE"

// previousVersion builds the program of the earlier commit.
func previousVersion(t *testing.T) (program string) {
	t.Helper()
	if os.Getenv(upgradeVariable) == "" {
		t.Skip("`make upgrade` runs this test")
	}
	root := filepath.Join("..", "..")
	named, err := os.ReadFile(filepath.Join(root, ".ci", "previous-version"))
	require.NoError(t, err)
	commit := strings.TrimSpace(string(named))
	if commit == "none" {
		t.Skip("there is no release before this version")
	}
	source := t.TempDir()
	archive := exec.Command("git", "-C", root, "archive", "--output", filepath.Join(source, "source.tar"), commit)
	out, err := archive.CombinedOutput()
	require.NoError(t, err, "commit %s is not in this clone's history (git fetch --unshallow): %s", commit, out)
	out, err = exec.Command("tar", "-C", source, "-xf", filepath.Join(source, "source.tar")).CombinedOutput()
	require.NoError(t, err, string(out))
	program = filepath.Join(source, "stockpush-previous")
	build := exec.Command("go", "build", "-o", program, "./cmd/stockpush")
	build.Dir = source
	out, err = build.CombinedOutput()
	require.NoError(t, err, string(out))
	return program
}

// upgrade is the traffic of some shops while the program is exchanged.
type upgrade struct {
	*system
	s *surroundings
	// old and now are the two programs.
	old, now string
	running  map[string]*programtest.Process
	round    int
	// sent is the newest quantity of each store SKU, events the number of events.
	sent   map[schemas.Key]int64
	events int
}

// The shops: most have no faults, three do.
const (
	upgradeShops  = 4
	refusingShop  = 10005
	downShop      = 10006
	forgetfulShop = 10007
)

func newUpgrade(t *testing.T) *upgrade {
	old, now := previousVersion(t), programtest.Build(t)
	s := newSurroundings(t)
	s.Configure("  shop_rate: 100\n  app_rate: 400\n  confirm_after: 6s\nprocessor: {window: 200ms}\n")
	u := &upgrade{s: s, old: old, now: now, running: map[string]*programtest.Process{}, sent: map[schemas.Key]int64{}}
	require.NoError(t, s.Sandbox.Describe(sandbox.Item{ShopID: refusingShop, ItemID: 500, Models: []sandbox.Model{{ModelID: 7, Locked: true}}}))
	require.NoError(t, s.Sandbox.AddFault(sandbox.Fault{ShopID: downShop, Kind: "outage"}))
	u.command(old, "setup")
	u.system = s.system()
	return u
}

// command runs a command of one of the programs and requires success.
func (u *upgrade) command(program string, args ...string) {
	u.s.TB.Helper()
	out, err := exec.Command(program, append(args, "--config", u.s.File)...).CombinedOutput()
	require.NoError(u.s.TB, err, "%v: %s", args, out)
}

// roll starts a role of one program beside the running one, and then stops that one, under load.
func (u *upgrade) roll(role, program string) {
	before := u.running[role]
	u.business()
	u.running[role] = u.s.ServeWith(program, "--roles", role)
	u.business()
	if before != nil {
		before.Terminate()
		requireNoComplaint(u.t, before)
	}
	u.business()
	u.settle()
}

// requireNoComplaint looks for complaints in a role's log.
func requireNoComplaint(t testing.TB, p *programtest.Process) {
	for _, complaint := range []string{"cannot be read", "level=ERROR", "panic"} {
		require.NotContains(t, string(p.Log()), complaint)
	}
}

// business is a round of events: bursts for every store SKU.
func (u *upgrade) business() {
	u.round++
	var events []schemas.Event
	for shop := int64(10001); shop <= downShop; shop++ {
		for sku := range int64(5) {
			for range 3 {
				e := event(shop, fmt.Sprintf("sku/%d", sku), u.events)
				e.ItemID, e.ModelID = 500+sku%2, sku+1
				if shop == refusingShop {
					e.ItemID, e.ModelID = 500, 7
				}
				u.sent[e.Key] = e.PushQty()
				u.events++
				events = append(events, e)
			}
		}
	}
	u.send(events...)
}

// settle waits until every event of the shops without faults has its record.
func (u *upgrade) settle() {
	u.t.Helper()
	each := u.round * 5 * 3
	eventually(u.system, uint64(upgradeShops*each), "SELECT uniqExact(event_id) FROM {db}.push_records FINAL WHERE shop_id <= 10004 AND status IN ('Successfully', 'Skipped')")
	eventually(u.system, uint64(each), fmt.Sprintf("SELECT uniqExact(event_id) FROM {db}.push_records FINAL WHERE shop_id = %d AND status IN ('Failed', 'Skipped')", refusingShop))
	eventually(u.system, uint64(each), fmt.Sprintf("SELECT uniqExact(event_id) FROM {db}.push_records FINAL WHERE shop_id = %d", downShop))
	// An insert reaches the tables behind the other views a moment later.
	eventually(u.system, uint64((upgradeShops+1)*each), fmt.Sprintf("SELECT sum(records) FROM {db}.push_stats_hourly WHERE shop_id <= %d", refusingShop))
	eventually(u.system, uint64(0), fmt.Sprintf("SELECT sum(pending) FROM {db}.store_sku_push_status WHERE shop_id <= %d", refusingShop))
	eventually(u.system, one[uint64](u.system, fmt.Sprintf("SELECT count() FROM {db}.push_records FINAL WHERE shop_id = %d AND status = 'Failed'", refusingShop)),
		fmt.Sprintf("SELECT count() FROM {db}.failed_push_records WHERE shop_id = %d", refusingShop))
	for shop := int64(10001); shop <= 10004; shop++ {
		for sku := range int64(5) {
			key := schemas.Key{Channel: schemas.ChannelShopee, ShopID: shop, StoreSKU: fmt.Sprintf("sku/%d", sku)}
			require.Equal(u.t, u.sent[key], u.shown(shop, sku+1), key.String())
		}
	}
}

// loseAReply leaves a request that is applied after a newer push.
func (u *upgrade) loseAReply() (repaired func()) {
	older, newer := event(forgetfulShop, "late", u.events), event(forgetfulShop, "late", u.events+1)
	u.events += 2
	calls := len(u.sandbox.Calls(forgetfulShop))
	require.NoError(u.t, u.sandbox.AddFault(sandbox.Fault{ShopID: forgetfulShop, Kind: "late", Times: 1, DelayMS: 3000}))
	u.send(older)
	eventually(u.system, uint64(1), "SELECT count() FROM {db}.push_record_history WHERE event_id = '"+older.EventID+"' AND status = 'Pending'")
	u.send(newer)
	eventually(u.system, "Successfully", "SELECT any(toString(status)) FROM {db}.push_record_history WHERE event_id = '"+newer.EventID+"'")
	return func() {
		u.t.Helper()
		require.Eventually(u.t, func() bool {
			applied := false
			for _, call := range u.sandbox.Calls(forgetfulShop)[calls:] {
				applied = applied || call.Lines[0].Stock == older.PushQty()
			}
			return applied && u.shown(forgetfulShop, newer.ModelID) == newer.PushQty()
		}, 60*time.Second, 50*time.Millisecond)
	}
}

// shows returns a view's rows, with the named columns as text.
func (u *upgrade) shows(view string, columns []string) string {
	u.t.Helper()
	list := strings.Join(columns, ", ")
	return one[string](u.system, "SELECT arrayStringConcat(arraySort(groupArray(formatRow('TSV', "+list+")))) FROM {db}."+view)
}

// columns returns a view's columns, without the percentiles, which are exact only within 1 %, and
// the hints, whose words may change.
func (u *upgrade) columns(view string) []string {
	return one[[]string](u.system, "SELECT groupArray(name) FROM system.columns WHERE database = '{db}' AND table = '"+view+"' AND name NOT LIKE 'p%_ms' AND name != 'hint'")
}

var publicViews = []string{
	"push_record_history", "store_sku_push_status", "merchant_sku_push_status", "failed_push_records", "push_stats_hourly", "rejected_events",
}

// migrate runs the new program's setup on the old one's rows: all views show the same.
func (u *upgrade) migrate() {
	columns, before := map[string][]string{}, map[string]string{}
	for _, view := range publicViews {
		columns[view] = u.columns(view)
		before[view] = u.shows(view, columns[view])
		require.NotEmpty(u.t, before[view], view)
	}
	u.command(u.now, "setup")
	u.command(u.now, "setup", "--check")
	for _, view := range publicViews {
		require.Equal(u.t, before[view], u.shows(view, columns[view]), view)
	}
}

// The program is exchanged role by role, back again, and finally forwards, under load and with faults in
// some shops. In the end everything is as expected.
func TestUpgradeRollsForwardAndBackWithoutLoss(t *testing.T) {
	u := newUpgrade(t)
	stages := []string{service.Processor, service.Channels, service.Sink}
	for _, role := range stages {
		u.running[role] = u.s.ServeWith(u.old, "--roles", role)
	}
	u.bad(1)
	u.business()
	u.settle()
	u.migrate()
	for _, program := range []string{u.now, u.old, u.now} {
		for _, role := range stages {
			repaired := func() {}
			if role == service.Channels {
				repaired = u.loseAReply()
			}
			u.roll(role, program)
			repaired()
		}
	}
	u.bad(1)
	u.allIsRight()
	for _, role := range stages {
		u.running[role].Terminate()
		requireNoComplaint(t, u.running[role])
	}
}

// bad sends invalid events.
func (u *upgrade) bad(n int) {
	for range n {
		u.sendRaw([]byte("shopee/10001/bad"), []byte(`{"reason": "sold_out"}`))
	}
	require.NoError(u.t, u.producer.Flush(u.t.Context()))
}

// allIsRight heals every fault and checks everything.
func (u *upgrade) allIsRight() {
	require.NoError(u.t, u.sandbox.Describe(sandbox.Item{ShopID: refusingShop, ItemID: 500, Models: []sandbox.Model{{ModelID: 7}}}))
	u.sandbox.RemoveFaults(0, "")
	u.command(u.now, "retry", "--yes")
	eventually(u.system, uint64(0), "SELECT count() FROM {db}.failed_push_records")
	eventually(u.system, uint64(0), "SELECT sum(pending) FROM {db}.store_sku_push_status")
	const retried = 5
	eventually(u.system, uint64(u.events+retried), "SELECT uniqExact(event_id) FROM {db}.push_records FINAL WHERE status != 'Pending'")
	require.Equal(u.t, uint64(u.events+retried), one[uint64](u.system, "SELECT count() FROM {db}.push_records FINAL"))
	eventually(u.system, uint64(u.events+retried), "SELECT sum(records) FROM {db}.push_stats_hourly")
	eventually(u.system, uint64(2), "SELECT count() FROM {db}.rejected_events")
	require.Equal(u.t, 2, u.deadLetters())
	u.everyNewestIsShown()
	u.nothingOlderWasSentAfterNewer()
}

func (u *upgrade) deadLetters() (n int) {
	for p := range int32(3) {
		require.NoError(u.t, kafka.ReadPartition(u.t.Context(), u.conn, u.topics.DeadLetters(), p, func(*kafka.Record) error { n++; return nil }))
	}
	return n
}

func (u *upgrade) everyNewestIsShown() {
	for key, qty := range u.sent {
		var sku int64
		_, err := fmt.Sscanf(key.StoreSKU, "sku/%d", &sku)
		require.NoError(u.t, err)
		where := fmt.Sprintf(" FROM {db}.store_sku_push_status WHERE shop_id = %d AND store_sku = '%s'", key.ShopID, key.StoreSKU)
		require.Equal(u.t, qty, one[int64](u.system, "SELECT last_push_qty"+where), key.String())
		require.Equal(u.t, "Successfully", one[string](u.system, "SELECT toString(last_push_status)"+where), key.String())
		if key.ShopID != refusingShop { // whose store SKUs share one model
			require.Equal(u.t, qty, u.shown(key.ShopID, sku+1), key.String())
		}
	}
}

func (u *upgrade) nothingOlderWasSentAfterNewer() {
	for shop := int64(10001); shop <= downShop; shop++ {
		if shop == refusingShop {
			continue
		}
		sent := map[int64]int64{}
		for _, call := range u.sandbox.Calls(shop) {
			for _, line := range call.Lines {
				require.GreaterOrEqual(u.t, line.Stock, sent[line.ModelID], "an older quantity after a newer one")
				sent[line.ModelID] = line.Stock
			}
		}
	}
}
