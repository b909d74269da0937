package cluster

import (
	"os"
	"path/filepath"
)

// Disk is a folder on a small file system of its own, so that it can be full.
type Disk struct {
	Dir string
	// Small reports whether it has its own file system, which needs the right to mount.
	Small bool
}

// NewDisk creates a folder. It is an ordinary one for 0 megabytes or without the right to mount.
func NewDisk(dir string, megabytes int) (*Disk, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	return &Disk{Dir: dir, Small: megabytes > 0 && mount(dir, megabytes) == nil}, nil
}

func (d *Disk) ballast() string { return filepath.Join(d.Dir, "ballast") }

// Fill fills the file system.
func (d *Disk) Fill() error {
	if !d.Small {
		return nil
	}
	file, err := os.OpenFile(d.ballast(), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }()
	for _, size := range []int{1 << 20, 4096} {
		block := make([]byte, size)
		for {
			if _, err := file.Write(block); err != nil {
				break // disk full
			}
		}
	}
	return nil
}

// Free frees the space again.
func (d *Disk) Free() error {
	if err := os.Remove(d.ballast()); err != nil && !os.IsNotExist(err) {
		return err
	}
	return nil
}

// Close unmounts the file system and loses its files.
func (d *Disk) Close() error {
	if !d.Small {
		return nil
	}
	return unmount(d.Dir)
}
