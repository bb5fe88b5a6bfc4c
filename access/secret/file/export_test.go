package file

import (
	"context"
	"time"
)

// Lock is for tests that hold it in another process.
var Lock = lock

// TryLock gives up soon.
func TryLock(path string) (func(), error) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Millisecond)
	defer cancel()
	return lock(ctx, path)
}

// Decode and Encode are for the fuzzer.
var (
	Decode = decode
	Encode = encode
)
