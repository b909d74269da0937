package cluster

import (
	"errors"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"syscall"
)

var opsAddr = regexp.MustCompile(`ops\.listen=(\S+)`)

// Examine writes data for an analysis of a failed run beside the logs: metrics and goroutines of
// the running instances, and the embedded broker's data. The instances exit.
func (c *Cluster) Examine() error {
	errs := []error{exec.Command("tar", "-C", c.BrokerDisk.Dir, "--exclude=ballast", "-czf", filepath.Join(c.dir, "broker.tar.gz.log"), ".").Run()}
	errs = append(errs, save(c.SandboxURL+"/sandbox/calls?shop_id=0", filepath.Join(c.dir, "calls.json.log")))
	for _, i := range c.Instances() {
		if i.Running() {
			errs = append(errs, i.saveMetrics())
			i.quit()
		}
	}
	return errors.Join(errs...)
}

func (p *Process) saveMetrics() error {
	log, err := os.ReadFile(p.log)
	if err != nil {
		return err
	}
	found := opsAddr.FindAllSubmatch(log, -1)
	if len(found) == 0 {
		return nil
	}
	return save("http://"+string(found[len(found)-1][1])+"/metrics", p.log+".metrics.log")
}

func save(address, file string) error {
	answer, err := http.Get(address)
	if err != nil {
		return err
	}
	defer func() { _ = answer.Body.Close() }()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		return err
	}
	return os.WriteFile(file, text, 0o600)
}

// quit makes Go print the goroutines, and waits for the exit.
func (p *Process) quit() {
	if l := p.life(true); l != nil {
		_ = l.cmd.Process.Signal(syscall.SIGQUIT) // fails if it has exited
		<-l.ended
	}
}
