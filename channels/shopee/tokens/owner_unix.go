//go:build unix

package tokens

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// owner is a user and a group.
type owner struct{ uid, gid int }

// keepOwner gives a file that root created the owner of the file that it will replace. So
// `authorize`, run by root, leaves the tokens file to the user of the service.
func keepOwner(created *os.File, path string) error {
	info, err := created.Stat()
	if err != nil {
		return err
	}
	want, change, err := newOwner(info, path)
	if err != nil || !change {
		return err
	}
	return unlessRefused(created.Chown(want.uid, want.gid))
}

// keepLockOwner gives a lock file that root created the owner of the tokens file.
func keepLockOwner(path string) error {
	lock := path + ".lock"
	info, err := os.Lstat(lock)
	if err != nil {
		return err
	}
	want, change, err := newOwner(info, path)
	if err != nil || !change {
		return err
	}
	return unlessRefused(os.Lchown(lock, want.uid, want.gid)) // not the target of a link that another user made
}

// unlessRefused ignores that this root may not change owners, for example without CAP_CHOWN, on a
// share that squashes root, or because its user namespace has no such user.
func unlessRefused(err error) error {
	if errors.Is(err, fs.ErrPermission) || errors.Is(err, syscall.EINVAL) {
		return nil
	}
	return err
}

// newOwner returns the owner of the tokens file, or of its folder if it does not exist, and whether
// root must give it to a file.
func newOwner(file fs.FileInfo, path string) (want owner, change bool, err error) {
	if os.Geteuid() != 0 {
		return owner{}, false, nil
	}
	info, err := os.Stat(path)
	if os.IsNotExist(err) {
		info, err = os.Stat(filepath.Dir(path))
	}
	if err != nil {
		return owner{}, false, err
	}
	want, err = ownerOf(info)
	if err != nil {
		return owner{}, false, err
	}
	have, err := ownerOf(file)
	return want, have != want, err
}

func ownerOf(info fs.FileInfo) (owner, error) {
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return owner{}, fmt.Errorf("%s has no owner", info.Name())
	}
	return owner{int(stat.Uid), int(stat.Gid)}, nil
}
