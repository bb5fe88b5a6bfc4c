package webhook

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/assayhq/assay/fault"
	"github.com/assayhq/assay/notify"
	"github.com/assayhq/assay/notify/notifytest"
)

// vault keeps secrets by reference.
type vault map[string]string

func (v vault) Secret(_ context.Context, ref string) (string, error) {
	if s, ok := v[ref]; ok {
		return s, nil
	}
	return "", fault.New(fault.Unknown, "no secret %s", ref)
}

// answers is a transport that is a function: receivers without a network, so that time
// can be virtual.
type answers func(r *http.Request) (*http.Response, error)

func (f answers) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func status(code int, body string) *http.Response {
	return &http.Response{StatusCode: code, Body: io.NopCloser(strings.NewReader(body)), Header: http.Header{}}
}

func place(id string) notify.Endpoint {
	return notify.Endpoint{ID: id, Org: "acme", URL: "https://" + id + ".acme.com/in?token=tttoken", Events: []string{"*"}, Secrets: []notify.SecretRef{{Ref: "s"}}, State: notify.Enabled}
}

type world struct {
	box    *notifytest.Memory
	places *notifytest.Places
	secret string
	engine *Engine
	log    *bytes.Buffer
}

func newWorld(f answers, ids ...string) *world {
	w := &world{box: notifytest.NewMemory(), places: notifytest.NewPlaces(), secret: NewSecret(), log: &bytes.Buffer{}}
	for _, id := range ids {
		w.places.Put(place(id))
	}
	w.engine = w.open(w.box, f)
	return w
}

func (w *world) open(box notify.Outbox, f answers) *Engine {
	e := New(box, w.places, vault{"s": w.secret}, Options{Random: func() float64 { return 0 }, Log: slog.New(slog.NewTextHandler(w.log, nil))})
	e.client.Transport = f
	return e
}

func (w *world) send(t *testing.T, endpoint string, n int) notify.Delivery {
	t.Helper()
	d := notifytest.Sample(endpoint, n)
	d.Due = time.Now()
	if err := w.box.Enqueue(t.Context(), d); err != nil {
		t.Fatal(err)
	}
	return d
}

func start(t *testing.T, e *Engine) (stop func()) {
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- e.Run(ctx) }()
	return func() {
		t.Helper()
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Errorf("Run gave %v", err)
		}
	}
}

func (w *world) attempts(t *testing.T, endpoint string) []notify.Attempt {
	t.Helper()
	as, err := w.box.Attempts(t.Context(), endpoint, 100)
	if err != nil {
		t.Fatal(err)
	}
	return as
}

func TestTheScheduleIsFollowedToItsEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		var at []time.Duration
		w := newWorld(func(*http.Request) (*http.Response, error) {
			at = append(at, time.Since(began))
			return status(503, "busy"), nil
		}, "a")
		w.send(t, "a", 1)
		stop := start(t, w.engine)
		time.Sleep(80 * time.Hour)
		synctest.Wait()
		stop()
		want := []time.Duration{0, 5 * time.Second, 5 * time.Minute, 30 * time.Minute, 2 * time.Hour, 5 * time.Hour, 10 * time.Hour, 14 * time.Hour, 20 * time.Hour, 24 * time.Hour}
		if len(at) != len(want) {
			t.Fatalf("%d attempts, want %d", len(at), len(want))
		}
		sum := time.Duration(0)
		for i := range want {
			sum += want[i]
			// The engine looks once a second.
			if late := at[i] - sum; late < 0 || late > time.Duration(i+1)*time.Second {
				t.Errorf("attempt %d at %v, want %v", i+1, at[i], sum)
			}
		}
		as := w.attempts(t, "a")
		if as[0].Outcome != notify.Exhausted || as[0].N != 10 || as[1].Outcome != notify.Failed || as[0].Response != "busy" || as[0].Status != 503 {
			t.Errorf("log %+v", as[:2])
		}
		if len(w.box.Waiting()) != 0 {
			t.Error("something still waits")
		}
	})
}

func TestAClaimOutlastsAnAttempt(t *testing.T) {
	// Asking the stores, sending and recording, one after the other.
	if longest := ledger + Timeout + ledger; longest >= notify.Lease {
		t.Errorf("an attempt may take %v, its claim ends after %v", longest, notify.Lease)
	}
}

func TestJitterAddsUpToATenth(t *testing.T) {
	for n := 1; n < Attempts; n++ {
		low, _ := Wait(n, 0)
		high, ok := Wait(n, 0.999999)
		if !ok || low != schedule[n] || high <= low || high > low+low/10 {
			t.Errorf("attempt %d: %v to %v", n, low, high)
		}
	}
	for _, n := range []int{-1, 0, 10, 11} {
		if _, ok := Wait(n, 0); ok {
			t.Errorf("attempt %d is followed by another", n)
		}
	}
}

func TestOnly2xxSucceeds(t *testing.T) {
	for code, want := range map[int]notify.Outcome{200: notify.Delivered, 204: notify.Delivered, 299: notify.Delivered, 301: notify.Failed, 302: notify.Failed, 308: notify.Failed, 400: notify.Failed, 404: notify.Failed, 410: notify.Gone, 429: notify.Failed, 500: notify.Failed, 199: notify.Failed, 600: notify.Failed} {
		synctest.Test(t, func(t *testing.T) {
			n := 0
			w := newWorld(func(*http.Request) (*http.Response, error) {
				n++
				r := status(code, "")
				r.Header.Set("Location", "https://inside.acme.com/")
				return r, nil
			}, "a")
			w.send(t, "a", 1)
			stop := start(t, w.engine)
			time.Sleep(2 * time.Second)
			stop()
			if as := w.attempts(t, "a"); len(as) != 1 || n != 1 || as[0].Outcome != want || as[0].Status != code {
				t.Errorf("%d: %d calls, log %+v", code, n, as)
			}
			if waits := len(w.box.Waiting()); (waits == 1) != (want == notify.Failed) {
				t.Errorf("%d: %d deliveries wait", code, waits)
			}
		})
	}
}

func TestGoneDisablesTheEndpointAndDropsWhatWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		calls := 0
		w := newWorld(func(*http.Request) (*http.Response, error) { calls++; return status(410, ""), nil }, "a")
		w.send(t, "a", 1)
		stop := start(t, w.engine)
		time.Sleep(2 * time.Second)
		w.send(t, "a", 2)
		time.Sleep(2 * time.Second)
		stop()
		p, _ := w.places.Endpoint(t.Context(), "a")
		if p.State != notify.Disabled || !strings.Contains(p.Reason, "410") {
			t.Errorf("endpoint %+v", p)
		}
		as := w.attempts(t, "a")
		if calls != 1 || len(as) != 2 || as[0].Outcome != notify.Dropped || len(w.box.Waiting()) != 0 {
			t.Errorf("%d calls, log %+v", calls, as)
		}
		if err := w.engine.Replay(t.Context(), w.box, "msg_a1", "a"); fault.Of(err) != fault.Conflict {
			t.Errorf("replay to a disabled endpoint: %v", err)
		}
	})
}

// dying is an outbox whose process ends before it can record.
type dying struct{ *notifytest.Memory }

func (dying) Record(context.Context, notify.Attempt, time.Time) error {
	return fault.New(fault.Unavailable, "the process was killed")
}

func TestADeliveryThatWasSentButNotRecordedIsSentAgainWithItsID(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var ids, bodies []string
		f := func(r *http.Request) (*http.Response, error) {
			b, _ := io.ReadAll(r.Body)
			ids, bodies = append(ids, r.Header.Get("webhook-id")), append(bodies, string(b))
			return status(200, ""), nil
		}
		w := newWorld(f, "a")
		w.send(t, "a", 1)
		stop := start(t, w.open(dying{w.box}, f))
		time.Sleep(2 * time.Second)
		stop()
		if len(ids) != 1 || len(w.box.Waiting()) != 1 || len(w.attempts(t, "a")) != 0 {
			t.Fatalf("before: %d sent, %d wait", len(ids), len(w.box.Waiting()))
		}
		stop = start(t, w.engine)
		time.Sleep(notify.Lease + 2*time.Second)
		stop()
		if len(ids) != 2 || ids[0] != "msg_a1" || ids[1] != ids[0] || bodies[0] != bodies[1] {
			t.Fatalf("after: %v %v", ids, bodies)
		}
		if as := w.attempts(t, "a"); len(as) != 1 || as[0].N != 1 || as[0].Outcome != notify.Delivered || len(w.box.Waiting()) != 0 {
			t.Errorf("log %+v", as)
		}
	})
}

func TestASlowEndpointDelaysNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		var mu sync.Mutex
		quick := 0
		var last time.Duration
		w := newWorld(func(r *http.Request) (*http.Response, error) {
			if strings.HasPrefix(r.URL.Host, "slow") {
				<-r.Context().Done()
				return nil, r.Context().Err()
			}
			mu.Lock()
			defer mu.Unlock()
			quick++
			last = time.Since(began)
			return status(200, ""), nil
		}, "slow", "quick")
		for i := range 500 {
			w.send(t, "slow", i)
		}
		for i := range 20 {
			w.send(t, "quick", i)
		}
		stop := start(t, w.engine)
		time.Sleep(10 * time.Second)
		mu.Lock()
		if quick != 20 || last > 2*time.Second {
			t.Errorf("%d quick deliveries, the last after %v", quick, last)
		}
		mu.Unlock()
		time.Sleep(10 * time.Second)
		stop()
		as := w.attempts(t, "slow")
		if len(as) == 0 || as[0].Took != Timeout || as[0].Error != "no answer within 15s" {
			t.Errorf("log %+v", as)
		}
	})
}

func TestNoMoreAttemptsAtATimeThanAllowed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var now, most atomic.Int32
		w := newWorld(func(*http.Request) (*http.Response, error) {
			most.Store(max(most.Load(), now.Add(1)))
			time.Sleep(time.Second)
			now.Add(-1)
			return status(200, ""), nil
		})
		w.engine.o.Concurrency = 3
		for i := range 12 {
			w.places.Put(place(fmt.Sprint("e", i)))
			w.send(t, fmt.Sprint("e", i), i)
		}
		stop := start(t, w.engine)
		time.Sleep(6 * time.Second)
		stop()
		if most.Load() != 3 || len(w.box.Waiting()) != 0 {
			t.Errorf("%d at a time, %d wait", most.Load(), len(w.box.Waiting()))
		}
	})
}

func TestRunWaitsForAttemptsUnderWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(func(*http.Request) (*http.Response, error) {
			time.Sleep(10 * time.Second)
			return status(200, ""), nil
		}, "a")
		w.send(t, "a", 1)
		stop := start(t, w.engine)
		time.Sleep(2 * time.Second)
		stop()
		if as := w.attempts(t, "a"); len(as) != 1 || as[0].Outcome != notify.Delivered {
			t.Errorf("log %+v", as)
		}
	})
}

func TestAReplaySendsTheSameIDAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var ids []string
		code := 200
		w := newWorld(func(r *http.Request) (*http.Response, error) {
			ids = append(ids, r.Header.Get("webhook-id"))
			return status(code, ""), nil
		}, "a")
		d := w.send(t, "a", 1)
		stop := start(t, w.engine)
		time.Sleep(2 * time.Second)
		if err := w.engine.Replay(t.Context(), w.box, d.Event.ID, "a"); err != nil {
			t.Fatal(err)
		}
		synctest.Wait() // woken, not polled
		if len(ids) != 2 || ids[0] != ids[1] {
			t.Fatalf("sent %v", ids)
		}
		code = 500
		w.send(t, "a", 2)
		time.Sleep(20 * time.Second) // attempts 1 and 2; the third is in 5 minutes
		if err := w.engine.Replay(t.Context(), w.box, "msg_a2", "a"); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		stop()
		if as := w.attempts(t, "a"); as[0].N != 3 {
			t.Errorf("log %+v", as[0])
		}
		for event, endpoint := range map[string]string{"msg_none": "a", "msg_a1": "none"} {
			if err := w.engine.Replay(t.Context(), w.box, event, endpoint); fault.Of(err) != fault.Unknown {
				t.Errorf("%s to %s: %v", event, endpoint, err)
			}
		}
		foreign := place("f")
		foreign.Org = "initech"
		w.places.Put(foreign)
		if err := w.engine.Replay(t.Context(), w.box, "msg_a1", "f"); fault.Of(err) != fault.Unknown {
			t.Errorf("an event of another organisation: %v", err)
		}
	})
}

func TestLiveSecretsSignAndOldOnesDoNot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		private, public := NewPair()
		secrets := vault{"old": NewSecret(), "new": NewSecret(), "ended": NewSecret(), "pair": private}
		var got *http.Request
		var body []byte
		w := newWorld(nil, "a")
		w.engine = New(w.box, w.places, secrets, Options{})
		w.engine.client.Transport = answers(func(r *http.Request) (*http.Response, error) {
			got = r
			body, _ = io.ReadAll(r.Body)
			return status(200, ""), nil
		})
		p := place("a")
		p.Secrets = []notify.SecretRef{{Ref: "lost"}, {Ref: "ended", Until: time.Now()}, {Ref: "old", Until: time.Now().Add(time.Hour)}, {Ref: "new"}, {Ref: "pair"}}
		w.places.Put(p)
		w.send(t, "a", 1)
		stop := start(t, w.engine)
		time.Sleep(time.Second)
		stop()
		for name, text := range map[string]string{"old": secrets["old"], "new": secrets["new"], "pair": public} {
			if err := Verify(got.Header, body, time.Now(), parsed(t, text)); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
		if Verify(got.Header, body, time.Now(), parsed(t, secrets["ended"])) == nil {
			t.Error("a secret that ended still signs")
		}
		if got.Method != "POST" || got.Header.Get("Content-Type") != "application/json" || !bytes.HasPrefix(body, []byte(`{"type":"key.revoked","timestamp":"`)) {
			t.Errorf("request %v %s", got.Header, body)
		}
	})
}

func TestNothingIsSentUnsigned(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(func(*http.Request) (*http.Response, error) { t.Error("it was sent"); return status(200, ""), nil }, "a")
		p := place("a")
		p.Secrets = []notify.SecretRef{{Ref: "lost"}}
		w.places.Put(p)
		w.send(t, "a", 1)
		stop := start(t, w.engine)
		time.Sleep(2 * time.Second)
		stop()
		if as := w.attempts(t, "a"); len(as) != 1 || as[0].Outcome != notify.Failed || !strings.Contains(as[0].Error, "secret") {
			t.Errorf("log %+v", as)
		}
	})
}

func TestTheLogHoldsNoURLNoAddressAndLittleOfTheAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		turn := 0
		w := newWorld(func(r *http.Request) (*http.Response, error) {
			if turn++; turn == 1 {
				return nil, fmt.Errorf("dial tcp 10.9.8.7:443: refused %s", r.URL)
			}
			return status(500, "\x1b[31m\xff"+strings.Repeat("a", 1<<20)), nil
		}, "a")
		w.send(t, "a", 1)
		stop := start(t, w.engine)
		time.Sleep(10 * time.Second)
		stop()
		as := w.attempts(t, "a")
		if len(as) != 2 || as[1].Error != "the connection failed before an answer came" {
			t.Fatalf("log %+v", as)
		}
		if n := len(as[0].Response); n > notify.MaxResponse || n < notify.MaxResponse-8 || !strings.HasPrefix(as[0].Response, "[31m?a") {
			t.Errorf("kept %d bytes: %.20q", n, as[0].Response)
		}
		for _, s := range []string{"tttoken", "10.9.8.7", w.secret} {
			if strings.Contains(w.log.String()+fmt.Sprint(as), s) {
				t.Errorf("the log holds %q", s)
			}
		}
	})
}

// Over a real socket: redirects are not followed, and an endpoint that was registered
// before it pointed inside is refused when it is called.
func TestOverLoopback(t *testing.T) {
	var inside atomic.Int32
	target := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { inside.Add(1) }))
	defer target.Close()
	verified := make(chan error, 1)
	secret := NewSecret()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/away" {
			http.Redirect(w, r, target.URL, http.StatusTemporaryRedirect)
			return
		}
		b, _ := io.ReadAll(r.Body)
		k, _ := ParseKey(secret)
		verified <- Verify(r.Header, b, time.Now(), k)
		_, _ = io.WriteString(w, "thanks")
	}))
	defer srv.Close()
	good, away, bad := place("good"), place("away"), place("bad")
	good.URL, away.URL, bad.URL = srv.URL+"/in", srv.URL+"/away", "https://bad.acme.com/"
	box := notifytest.NewMemory()
	done := make(chan struct{}, 8)
	e := New(signalling{box, done}, notifytest.NewPlaces(good, away, bad), vault{"s": secret}, Options{
		Guard: &Guard{AllowHTTP: true, AllowPrivate: true, Ports: []uint16{port(t, srv.URL), port(t, target.URL), 443}, Resolver: &names{answers: [][]string{{"169.254.169.254"}}}},
		Poll:  5 * time.Millisecond,
	})
	for i, id := range []string{"good", "away", "bad"} {
		if err := box.Enqueue(t.Context(), notifytest.Sample(id, i)); err != nil {
			t.Fatal(err)
		}
	}
	stop := start(t, e)
	for range 3 {
		<-done
	}
	stop()
	if err := <-verified; err != nil {
		t.Error(err)
	}
	for id, want := range map[string]string{"good": "", "away": "redirect", "bad": "metadata"} {
		as, _ := box.Attempts(t.Context(), id, 1)
		if len(as) != 1 || !strings.Contains(as[0].Error, want) || (as[0].Outcome == notify.Delivered) != (id == "good") {
			t.Errorf("%s: %+v", id, as)
		}
	}
	if inside.Load() != 0 {
		t.Error("a redirect was followed")
	}
}

type signalling struct {
	*notifytest.Memory
	done chan struct{}
}

func (s signalling) Record(ctx context.Context, a notify.Attempt, next time.Time) error {
	err := s.Memory.Record(ctx, a, next)
	s.done <- struct{}{}
	return err
}
