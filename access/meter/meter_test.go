package meter

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/assayhq/assay/fault"
)

var (
	ctx   = context.Background()
	noon  = time.Date(2026, 11, 2, 12, 0, 0, 0, time.UTC)
	early = time.Unix(0, 0)
	late  = time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC)
)

func open(t testing.TB, o Options) *Meter {
	t.Helper()
	if o.Node == "" {
		o.Node = "n1"
	}
	if o.Dir == "" {
		o.Dir = t.TempDir()
	}
	m, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Close() })
	return m
}

func total(lines []Line) (c Counts) {
	for _, l := range lines {
		c.add(l.Counts)
	}
	return c
}

// The child of the kill test: it counts until it is killed and says on stdout what was
// asked for and what was acknowledged.
func TestMain(m *testing.M) {
	if dir := os.Getenv("METER_CHILD"); dir != "" {
		child(dir)
		return
	}
	os.Exit(m.Run())
}

func child(dir string) {
	m, err := Open(Options{Dir: dir, Node: "n1", Batch: time.Millisecond, Segment: 4 << 10, Files: 3})
	if err != nil {
		fmt.Println("error", err)
		return
	}
	for i := range 4 {
		go func() {
			r := rand.New(rand.NewPCG(uint64(os.Getpid()), uint64(i)))
			for {
				units := r.Int64N(9) + 1
				os.Stdout.WriteString("s " + strconv.FormatInt(units, 10) + "\n")
				if err := m.Add(ctx, Key{App: "a", Ring: "r", Key: "k" + strconv.Itoa(r.IntN(20)), Class: "price", Status: 2}, Counts{1, units, 10}); err != nil {
					fmt.Println("error", err)
					return
				}
				os.Stdout.WriteString("a " + strconv.FormatInt(units, 10) + "\n")
			}
		}()
	}
	select {}
}

func TestWhatWasAcknowledgedIsBilledAfterTwoHundredKills(t *testing.T) {
	kills := 200
	if testing.Short() {
		kills = 20
	}
	dir := t.TempDir()
	var sent, acked int64
	r := rand.New(rand.NewPCG(1, 1))
	for n := range kills {
		c := exec.Command(os.Args[0])
		c.Env = append(os.Environ(), "METER_CHILD="+dir)
		out, err := c.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		// Killed after a random number of acknowledgements, in the midst of the others.
		left := r.IntN(60)
		s := bufio.NewScanner(out)
		for s.Scan() {
			what, num, _ := strings.Cut(s.Text(), " ")
			units, err := strconv.ParseInt(num, 10, 64)
			switch {
			case what == "s" && err == nil:
				sent += units
			case what == "a" && err == nil:
				acked += units
				if left--; left == 0 {
					c.Process.Kill()
				}
			default:
				t.Fatalf("kill %d: the child says %q", n, s.Text())
			}
			if left <= 0 {
				c.Process.Kill()
			}
		}
		c.Wait()
	}
	m := open(t, Options{Dir: dir})
	got := total(m.Usage(early, late, Key{}, 0)).Units
	t.Logf("sent %d, acknowledged %d, billed %d units", sent, acked, got)
	if got < acked || got > sent || acked == 0 {
		t.Errorf("billed %d units; acknowledged %d and sent %d", got, acked, sent)
	}
	files, _ := filepath.Glob(filepath.Join(dir, "usage-*.log"))
	if len(files) > 12 {
		t.Errorf("%d files are left: nothing was compacted", len(files))
	}
}

func TestManyAddsShareAnFsyncAndAllCount(t *testing.T) {
	dir := t.TempDir()
	m := open(t, Options{Dir: dir, Segment: 2 << 10, Files: 2, Batch: time.Millisecond})
	var wg sync.WaitGroup
	for i := range 20 {
		wg.Go(func() {
			for j := range 30 {
				if err := m.Add(ctx, Key{App: "a" + strconv.Itoa(i%3), Class: "book", Status: uint8(2 + 2*(j%2))}, Counts{1, 2, 3}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	want := Counts{600, 1200, 1800}
	if got := total(m.Usage(early, late, Key{}, ByApp)); got != want {
		t.Errorf("counted %v, want %v", got, want)
	}
	m.Close()
	again := open(t, Options{Dir: dir})
	if got := total(again.Usage(early, late, Key{}, ByHour|ByClass)); got != want {
		t.Errorf("after a restart %v, want %v", got, want)
	}
	if got := total(again.Usage(early, late, Key{App: "a1", Status: 4}, 0)); got.Requests != 105 {
		t.Errorf("app a1 has %d failed requests, want 7 x 15 = 105", got.Requests)
	}
}

func TestARelaxedMeterFlushesWithinASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		m, err := Open(Options{Dir: dir, Node: "n1", Relaxed: true})
		if err != nil {
			t.Fatal(err)
		}
		defer m.Close()
		if err := m.Add(ctx, Key{App: "a"}, Counts{1, 1, 1}); err != nil {
			t.Fatal(err)
		}
		read := func() int64 {
			l := NewLedger()
			files, _ := filepath.Glob(filepath.Join(dir, "usage-*.log"))
			for _, f := range files {
				b, _ := os.ReadFile(f)
				if err := l.Merge(bytes.NewReader(b)); err != nil {
					t.Fatal(err)
				}
			}
			return total(l.Usage(early, late, Key{}, 0)).Units
		}
		if n := read(); n != 0 {
			t.Errorf("%d units are on disk at once; the test would show nothing", n)
		}
		time.Sleep(time.Second + time.Millisecond)
		synctest.Wait()
		if n := read(); n != 1 {
			t.Errorf("%d units are on disk after a second, want 1", n)
		}
	})
}

// segment writes some adds and gives the only file's content.
func segment(t testing.TB, node string, adds int) []byte {
	dir := t.TempDir()
	m := open(t, Options{Dir: dir, Node: node, Relaxed: true, Now: func() time.Time { return noon }})
	for i := range adds {
		if err := m.Add(ctx, Key{App: "app", Ring: "ring", Key: "k" + strconv.Itoa(i%7), Class: "price", Status: 2}, Counts{1, 1, 5}); err != nil {
			t.Fatal(err)
		}
		if i%5 == 0 {
			if err := m.Flush(ctx); err != nil {
				t.Fatal(err)
			}
		}
	}
	m.Close()
	b, err := os.ReadFile(filepath.Join(dir, "usage-0000000001.log"))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestATailThatIsTornOrDamagedAnywhereIsCutOff(t *testing.T) {
	whole := segment(t, "n1", 40)
	r := rand.New(rand.NewPCG(7, 7))
	for n := range 150 {
		file, at := bytes.Clone(whole), r.IntN(len(whole))
		switch n % 3 {
		case 0:
			file = file[:at]
		case 1:
			file[at] ^= 1 << r.IntN(8)
		case 2:
			file = append(file[:at], make([]byte, r.IntN(100))...)
		}
		// What must be kept: the rows of every record that ends before the damage.
		want := NewLedger()
		want.Merge(bytes.NewReader(whole[:at]))
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "usage-0000000001.log"), file, 0o600); err != nil {
			t.Fatal(err)
		}
		m, err := Open(Options{Dir: dir, Node: "n1", Batch: time.Microsecond})
		if err != nil {
			t.Fatalf("damage at %d: %v", at, err)
		}
		if got, want := total(m.Usage(early, late, Key{}, 0)), total(want.Usage(early, late, Key{}, 0)); got != want {
			t.Fatalf("damage at %d: read %v, want %v", at, got, want)
		}
		before := total(m.Usage(early, late, Key{}, 0)).Units
		if err := m.Add(ctx, Key{App: "app"}, Counts{1, 1, 1}); err != nil {
			t.Fatal(err)
		}
		m.Close()
		m = open(t, Options{Dir: dir})
		if got := total(m.Usage(early, late, Key{}, 0)).Units; got != before+1 {
			t.Fatalf("damage at %d: after repair, an Add and a restart %d units, want %d", at, got, before+1)
		}
		m.Close()
	}
}

func TestDamageInAClosedFileIsNotPassedOver(t *testing.T) {
	dir := t.TempDir()
	b := segment(t, "n1", 10)
	b[len(b)-3] ^= 1
	os.WriteFile(filepath.Join(dir, "usage-0000000001.log"), b, 0o600)
	os.WriteFile(filepath.Join(dir, "usage-0000000002.log"), segment(t, "n1", 3), 0o600)
	if _, err := Open(Options{Dir: dir, Node: "n1"}); fault.Of(err) != fault.Internal && fault.Of(err) != fault.Invalid || err == nil {
		t.Errorf("opened a log with a damaged closed file: %v", err)
	}
}

func TestFilesOfSeveralNodesMergeInAnyOrderAnyNumberOfTimes(t *testing.T) {
	files := [][]byte{segment(t, "n1", 40), segment(t, "n2", 30), segment(t, "n1", 20)}
	r := rand.New(rand.NewPCG(3, 3))
	for range 20 {
		m := open(t, Options{})
		for _, i := range append(r.Perm(3), r.Perm(3)...) {
			if err := m.Merge(bytes.NewReader(files[i])); err != nil {
				t.Fatal(err)
			}
		}
		if got := total(m.Usage(early, late, Key{}, 0)).Units; got != 90 {
			t.Fatalf("merged to %d units, want 40 + 30 + 20", got)
		}
		m.Close()
	}
}

func TestAClockThatJumpsLosesNothingAndChangesNoPastHour(t *testing.T) {
	var now atomic.Int64
	now.Store(noon.Unix())
	m := open(t, Options{Batch: time.Microsecond, Hours: 3, Now: func() time.Time { return time.Unix(now.Load(), 0) }})
	for _, jump := range []int64{0, 3601, -7200, 0, 10 * 365 * 86400, -86400} {
		now.Add(jump)
		if err := m.Add(ctx, Key{App: "a"}, Counts{1, 1, 0}); err != nil {
			t.Fatal(err)
		}
	}
	got := m.Usage(early, late, Key{}, ByHour)
	if len(got) != 3 || got[0].Units != 1 || got[1].Units != 3 || got[2].Units != 2 {
		t.Errorf("hours are %v, want 1, 3 and 2 units", got)
	}
}

func TestExportedEventsAreTheSameEachTimeAndLeaveOutTheOpenHour(t *testing.T) {
	var now atomic.Int64
	now.Store(noon.Unix())
	m := open(t, Options{Relaxed: true, Now: func() time.Time { return time.Unix(now.Load(), 0) }})
	add := func() {
		m.Add(ctx, Key{App: "a", Ring: "r", Key: "k", Class: "book", Status: 2}, Counts{1, 2, 3})
	}
	add()
	var none, one, two bytes.Buffer
	if err := m.Export(ctx, &none, early, late); err != nil || none.Len() != 0 {
		t.Errorf("the open hour was exported: %s %v", none.Bytes(), err)
	}
	now.Add(3600)
	if err := m.Export(ctx, &one, early, late); err != nil {
		t.Fatal(err)
	}
	now.Add(-3600) // counts into the hour in progress, not into the exported one
	add()
	m.Export(ctx, &two, early, late)
	if !bytes.Equal(one.Bytes(), two.Bytes()) {
		t.Errorf("exports differ:\n%s%s", one.Bytes(), two.Bytes())
	}
	var e map[string]any
	if err := json.Unmarshal(one.Bytes(), &e); err != nil {
		t.Fatal(err)
	}
	d := e["data"].(map[string]any)
	if e["specversion"] != "1.0" || e["type"] != "assay.usage.v1" || e["subject"] != "a" || e["time"] != "2026-11-02T12:00:00Z" || d["units"] != 2.0 || len(e["id"].(string)) != 32 {
		t.Errorf("the event is %s", one.Bytes())
	}
}

func TestADiskThatFailsStopsTheMeter(t *testing.T) {
	m := open(t, Options{Batch: time.Microsecond})
	m.log.file.Close()
	for range 2 {
		if err := m.Add(ctx, Key{App: "a"}, Counts{1, 1, 1}); fault.Of(err) != fault.Unavailable {
			t.Errorf("an Add without a disk says %v", err)
		}
	}
}

func FuzzSegment(f *testing.F) {
	f.Add(segment(f, "n1", 3))
	f.Add([]byte(magic))
	f.Fuzz(func(t *testing.T, b []byte) {
		rows := 0
		n, err := readSegment(bytes.NewReader(b), func(r row) {
			rows++
			var o = r.origin
			p := appendRow(nil, &r)
			if back, ok, err := parse(p, &o); err != nil || !ok || back != r {
				t.Fatalf("%v reads back as %v, %v", r, back, err)
			}
		})
		if n > int64(len(b)) || err == nil && n != int64(len(b)) {
			t.Fatalf("%d of %d bytes are whole, %v", n, len(b), err)
		}
	})
}

func FuzzRecord(f *testing.F) {
	f.Add(appendOrigin(nil, Origin{"n", 1}))
	f.Add(appendRow(nil, &row{series: series{Origin{"n", 1}, Key{"a", "r", "k", "c", 2}, 5}, Counts: Counts{1, 2, 3}, seq: 9}))
	f.Fuzz(func(t *testing.T, p []byte) {
		o := Origin{"n", 1}
		if r, ok, err := parse(p, &o); ok && (err != nil || r.Units < 0 || r.Requests < 0 || r.Bytes < 0) {
			t.Fatal(r, err)
		}
	})
}

func BenchmarkAddRelaxed(b *testing.B) {
	m := open(b, Options{Relaxed: true})
	b.ReportAllocs()
	for b.Loop() {
		m.Add(ctx, Key{App: "app1", Ring: "ring1", Key: "key1", Class: "price", Status: 2}, Counts{1, 1, 100})
	}
}

func BenchmarkAddDurable(b *testing.B) {
	m := open(b, Options{})
	b.ReportAllocs()
	b.SetParallelism(512)
	b.RunParallel(func(p *testing.PB) {
		for p.Next() {
			if err := m.Add(ctx, Key{App: "app1", Ring: "ring1", Key: "key1", Class: "price", Status: 2}, Counts{1, 1, 100}); err != nil {
				b.Error(err)
			}
		}
	})
}
