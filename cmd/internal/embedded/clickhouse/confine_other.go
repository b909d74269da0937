//go:build !linux

package clickhouse

import "errors"

var errNoLandlock = errors.New("only Linux can confine a process")

func confine(access) error { return errNoLandlock }

func confinable() error { return errNoLandlock }
