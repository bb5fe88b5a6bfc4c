package markettest_test

import (
	"sync"
	"testing"

	"github.com/assayhq/assay/market"
	"github.com/assayhq/assay/market/markettest"
)

// kept is a Memory that outlives its Close, as a directory would.
type kept struct{ *markettest.Memory }

func (kept) Close() error { return nil }

func TestMemoryPassesTheExam(t *testing.T) {
	var mu sync.Mutex
	disks := map[string]*markettest.Memory{}
	markettest.Run(t, func(_ *testing.T, dir string) market.History {
		mu.Lock()
		defer mu.Unlock()
		if disks[dir] == nil {
			disks[dir] = markettest.NewMemory()
		}
		return kept{disks[dir]}
	})
}
