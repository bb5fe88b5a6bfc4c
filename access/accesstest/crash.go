package accesstest

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"testing"

	"github.com/assayhq/assay/access"
)

// How the story tells the child what to do.
const crashDir, crashFirst = "ASSAY_ACCESSTEST_DIR", "ASSAY_ACCESSTEST_FIRST"

const (
	kills   = 10
	writers = 3
)

// Child is to be called first in TestMain. In the process that the story of the kill
// has started it writes until it is killed; else it returns at once.
func Child(open func(dir string) (access.Store, error)) {
	dir := os.Getenv(crashDir)
	if dir == "" {
		return
	}
	first, err := strconv.Atoi(os.Getenv(crashFirst))
	if err == nil {
		err = writeForEver(open, dir, first, os.Stdout)
	}
	fmt.Fprintln(os.Stderr, "child:", err)
	os.Exit(3)
}

// writeForEver puts numbered records, two in a change, and prints each number after
// Change has returned.
func writeForEver(open func(dir string) (access.Store, error), dir string, first int, out io.Writer) error {
	s, err := open(dir)
	if err != nil {
		return err
	}
	var mu sync.Mutex
	errs := make(chan error, writers)
	for w := range writers {
		go func() {
			for n := first + w; ; n += writers {
				epoch, err := s.Change(context.Background(), func(tx access.Tx) error {
					return errors.Join(tx.Put("first", numbered(n), body(n)), tx.Put("second", numbered(n), body(n)))
				})
				if err != nil {
					errs <- err
					return
				}
				mu.Lock()
				_, err = fmt.Fprintln(out, n, epoch)
				mu.Unlock()
				if err != nil {
					errs <- err
					return
				}
			}
		}()
	}
	return <-errs
}

func numbered(n int) string { return fmt.Sprintf("%08d", n) }

func body(n int) []byte { return fmt.Appendf(nil, "the record number %d", n) }

func killed(t *testing.T, dir string, open opener) {
	acknowledged := map[int]int64{}
	first := 0
	for kill := range kills {
		child := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^$")
		child.Env = append(os.Environ(), crashDir+"="+dir, crashFirst+"="+strconv.Itoa(first))
		child.Stderr = os.Stderr
		out, err := child.StdoutPipe()
		no(t, err)
		no(t, child.Start())
		lines := bufio.NewScanner(out)
		got := 0
		for lines.Scan() {
			var n int
			var epoch int64
			if _, err := fmt.Sscan(lines.Text(), &n, &epoch); err != nil {
				break // not of the child's writing, or cut by the kill
			}
			acknowledged[n] = epoch
			first = max(first, n+1)
			// Killed while it writes on; what it has printed by then is read as well.
			if got++; got == 5+7*kill {
				no(t, child.Process.Kill())
			}
		}
		_ = child.Wait()
		if got == 0 {
			t.Fatal("the child wrote nothing; does TestMain call accesstest.Child?")
		}
		first += writers + 1 // beyond what may have been written without a word
		s := open(t)
		no(t, s.View(t.Context(), func(tx access.Tx) error {
			for n, epoch := range acknowledged {
				for _, k := range []string{"first", "second"} {
					r, err := tx.Get(k, numbered(n))
					no(t, err)
					equal(t, r, access.Record{Kind: k, ID: numbered(n), Body: body(n), Epoch: epoch})
				}
			}
			return nil
		}))
		// Halves of changes there are none, and no epoch without its records.
		end := latest(t, s)
		all, upTo, more, err := s.Since(t.Context(), 0, []string{"first", "second"}, 100_000)
		no(t, err)
		equal(t, fmt.Sprint(len(all), upTo, more), fmt.Sprint(2*end, end, false))
		for i := 0; i < len(all); i += 2 {
			equal(t, all[i].Epoch, int64(i/2+1))
			equal(t, all[i+1].Epoch, int64(i/2+1))
			equal(t, all[i].ID, all[i+1].ID)
		}
		no(t, s.Close())
	}
	t.Logf("%d kills, %d acknowledged changes, all there", kills, len(acknowledged))
}
