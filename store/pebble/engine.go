package pebble

import (
	"context"
	"fmt"
	"log/slog"
	"runtime"
	"strings"

	lsm "github.com/cockroachdb/pebble/v2"
)

// engine is how Pebble is set up: few large blocks, because a chunk is one value
// of some kilobytes and is read as a whole.
func (s *Store) engine() *lsm.Options {
	o := &lsm.Options{
		CacheSize:                   s.opt.CacheBytes / 3,
		MemTableSize:                uint64(s.opt.MemTableBytes),
		MemTableStopWritesThreshold: 4,
		FormatMajorVersion:          lsm.FormatNewest,
		L0CompactionThreshold:       4,
		L0StopWritesThreshold:       40,
		LBaseMaxBytes:               128 << 20,
		MaxOpenFiles:                1000,
		BytesPerSync:                1 << 20,
		WALBytesPerSync:             0,
		Logger:                      engineLog{s.log},
		Lock:                        s.lock,
	}
	o.TargetFileSizes[0] = 8 << 20
	o.CompactionConcurrencyRange = func() (int, int) { return 1, max(1, runtime.GOMAXPROCS(0)/2) }
	for i := range o.Levels {
		o.Levels[i].BlockSize = 32 << 10
		o.Levels[i].IndexBlockSize = 64 << 10
	}
	o.ApplyCompressionSettings(func() lsm.DBCompressionSettings { return lsm.DBCompressionBalanced })
	return o
}

// engineLog passes Pebble's messages on at debug level.
type engineLog struct{ log *slog.Logger }

func (l engineLog) Infof(format string, args ...any) {
	if l.log.Enabled(context.Background(), slog.LevelDebug) {
		l.log.Debug("pebble: " + strings.TrimSpace(fmt.Sprintf(format, args...)))
	}
}

func (l engineLog) Errorf(format string, args ...any) { l.Infof(format, args...) }

// Fatalf must not return: Pebble calls it when the disk refused what was promised.
func (l engineLog) Fatalf(format string, args ...any) {
	m := fmt.Sprintf(format, args...)
	l.log.Error("pebble: " + m)
	panic("history: " + m)
}
