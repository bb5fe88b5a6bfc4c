package anomaly

import (
	"fmt"
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"
	"unsafe"
)

func monday() time.Time { return time.Date(2026, 9, 7, 0, 0, 0, 0, time.UTC) }

func net4(a, b, c byte) netip.Prefix {
	return netip.PrefixFrom(netip.AddrFrom4([4]byte{a, b, c, 0}), 24)
}

func plain(at time.Time) Use {
	return Use{At: at, Key: "k", Ring: "r", App: "a", Prefix: net4(10, 1, 1), Agent: "assay-go/1", Endpoint: "market:trades", Status: 200, Bytes: 900}
}

// steady lets one bot work for days, one request a minute, and fails on any alert.
func steady(t *testing.T, w *Watch, days int) time.Time {
	t.Helper()
	at := monday()
	for range days * 1440 {
		for _, a := range append(w.Observe(plain(at.Add(7*time.Second))), w.Tick(at.Add(time.Minute))...) {
			t.Fatalf("a steady bot raised %+v", a)
		}
		at = at.Add(time.Minute)
	}
	return at
}

func one(t *testing.T, as []Alert, c Class) Alert {
	t.Helper()
	if len(as) != 1 || as[0].Class != c {
		t.Fatalf("got %+v, want one alert of class %s", as, c)
	}
	if len(as[0].Reasons) == 0 || as[0].Reasons[0].Why == "" {
		t.Fatalf("the alert explains nothing: %+v", as[0])
	}
	return as[0]
}

func TestAStolenKeyIsOneAlertWithReasons(t *testing.T) {
	w := New(Options{Trading: func(string) bool { return true }})
	at := steady(t, w, 12)
	u := plain(at)
	u.Prefix, u.Agent = net4(200, 9, 9), "curl/8"
	a := one(t, w.Observe(u), ClassStolen)
	if a.Proposed != Suspend || len(a.Evidence) != 3 || a.Evidence[0] != "200.9.9.0/24" {
		t.Errorf("proposed %s with %v", a.Proposed, a.Evidence)
	}
	for i := range 300 {
		u.At = at.Add(time.Duration(i) * time.Second)
		if as := w.Observe(u); len(as) > 0 {
			t.Fatalf("the same incident gave another alert: %+v", as)
		}
	}
}

func TestOnlyKeysThatTradeAreProposedForSuspension(t *testing.T) {
	w := New(Options{})
	u := plain(steady(t, w, 12))
	u.Prefix, u.Agent = net4(200, 9, 9), "curl/8"
	if a := one(t, w.Observe(u), ClassStolen); a.Proposed != Pin {
		t.Errorf("proposed %s, want pin", a.Proposed)
	}
}

func TestAServerThatMovesIsNoThief(t *testing.T) {
	w := New(Options{})
	at := steady(t, w, 12)
	for i := range 600 {
		u := plain(at.Add(time.Duration(i) * time.Minute))
		u.Prefix = net4(77, 3, 3)
		if as := w.Observe(u); len(as) > 0 {
			t.Fatalf("a clean move raised %+v", as)
		}
	}
}

func TestAThiefBesideTheOwnerIsFoundThoughHeCopiesTheClient(t *testing.T) {
	w := New(Options{})
	at := steady(t, w, 12)
	var got []Alert
	for i := range 4 {
		u := plain(at.Add(time.Duration(i) * 30 * time.Second))
		if i%2 == 0 {
			u.Prefix = net4(77, 3, 3)
		}
		got = append(got, w.Observe(u)...)
	}
	if a := one(t, got, ClassStolen); a.Evidence[0] != "77.3.3.0/24" {
		t.Errorf("the evidence is %v, want the thief's network", a.Evidence)
	}
}

// A fleet whose every job has a new address is not news for ever: the expected
// novelty of Good and Turing is near one.
func TestAFleetWithEverNewAddressesIsNotNews(t *testing.T) {
	w := New(Options{})
	at := monday()
	for i := range 20 * 24 {
		u := plain(at.Add(time.Duration(i) * time.Hour))
		u.Prefix = net4(byte(i%5+20), byte(i%7), byte(i*37))
		for range 5 {
			if as := w.Observe(u); len(as) > 0 {
				t.Fatalf("job %d raised %+v", i, as)
			}
		}
	}
	n := &w.keys.get("k").near
	if p := n.expected(); p < 0.5 {
		t.Errorf("the expected novelty is %.2f; a fleet should be near 1", p)
	}
	if len(n.set) > maxNear {
		t.Errorf("%d prefixes are kept, at most %d", len(n.set), maxNear)
	}
}

func TestNoveltyIsTheShareOfSingletons(t *testing.T) {
	var n novelty
	for h := range int32(3) { // three singletons, one thing seen in three hours
		n.visit(1, h+1, 10)
		n.visit(uint64(10+h), h+1, 10)
	}
	// N = 6 and N1 = 3, but for two hours of fading and the smoothing.
	if got := n.expected(); got < 0.49 || got > 0.51 {
		t.Errorf("expected novelty %.3f, want (3+0.5)/(6+1)", got)
	}
}

func TestABurstIsHalved(t *testing.T) {
	w := New(Options{})
	at := steady(t, w, 9)
	var got []Alert
	for i := range 20 * 60 {
		got = append(got, w.Observe(plain(at.Add(time.Duration(i)*time.Second)))...)
	}
	if a := one(t, got, ClassBurst); a.Proposed != Halve {
		t.Errorf("proposed %s", a.Proposed)
	}
}

func TestAYoungKeyIsOnlyLearntFrom(t *testing.T) {
	w := New(Options{})
	at := steady(t, w, 2)
	u := plain(at)
	u.Prefix, u.Agent = net4(200, 9, 9), "curl/8"
	if as := w.Observe(u); len(as) > 0 {
		t.Errorf("a key of two days raised %+v", as)
	}
}

func TestTryingDoorsIsProbingAndOneClosedDoorIsNot(t *testing.T) {
	w := New(Options{})
	at := monday()
	for i := range 200 {
		u := plain(at.Add(time.Duration(i) * time.Second))
		u.Status, u.Denied = 403, "scope"
		if as := w.Observe(u); len(as) > 0 {
			t.Fatalf("one closed door raised %+v", as)
		}
	}
	var got []Alert
	for i := range 40 {
		u := plain(at.Add(time.Hour + time.Duration(i)*time.Second))
		u.Status, u.Denied, u.Endpoint = 403, "scope", fmt.Sprint("door", i%9)
		got = append(got, w.Observe(u)...)
	}
	one(t, got, ClassProbing)
}

func TestCertainRules(t *testing.T) {
	at := monday()
	for _, c := range []struct {
		name     string
		r        Refusal
		class    Class
		severity Severity
	}{
		{"a canary", Refusal{Why: Canary}, ClassCanary, Critical},
		{"a leaked key", Refusal{Why: Leaked}, ClassRevoked, High},
		{"a revoked key from elsewhere", Refusal{Why: Revoked, Prefix: net4(9, 9, 9)}, ClassRevoked, Medium},
		{"a revoked key of a client left behind", Refusal{Why: Revoked}, ClassRevoked, Low},
		{"a nonce again from elsewhere", Refusal{Why: Replayed, Prefix: net4(9, 9, 9)}, ClassReplay, High},
		{"a nonce again from the client", Refusal{Why: Replayed}, ClassReplay, Low},
	} {
		w := New(Options{})
		w.Observe(plain(at))
		c.r.At, c.r.Key, c.r.Ring, c.r.Agent = at, "k0", "r", "assay-go/1"
		if !c.r.Prefix.IsValid() {
			c.r.Prefix = net4(10, 1, 1)
		}
		a := one(t, w.Refuse(c.r), c.class)
		if a.Severity != c.severity {
			t.Errorf("%s: severity %d, want %d", c.name, a.Severity, c.severity)
		}
		if as := w.Refuse(c.r); len(as) > 0 {
			t.Errorf("%s: the second gave another alert", c.name)
		}
	}
}

func TestGuessingIdsIsFoundAndOneOldKeyIsNot(t *testing.T) {
	w := New(Options{})
	try := func(i, id int, p netip.Prefix) []Alert {
		return w.Refuse(Refusal{At: monday().Add(time.Duration(i) * time.Second), Why: Unknown, Key: fmt.Sprint("id", id), Prefix: p, Checksum: true})
	}
	for i := range 100 {
		if as := try(i, 1, net4(5, 5, 5)); len(as) > 0 {
			t.Fatalf("one stale key raised %+v", as)
		}
	}
	var got []Alert
	for i := range 60 {
		got = append(got, try(i, i, net4(6, 6, 6))...)
	}
	one(t, got, ClassEnumeration)
}

func TestABotnetThatTriesAListIsOneAlert(t *testing.T) {
	w := New(Options{})
	var got []Alert
	for i := range 400 {
		got = append(got, w.Refuse(Refusal{At: monday().Add(time.Duration(i) * time.Second), Why: Unknown, Key: fmt.Sprint("id", i), Prefix: net4(6, byte(i), 6), Checksum: true})...)
	}
	one(t, got, ClassEnumeration)
}

func TestTwoAllowedSitesAtOnce(t *testing.T) {
	w := New(Options{Site: func(_ string, p netip.Prefix) string {
		if p == net4(10, 1, 1) {
			return "berlin"
		}
		return "tokyo"
	}})
	at := steady(t, w, 8)
	u := plain(at)
	u.Prefix = net4(88, 1, 1)
	if as := w.Observe(u); len(as) == 0 || as[0].Class != ClassSites {
		t.Fatalf("got %+v, want %s", as, ClassSites)
	}
}

func TestARolloverThatLeavesAClientBehindIsFoundAtItsFifthRefusal(t *testing.T) {
	w := New(Options{})
	at := monday()
	w.Observe(plain(at))
	for i := range 10 {
		as := w.Refuse(Refusal{At: at.Add(time.Hour + time.Duration(i)*time.Second), Why: Suspended, Key: "k", Ring: "r", Prefix: net4(10, 1, 1), Agent: "assay-go/1"})
		if i == 4 {
			if a := one(t, as, ClassRollover); !strings.Contains(a.Evidence[0], "assay-go/1") {
				t.Errorf("the evidence is %v, want the client", a.Evidence)
			}
		} else if len(as) > 0 {
			t.Fatalf("refusal %d raised %+v", i+1, as)
		}
	}
	// A stranger with the old key is no roll-over that fails.
	v := New(Options{})
	v.Observe(plain(at))
	for i := range 10 {
		if as := v.Refuse(Refusal{At: at.Add(time.Duration(i) * time.Second), Why: Suspended, Key: "k", Ring: "r", Prefix: net4(66, 1, 1), Agent: "curl/8"}); len(as) > 0 {
			t.Fatalf("a stranger raised %+v", as)
		}
	}
}

func TestARolloverThatStallsIsFoundBeforeItsDateAndOneThatMovesIsNot(t *testing.T) {
	for _, stalls := range []bool{true, false} {
		w := New(Options{})
		at := monday()
		w.Begin(Rollover{Ring: "r", Began: at, Deadline: at.Add(96 * time.Hour)})
		var got []Alert
		for m := range 96 * 60 {
			u := plain(at.Add(time.Duration(m) * time.Minute))
			share := m * 100 / (72 * 60)
			if stalls {
				share = min(share, 30)
			}
			u.Successor = m%10*10 < share
			got = append(got, w.Observe(u)...)
			got = append(got, w.Tick(u.At.Add(time.Minute))...)
		}
		found := len(got) > 0 && got[0].Class == ClassRollover && got[0].At.Before(at.Add(80*time.Hour))
		if found != stalls {
			t.Errorf("stalls %v: alerts %+v", stalls, got)
		}
	}
}

func TestAnIncidentMayWorsenAndIsNewAfterItsCooldown(t *testing.T) {
	var i incident
	at := monday()
	step := func(d time.Duration, s Severity, news, worse bool) {
		t.Helper()
		at = at.Add(d)
		if i.known(at, s, time.Hour) == news {
			t.Fatalf("at %v severity %d: news should be %v", at, s, news)
		}
		if news && i.open(at, s, time.Hour) != worse {
			t.Fatalf("at %v severity %d: worse should be %v", at, s, worse)
		}
	}
	step(0, Medium, true, false)
	step(time.Minute, Medium, false, false)
	step(time.Minute, High, true, true)
	step(time.Minute, Medium, false, false)
	step(59*time.Minute, High, false, false)
	step(59*time.Minute, Medium, false, false)
	step(61*time.Minute, Medium, true, false)
	for range 23 { // it goes on for a day, and is told again
		step(59*time.Minute, Medium, false, false)
	}
	step(59*time.Minute, Medium, false, false)
	step(59*time.Minute, Medium, true, false)
}

func TestAKeyTakesSevenKilobytesAtMost(t *testing.T) {
	if n := unsafe.Sizeof(state{}) + (maxNear+maxWide+maxAgents+maxEndpoints)*unsafe.Sizeof(thing{}); n > 7<<10 {
		t.Errorf("a key takes %d bytes", n)
	}
}

func TestMemoryIsBounded(t *testing.T) {
	w := New(Options{Keys: 100, Prefixes: 50, Rings: 20})
	for i := range 5000 {
		u := plain(monday().Add(time.Duration(i) * time.Second))
		u.Key, u.Ring = fmt.Sprint("k", i), fmt.Sprint("r", i)
		w.Observe(u)
		w.Refuse(Refusal{At: u.At, Why: Unknown, Key: u.Key, Prefix: net4(1, byte(i>>8), byte(i)), Checksum: true})
		w.Refuse(Refusal{At: u.At, Why: Revoked, Key: u.Key, Prefix: net4(1, byte(i>>8), byte(i))})
	}
	w.Tick(monday().Add(100 * time.Hour))
	if len(w.keys.items) != 100 || len(w.prefixes.items) != 50 || len(w.rings.items) != 20 || len(w.gone.items) != 100 {
		t.Errorf("remembered %d keys, %d prefixes, %d rings, %d refused keys", len(w.keys.items), len(w.prefixes.items), len(w.rings.items), len(w.gone.items))
	}
	if len(w.minutes) != 0 || len(w.hours) != 0 {
		t.Errorf("after a tick %d minutes and %d hours are open", len(w.minutes), len(w.hours))
	}
	if w.keys.get("k4999") == nil || w.keys.get("k0") != nil {
		t.Error("it was not the least recently seen that was forgotten")
	}
}

func TestTheSameTrafficGivesTheSameAlerts(t *testing.T) {
	play := func() (out []Alert) {
		w, d := newWorld(3), New(Options{Seed: 3})
		for m := 13 * 1440; m < 17*1440; m++ {
			w.minute(m)
			for _, u := range w.uses {
				out = append(out, d.Observe(u)...)
			}
			for _, r := range w.refused {
				out = append(out, d.Refuse(r)...)
			}
			out = append(out, d.Tick(w.t0.Add(time.Duration(m+1)*time.Minute))...)
		}
		return out
	}
	if a, b := play(), play(); len(a) == 0 || !reflect.DeepEqual(a, b) {
		t.Errorf("%d and %d alerts, and they differ or there are none", len(a), len(b))
	}
}

func TestObserveAllocatesNothingForAKnownKey(t *testing.T) {
	w := New(Options{})
	at := steady(t, w, 1)
	u, i := plain(at), 0
	if n := testing.AllocsPerRun(1000, func() {
		i++
		u.At = at.Add(time.Duration(i) * time.Second)
		w.Observe(u)
	}); n > 0.1 {
		t.Errorf("%.2f allocations for each use", n)
	}
}
