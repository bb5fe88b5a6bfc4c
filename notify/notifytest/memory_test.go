package notifytest_test

import (
	"testing"

	"github.com/assayhq/assay/notify/notifytest"
)

func TestMemoryPassesTheExam(t *testing.T) {
	shelf := map[string]*notifytest.Memory{} // what a disk is to a store
	notifytest.RunOutbox(t, func(_ *testing.T, dir string) notifytest.Outbox {
		if shelf[dir] == nil {
			shelf[dir] = notifytest.NewMemory()
		}
		return shelf[dir]
	})
}
