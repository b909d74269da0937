package bench

import (
	"cmp"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"stockpush/cmd/internal/embedded/embeddedtest"
	"stockpush/cmd/internal/programtest"
	"stockpush/schemas"
	"stockpush/sinks/clickhouse"
)

func TestMain(m *testing.M) {
	if os.Getenv(brokerVariable) != "" {
		runBroker()
		return
	}
	embeddedtest.Main(m, programtest.Remove, removeLoads)
}

// scaled divides the size of a load by STOCKPUSH_BENCH_SMALLER. Small loads only show that a
// benchmark works; their figures mean nothing.
func scaled(n int) int {
	by, err := strconv.Atoi(cmp.Or(os.Getenv("STOCKPUSH_BENCH_SMALLER"), "1"))
	if err != nil || by < 1 {
		panic("STOCKPUSH_BENCH_SMALLER must be a positive integer")
	}
	return n / by
}

const (
	programShops      = 200
	programPartitions = 12
)

// program is the program with a benchmark's settings, and its servers.
type program struct {
	*programtest.Servers
	b testing.TB
	// flags are passed to every process.
	flags []string
	store *clickhouse.Store
}

// newProgram starts and sets up the servers. All shops of the events are authorized; otherwise
// their pushes would fail at once instead of waiting.
func newProgram(b testing.TB, flags ...string) *program {
	p := &program{b: b, Servers: programtest.StartServers(b, programtest.Options{Shops: programShops, Kafka: os.Getenv("STOCKPUSH_TEST_KAFKA")})}
	p.flags = append([]string{"--kafka.partitions=12", "--sinks.batch_interval=1s"}, flags...)
	setup := append([]string{"setup", "--config", p.File}, p.flags...)
	out, err := exec.Command(programtest.Build(b), setup...).CombinedOutput()
	require.NoError(b, err, "%s", out)
	p.store, err = clickhouse.Open(clickhouse.Config{Addr: []string{p.ClickHouse}, Database: "stockpush", Username: "default"})
	require.NoError(b, err)
	b.Cleanup(func() { require.NoError(b, p.store.Close()) })
	return p
}

// newBacklog returns a program with a backlog of a number of events and store SKUs.
func newBacklog(b testing.TB, events, skus int, flags ...string) *program {
	p := newProgram(b, flags...)
	p.Produce(events, load{skus: skus, shops: programShops, even: true}.events())
	return p
}

// Serve starts a process with the program's flags and waits until it serves.
func (p *program) Serve() *programtest.Process { return p.Servers.Serve(p.flags...) }

// Launch starts a process with more flags, and does not wait.
func (p *program) Launch(more ...string) *programtest.Process {
	return p.Servers.Launch(append(more, p.flags...)...)
}

// event returns an event of a store SKU with its own item.
func event(shop int64, sku string, quantity int) schemas.Event {
	return schemas.Event{
		EventID: fmt.Sprintf("%s-%d", sku, quantity), Reason: schemas.SyncOrder,
		Key:         schemas.Key{Channel: schemas.ChannelShopee, ShopID: shop, StoreSKU: sku},
		MerchantSKU: "M-" + sku, ItemID: 500, ModelID: 7, Available: int64(quantity), OccurredAt: time.Now().UTC(), RepeatsOffset: schemas.NoOffset,
	}
}
