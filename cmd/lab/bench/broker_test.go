package bench

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"stockpush/cmd/internal/embedded/broker"
)

// brokerVariable makes the test binary run as the broker.
const brokerVariable = "STOCKPUSH_BENCH_BROKER"

// startBroker starts an in-memory broker in a process of its own, as in production: the log would
// otherwise fill the memory that the program's limits are for.
func startBroker(b testing.TB) (addr string) {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), brokerVariable+"=1")
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	require.NoError(b, err)
	out, err := cmd.StdoutPipe()
	require.NoError(b, err)
	require.NoError(b, cmd.Start())
	b.Cleanup(func() {
		require.NoError(b, in.Close())
		require.NoError(b, cmd.Wait())
	})
	line, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(b, err)
	return strings.TrimSpace(line)
}

// runBroker runs a broker until standard input ends, and prints its address.
func runBroker() {
	started, err := broker.Start(broker.Config{Listen: "127.0.0.1:0"})
	if err != nil {
		panic(err)
	}
	defer started.Close()
	fmt.Println(started.Addr())
	_, _ = io.Copy(io.Discard, os.Stdin)
}
