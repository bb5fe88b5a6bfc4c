package pebble_test

import (
	"testing"

	"github.com/assayhq/assay/market"
	"github.com/assayhq/assay/market/markettest"
	"github.com/assayhq/assay/store/pebble"
)

func open(t *testing.T, dir string) *pebble.Store {
	t.Helper()
	s, err := pebble.Open(dir, pebble.Options{MemTableBytes: 1 << 20, NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestHistoryPassesTheExam(t *testing.T) {
	markettest.Run(t, func(t *testing.T, dir string) market.History { return open(t, dir) })
}

func TestHistoryWithStarvedMemoryPassesTheExam(t *testing.T) {
	markettest.Run(t, func(t *testing.T, dir string) market.History {
		s, err := pebble.Open(dir, pebble.Options{MemTableBytes: 256 << 10, TailBytes: 1, CacheBytes: 1 << 10})
		if err != nil {
			t.Fatal(err)
		}
		return s
	})
}
