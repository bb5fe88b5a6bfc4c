//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package file

import (
	"context"
	"errors"
	"os"
	"syscall"
	"time"

	"github.com/assayhq/assay/fault"
)

// patience is how long a change waits for another process.
const patience = 10 * time.Second

// lock takes the lock of a path, which the system gives back when the process ends in
// any way: there are no stale locks. The file stays: removing it would let two processes
// lock two files of one name.
func lock(ctx context.Context, path string) (release func(), err error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, opening(err, "the lock", path)
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for wait := time.Millisecond; ; wait = min(2*wait, 50*time.Millisecond) {
		err := ctx.Err()
		if err == nil {
			if err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err == nil {
				return func() { _ = f.Close() }, nil // closing releases
			}
		}
		if ctx.Err() == nil && (errors.Is(err, syscall.EWOULDBLOCK) || errors.Is(err, syscall.EINTR)) {
			select {
			case <-time.After(wait):
			case <-ctx.Done():
			}
			continue
		}
		_ = f.Close()
		return nil, fault.Wrap(fault.Unavailable, err, "the lock %s could not be taken: another process holds it, or the file system has no locks", path)
	}
}
