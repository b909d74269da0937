package cluster

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// PeakMemory returns the process's peak memory since its start in bytes.
func (p *Process) PeakMemory() (int64, error) {
	l := p.life(false)
	if l == nil {
		return 0, fmt.Errorf("%s does not run", p.Name)
	}
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", l.cmd.Process.Pid))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(status)) {
		var kilobytes int64
		if n, _ := fmt.Sscanf(line, "VmHWM: %d kB", &kilobytes); n == 1 {
			return kilobytes << 10, nil
		}
	}
	return 0, fmt.Errorf("%s: the system does not tell its peak memory", p.Name)
}

// DiskUse returns the size of each part's files in bytes.
func (c *Cluster) DiskUse() (use map[string]int64, err error) {
	use = map[string]int64{}
	err = filepath.WalkDir(c.dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return ignoreMissing(err)
		}
		info, err := entry.Info()
		if err != nil {
			return ignoreMissing(err)
		}
		part, _, _ := strings.Cut(strings.TrimPrefix(path, c.dir+"/"), "/")
		use[part] += info.Size()
		return nil
	})
	return use, err
}

func ignoreMissing(err error) error {
	if os.IsNotExist(err) {
		return nil // deleted since it was listed
	}
	return err
}
