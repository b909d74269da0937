package clickhouse

import (
	"errors"
	"fmt"
	"os"
	"unsafe"

	"golang.org/x/sys/unix"
)

// errNoLandlock reports a kernel that cannot restrict a process.
var errNoLandlock = errors.New("this kernel has no Landlock")

// fileRights returns the file accesses that a version of Landlock knows.
func fileRights(version uintptr) uint64 {
	rights := uint64(unix.LANDLOCK_ACCESS_FS_MAKE_SYM<<1 - 1)
	if version >= 2 {
		rights |= unix.LANDLOCK_ACCESS_FS_REFER
	}
	if version >= 3 {
		rights |= unix.LANDLOCK_ACCESS_FS_TRUNCATE
	}
	if version >= 5 {
		rights |= unix.LANDLOCK_ACCESS_FS_IOCTL_DEV
	}
	return rights
}

// confinable returns why this kernel cannot restrict a process, or nil.
func confinable() error {
	_, err := landlockVersion()
	return err
}

func landlockVersion() (uintptr, error) {
	version, _, errno := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, 0, 0, unix.LANDLOCK_CREATE_RULESET_VERSION)
	if errno != 0 {
		return 0, fmt.Errorf("%w: %w", errNoLandlock, errno)
	}
	return version, nil
}

// readRights are the rights to read and execute.
const readRights = unix.LANDLOCK_ACCESS_FS_EXECUTE | unix.LANDLOCK_ACCESS_FS_READ_FILE | unix.LANDLOCK_ACCESS_FS_READ_DIR

// confine prevents the calling thread, and every thread and program it starts later, from opening
// files that the access does not name. Files that are already open stay open. The caller has locked
// itself to its thread. Readable paths that do not exist are ignored.
func confine(to access) error {
	version, err := landlockVersion()
	if err != nil {
		return err
	}
	rights := fileRights(version)
	attributes := unix.LandlockRulesetAttr{Handled_access_fs: rights}
	ruleset, _, errno := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, uintptr(unsafe.Pointer(&attributes)), unsafe.Sizeof(attributes.Handled_access_fs), 0)
	if errno != 0 {
		return fmt.Errorf("landlock: make a ruleset: %w", errno)
	}
	defer func() { _ = unix.Close(int(ruleset)) }()
	if err := to.allow(ruleset, rights); err != nil {
		return err
	}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("landlock: no new privileges: %w", err)
	}
	if _, _, errno := unix.Syscall(unix.SYS_LANDLOCK_RESTRICT_SELF, ruleset, 0, 0); errno != 0 {
		return fmt.Errorf("landlock: restrict: %w", errno)
	}
	return nil
}

func (a access) allow(ruleset uintptr, rights uint64) error {
	for _, path := range a.writable {
		if err := allow(ruleset, path, rights); err != nil {
			return fmt.Errorf("landlock: allow %s: %w", path, err)
		}
	}
	for _, path := range a.readable {
		if err := allow(ruleset, path, readable(path)); err != nil && !errors.Is(err, unix.ENOENT) {
			return fmt.Errorf("landlock: allow reading %s: %w", path, err)
		}
	}
	return nil
}

// readable are the rights to read a path: Landlock refuses those of folders for a file.
func readable(path string) uint64 {
	if info, err := os.Stat(path); err == nil && !info.IsDir() {
		return readRights &^ unix.LANDLOCK_ACCESS_FS_READ_DIR
	}
	return readRights
}

func allow(ruleset uintptr, folder string, rights uint64) error {
	fd, err := unix.Open(folder, unix.O_PATH|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer func() { _ = unix.Close(fd) }()
	beneath := unix.LandlockPathBeneathAttr{Allowed_access: rights, Parent_fd: int32(fd)}
	if _, _, errno := unix.Syscall6(unix.SYS_LANDLOCK_ADD_RULE, ruleset, unix.LANDLOCK_RULE_PATH_BENEATH, uintptr(unsafe.Pointer(&beneath)), 0, 0, 0); errno != 0 {
		return errno
	}
	return nil
}
