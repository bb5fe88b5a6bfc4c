//go:build !(darwin || dragonfly || freebsd || linux || netbsd || openbsd)

package file

import (
	"context"

	"github.com/assayhq/assay/fault"
)

// lock refuses: without flock two processes could lose each other's changes.
func lock(context.Context, string) (func(), error) {
	return nil, fault.New(fault.Unavailable, "the file store cannot be changed on this system, which has no flock: use another keeper")
}
