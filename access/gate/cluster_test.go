package gate_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/assayhq/assay/access"
	"github.com/assayhq/assay/access/gate"
	"github.com/assayhq/assay/access/limit"
	"github.com/assayhq/assay/internal/pgtest"
	"github.com/assayhq/assay/store/postgres"
)

// The variables that make this test binary one server of the cluster below.
const (
	memberURL  = "ASSAY_GATE_TEST_URL"
	memberFile = "ASSAY_GATE_TEST_FILE"
	memberKeys = "ASSAY_GATE_TEST_KEYS"
)

func TestMain(m *testing.M) {
	if os.Getenv(memberURL) != "" {
		if err := member(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// counted is a way to the authority that counts messages and requests.
type counted struct {
	*postgres.Store
	exchanges, calls atomic.Int64
}

func (c *counted) Lend(ctx context.Context, calls []limit.Call) ([]limit.Grant, error) {
	c.exchanges.Add(1)
	c.calls.Add(int64(len(calls)))
	return c.Store.Lend(ctx, calls)
}

// member is a server whose clients never rest. It writes down each acceptance at once,
// with a time before and one after it, until it is killed or its input ends.
func member() error {
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		stop()
	}()
	store, err := postgres.Open(ctx, postgres.Options{URL: os.Getenv(memberURL)})
	if err != nil {
		return err
	}
	defer store.Close()
	way := &counted{Store: store}
	g, err := gate.New(way, gate.Options{Node: "member", Lender: way})
	if err != nil {
		return err
	}
	out, err := os.OpenFile(os.Getenv(memberFile), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer out.Close()
	done := make(chan error, 1)
	go func() { done <- g.Run(ctx) }()
	var mu sync.Mutex
	var wg sync.WaitGroup
	var asked atomic.Int64
	for app, token := range strings.Fields(os.Getenv(memberKeys)) {
		for range 3 {
			wg.Go(func() {
				for ctx.Err() == nil {
					time.Sleep(time.Duration(rand.ExpFloat64() * float64(6*time.Millisecond)))
					r := httptest.NewRequest("GET", "/v1/me", nil)
					r.Header.Set("Authorization", "Bearer "+token)
					c, err := g.Authenticate(r)
					if err != nil {
						continue
					}
					asked.Add(1)
					before := time.Now()
					leave, l, err := g.Enter(c, 1)
					leave()
					if err != nil || !l.Allowed {
						continue
					}
					mu.Lock()
					fmt.Fprintf(out, "%d %d %d\n", app, before.UnixNano(), time.Now().UnixNano())
					mu.Unlock()
				}
			})
		}
	}
	wg.Wait()
	fmt.Printf("%d %d %d\n", asked.Load(), way.calls.Load(), way.exchanges.Load())
	return <-done
}

type cluster struct {
	t    *testing.T
	env  []string
	dir  string
	proc [3]*exec.Cmd
	end  [3]io.Closer
	out  [3]*bufio.Reader
}

func (c *cluster) start(i int) {
	p := exec.Command(os.Args[0])
	p.Env = append(append(os.Environ(), c.env...), memberFile+"="+filepath.Join(c.dir, fmt.Sprint(i)))
	p.Stderr = os.Stderr
	in, err := p.StdinPipe()
	if err == nil {
		var out io.Reader
		out, err = p.StdoutPipe()
		c.out[i] = bufio.NewReader(out)
	}
	if err == nil {
		err = p.Start()
	}
	if err != nil {
		c.t.Fatal(err)
	}
	c.proc[i], c.end[i] = p, in
}

func (c *cluster) kill(i int) {
	_ = c.proc[i].Process.Kill()
	_ = c.proc[i].Wait()
}

// accepted are the spans in which acceptances happened, by app.
func (c *cluster) accepted(apps int) [][][2]int64 {
	out := make([][][2]int64, apps)
	for i := range c.proc {
		b, err := os.ReadFile(filepath.Join(c.dir, fmt.Sprint(i)))
		if err != nil {
			c.t.Fatal(err)
		}
		for line := range strings.Lines(string(b)) {
			var app int
			var from, to int64
			if n, _ := fmt.Sscanf(line, "%d %d %d\n", &app, &from, &to); n == 3 { // the last may be cut off
				out[app] = append(out[app], [2]int64{from, to})
			}
		}
	}
	return out
}

// worst is by how much acceptances that are wholly within a window are above what it may
// hold at most, over all windows on a grid; below 0 when all is well.
func worst(spans [][2]int64, rate, burst int64) float64 {
	const step = int64(20 * time.Millisecond)
	first, last := spans[0][0], spans[0][1]
	for _, s := range spans {
		first, last = min(first, s[0]), max(last, s[1])
	}
	n := int((last-first)/step) + 1
	ends := make([][]int, n) // by the cell in which a span begins: the cells where they end
	for _, s := range spans {
		ends[(s[0]-first)/step] = append(ends[(s[0]-first)/step], int((s[1]-first)/step))
	}
	over := -1e9
	in := make([]int, n) // spans that end in a cell and begin at or after a
	for a := n - 1; a >= 0; a-- {
		for _, e := range ends[a] {
			in[e]++
		}
		sum := 0
		for b := a; b < n; b++ {
			sum += in[b]
			window := time.Duration(int64(b-a+1) * step).Seconds()
			over = max(over, float64(sum)-float64(rate)*window-float64(burst))
		}
	}
	return over
}

func TestThreeServersThatAreKilledNeverAcceptMoreThanOneWould(t *testing.T) {
	if testing.Short() {
		t.Skip("runs a database and servers for some seconds")
	}
	db := pgtest.Start(t) // skips aloud where there is none
	store, err := postgres.Open(t.Context(), postgres.Options{URL: db.URL()})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	g, err := gate.New(store, gate.Options{})
	if err != nil {
		t.Fatal(err)
	}
	const rate, burst, daily = 300, 150, 500
	var keys []string
	for _, app := range []string{"fast", "quota"} {
		k, err := g.Create(t.Context(), gate.By{}, gate.Spec{Name: app, App: app, Scopes: []access.Scope{access.MarketRead}})
		if err != nil {
			t.Fatal(err)
		}
		keys = append(keys, k.Token)
		s := gate.App{Org: k.Ring.Org, Name: app, Rate: rate, Burst: burst}
		if app == "quota" {
			if err := g.SetPlan(t.Context(), gate.By{}, limit.Plan{Name: "small", Version: 1, Rate: 1000, Burst: 1000, Daily: daily}); err != nil {
				t.Fatal(err)
			}
			s = gate.App{Org: k.Ring.Org, Name: app, Plan: "small"}
		}
		if err := g.SetApp(t.Context(), gate.By{}, s); err != nil {
			t.Fatal(err)
		}
	}
	c := &cluster{t: t, dir: t.TempDir(), env: []string{memberURL + "=" + db.URL(), memberKeys + "=" + strings.Join(keys, " ")}}
	for i := range c.proc {
		c.start(i)
	}
	time.Sleep(2 * time.Second)
	kills := 0
	for n := range 6 {
		time.Sleep(700 * time.Millisecond)
		c.kill(n % 3)
		c.start(n % 3)
		kills++
	}
	time.Sleep(time.Second)
	if err := db.Kill(); err != nil {
		t.Fatal(err)
	}
	time.Sleep(2 * time.Second)
	if err := db.Again(); err != nil {
		t.Fatal(err)
	}
	time.Sleep(3 * time.Second)
	var asked, calls, exchanges int64
	for i := range c.proc {
		_ = c.end[i].Close()
		var a, b, e int64
		_, _ = fmt.Fscan(c.out[i], &a, &b, &e)
		asked, calls, exchanges = asked+a, calls+b, exchanges+e
		if err := c.proc[i].Wait(); err != nil {
			t.Error(err)
		}
	}
	got := c.accepted(2)
	if len(got[0]) < rate || len(got[1]) < daily/2 {
		t.Fatalf("only %d and %d requests were accepted: this shows nothing", len(got[0]), len(got[1]))
	}
	first, last := got[0][0][0], got[0][0][1]
	for _, s := range got[0] {
		first, last = min(first, s[0]), max(last, s[1])
	}
	span := time.Duration(last - first)
	over := worst(got[0], rate, burst)
	t.Logf("rate %d, burst %d: %d accepted in %v by 3 servers, %d of them killed and once the database: %.3f of rate x time + burst; the fullest window is %.0f units below its most",
		rate, burst, len(got[0]), span.Round(time.Millisecond), kills, float64(len(got[0]))/(rate*span.Seconds()+burst), -over)
	t.Logf("quota %d a day: %d accepted; servers that ended in order: %d requests, %d calls (%.3f each), %d exchanges", daily, len(got[1]), asked, calls, float64(calls)/float64(max(asked, 1)), exchanges)
	if over > 0 {
		t.Errorf("%.0f requests more than rate x window + burst were accepted in a window", over)
	}
	if today := time.Unix(0, first).UTC().YearDay() == time.Unix(0, last).UTC().YearDay(); len(got[1]) > daily && today {
		t.Errorf("%d units were accepted on a day with %d", len(got[1]), daily)
	}
}
