package rotation

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/assayhq/assay/access"
	"github.com/assayhq/assay/fault"
)

var morning = time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)

func ring(scopes ...access.Scope) *access.Ring {
	if scopes == nil {
		scopes = []access.Scope{access.MarketRead}
	}
	r := &access.Ring{ID: "ring_a", Org: "acme", App: "bot"}
	Start(r, access.Key{ID: "k1", Scopes: scopes}, morning)
	return r
}

func rotate(t *testing.T, r *access.Ring, now time.Time) string {
	t.Helper()
	id := fmt.Sprintf("k%d", r.Keys[len(r.Keys)-1].N+1)
	if _, err := Rotate(r, access.Key{ID: id}, Wish{ID: "rot_" + id, Reason: "rotation"}, now); err != nil {
		t.Fatal(err)
	}
	return id
}

func states(r *access.Ring, now time.Time) string {
	var s []string
	for i := range r.Keys {
		s = append(s, r.Keys[i].ID+" "+r.Keys[i].Standing(now))
	}
	return strings.Join(s, ", ")
}

func want(t *testing.T, r *access.Ring, now time.Time, states_ string) {
	t.Helper()
	if got := states(r, now); got != states_ {
		t.Fatalf("at %s: %s, want %s", now.Format(time.DateTime), got, states_)
	}
}

func TestARotationInGoodOrder(t *testing.T) {
	r, now := ring(), morning.Add(24*time.Hour)
	rotate(t, r, now)
	want(t, r, now, "k1 active, k2 staged")
	// Nothing happens to the old key while the new one was not used.
	if ev := Tick(r, Evidence{}, now.Add(6*24*time.Hour)); ev != nil {
		t.Fatal(ev)
	}
	now = now.Add(24 * time.Hour)
	if _, err := Confirm(r, "k2", now); err != nil {
		t.Fatal(err)
	}
	want(t, r, now, "k1 retiring, k2 active")
	date := r.Key("k1").RetireAt
	if date != morning.Add(8*24*time.Hour) {
		t.Fatal("retirement is at", date)
	}
	// The date is judged by every clock, without a message.
	want(t, r, date, "k1 suspended, k2 active")
	if ev := Tick(r, Evidence{}, date); len(ev) != 1 || ev[0].Type != "key.suspended" {
		t.Fatal(ev)
	}
	if ev := Tick(r, Evidence{}, date.Add(72*time.Hour)); len(ev) != 1 || ev[0].Type != "key.retired" || r.Rotation.Phase != access.Done {
		t.Fatal(ev, r.Rotation.Phase)
	}
	want(t, r, date.Add(72*time.Hour), "k1 retired, k2 active")
}

func TestTheOldKeyStaysWhileTheNewOneIsNotUsed(t *testing.T) {
	r, now := ring(), morning
	rotate(t, r, now)
	now = now.Add(7 * 24 * time.Hour)
	if ev := Tick(r, Evidence{}, now); len(ev) != 1 || ev[0].Type != "key.withdrawn" {
		t.Fatal(ev)
	}
	want(t, r, now, "k1 active, k2 withdrawn")
	rotate(t, r, now) // and again
	want(t, r, now, "k1 active, k2 withdrawn, k3 staged")
}

func TestALateConfirmationLeavesTimeForTheNews(t *testing.T) {
	r, now := ring(), morning
	r.Policy.Confirm = 30 * 24 * time.Hour
	rotate(t, r, now)
	now = now.Add(8 * 24 * time.Hour) // after the planned date
	if _, err := Confirm(r, "k2", now); err != nil {
		t.Fatal(err)
	}
	if at := r.Key("k1").RetireAt; at != now.Add(Settle) {
		t.Fatal(at)
	}
}

func TestRefusedWishes(t *testing.T) {
	now := morning.Add(time.Hour)
	for name, c := range map[string]struct {
		do   func(r *access.Ring) error
		kind fault.Kind
	}{
		"a third key": {func(r *access.Ring) error {
			rotate(t, r, now)
			_, err := Rotate(r, access.Key{ID: "k3"}, Wish{}, now)
			return err
		}, fault.Conflict},
		"more scopes": {func(r *access.Ring) error {
			_, err := Rotate(r, access.Key{ID: "k2", Scopes: []access.Scope{access.KeysWrite}}, Wish{}, now)
			return err
		}, fault.Denied},
		"a short overlap": {func(r *access.Ring) error {
			_, err := Rotate(r, access.Key{ID: "k2"}, Wish{Overlap: time.Minute}, now)
			return err
		}, fault.Invalid},
		"retiring the only key": {func(r *access.Ring) error {
			_, err := Retire(r, "k1", false, now)
			return err
		}, fault.Conflict},
		"retiring before the successor was seen": {func(r *access.Ring) error {
			rotate(t, r, now)
			_, err := Retire(r, "k1", false, now)
			return err
		}, fault.Conflict},
		"undoing what is not suspended": {func(r *access.Ring) error {
			_, err := Undo(r, "k1", "", now)
			return err
		}, fault.Conflict},
		"undoing a revocation": {func(r *access.Ring) error {
			Revoke(r, func(*access.Key) bool { return true }, "compromise", now)
			_, err := Undo(r, "k1", "", now)
			return err
		}, fault.Conflict},
		"rolling back what was revoked": {func(r *access.Ring) error {
			rotate(t, r, now)
			Confirm(r, "k2", now)
			Revoke(r, func(k *access.Key) bool { return k.ID == "k1" }, "compromise", now)
			_, err := Rollback(r, "", now)
			return err
		}, fault.Conflict},
		"rotating a dead ring": {func(r *access.Ring) error {
			Revoke(r, func(*access.Key) bool { return true }, "lost", now)
			_, err := Rotate(r, access.Key{ID: "k2"}, Wish{}, now)
			return err
		}, fault.Conflict},
		"an unknown key": {func(r *access.Ring) error { _, err := Confirm(r, "k9", now); return err }, fault.Unknown},
	} {
		if err := c.do(ring()); err == nil || fault.Of(err) != c.kind {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestRollbackMovesCallersBack(t *testing.T) {
	r, now := ring(), morning
	rotate(t, r, now)
	if _, err := Rollback(r, "bad deploy", now); err != nil {
		t.Fatal(err)
	}
	want(t, r, now, "k1 active, k2 withdrawn")

	rotate(t, r, now)
	Confirm(r, "k3", now)
	now = now.Add(7 * 24 * time.Hour)
	Tick(r, Evidence{}, now)
	want(t, r, now, "k1 suspended, k2 withdrawn, k3 active")
	if _, err := Rollback(r, "bad deploy", now); err != nil {
		t.Fatal(err)
	}
	// Those who have moved are not cut off either.
	want(t, r, now, "k1 active, k2 withdrawn, k3 retiring")
	if r.Accepting(now) != 2 {
		t.Fatal("accepting", r.Accepting(now))
	}
}

func TestASuspensionThatHitsCallersUndoesItself(t *testing.T) {
	r, now := ring(), morning
	rotate(t, r, now)
	Confirm(r, "k2", now)
	now = now.Add(7 * 24 * time.Hour)
	Tick(r, Evidence{}, now)
	if ev := Tick(r, Evidence{Refused: map[string]int{"k1": 4}}, now.Add(time.Minute)); ev != nil {
		t.Fatal("four refusals:", ev)
	}
	ev := Tick(r, Evidence{Refused: map[string]int{"k1": 5}}, now.Add(time.Minute))
	if len(ev) != 1 || ev[0].Type != "key.rolled_back" {
		t.Fatal(ev)
	}
	want(t, r, now.Add(time.Minute), "k1 retiring, k2 active")
	// Long after the suspension it stays: those callers have had their time.
	r2 := ring()
	rotate(t, r2, morning)
	Confirm(r2, "k2", morning)
	Tick(r2, Evidence{}, now)
	if ev := Tick(r2, Evidence{Refused: map[string]int{"k1": 50}}, now.Add(16*time.Minute)); ev != nil {
		t.Fatal(ev)
	}
}

func TestTrafficProvenRetirementAndExtension(t *testing.T) {
	r, now := ring(), morning
	r.Policy.Proven = true
	rotate(t, r, now)
	if ev := Tick(r, Evidence{Known: true, Quiet: true}, now.Add(time.Hour)); ev != nil {
		t.Fatal("before the successor works:", ev)
	}
	Confirm(r, "k2", now.Add(time.Hour))
	for _, e := range []Evidence{{}, {Known: true, Quiet: true, Stragglers: 1}, {Known: true}} {
		if ev := Tick(r, e, now.Add(2*time.Hour)); len(ev) > 0 && ev[0].Type == "key.suspended" {
			t.Fatalf("%+v: %v", e, ev)
		}
	}
	if ev := Tick(r, Evidence{Known: true, Quiet: true}, now.Add(3*time.Hour)); len(ev) != 1 || ev[0].Type != "key.suspended" {
		t.Fatal(ev)
	}

	r = ring()
	r.Policy.Deadline = access.Extend
	rotate(t, r, morning)
	Confirm(r, "k2", morning)
	date := r.Key("k1").RetireAt
	Tick(r, Evidence{Known: true, Stragglers: 1}, date.Add(-time.Second))
	if later := r.Key("k1").RetireAt; !later.After(date) {
		t.Fatal("not extended")
	}
	for range 1000 {
		Tick(r, Evidence{Known: true, Stragglers: 1}, r.Key("k1").RetireAt.Add(-time.Second))
	}
	if got := r.Key("k1").RetireAt; got.After(r.Rotation.Limit) {
		t.Fatal("beyond the cap:", got)
	}
}

func TestStragglersAreNamedAtTheirTimes(t *testing.T) {
	r, now := ring(), morning
	rotate(t, r, now)
	Confirm(r, "k2", now)
	var at []string
	for ; now.Before(r.Key("k1").RetireAt); now = now.Add(10 * time.Minute) {
		for _, e := range Tick(r, Evidence{Known: true, Stragglers: 2}, now) {
			if e.Type == "key.straggler_detected" {
				at = append(at, r.Key("k1").RetireAt.Sub(now).String())
			}
		}
	}
	if got := strings.Join(at, " "); got != "72h0m0s 24h0m0s 1h0m0s" {
		t.Fatal(got)
	}
}

func TestBrownoutsGrowAndEnd(t *testing.T) {
	k := access.Key{State: access.Retiring, RetireAt: morning}
	p := access.Policy{Deadline: access.Brownout}
	for before, share := range map[time.Duration]int{48 * time.Hour: 0, 24 * time.Hour: 1, 24*time.Hour - 6*time.Minute: 0, 12*time.Hour - time.Minute: 5, 2 * time.Hour: 25, time.Hour: 0} {
		if got := Refuse(&k, p, 7*24*time.Hour, morning.Add(-before)); got != share {
			t.Errorf("%s before: %d%%, want %d%%", before, got, share)
		}
	}
}

// Whatever is asked of a ring in whatever order, the rules hold.
func TestTheRulesHoldForAnyOrder(t *testing.T) {
	for seed := range uint64(3000) {
		rnd := rand.New(rand.NewPCG(seed, 1))
		r, now := ring(), morning
		revoked := false
		ended := map[string]access.State{}
		var log []string
		for range 60 {
			now = now.Add(time.Duration(rnd.Int64N(int64(40 * time.Hour))))
			pick := func() *access.Key { return &r.Keys[rnd.IntN(len(r.Keys))] }
			before, expiries := r.Accepting(now), map[string]time.Time{}
			for _, k := range r.Keys {
				expiries[k.ID] = k.Expires
			}
			var err error
			what := ""
			forced := false
			switch rnd.IntN(12) {
			case 0, 1, 2:
				what = "rotate"
				_, err = Rotate(r, access.Key{ID: fmt.Sprintf("k%d", r.Keys[len(r.Keys)-1].N+1)}, Wish{ID: "rot", Reason: "rotation"}, now)
				if err == nil && r.Accepting(now) > 2 {
					t.Fatalf("seed %d: R2: %d accepted\n%s", seed, r.Accepting(now), strings.Join(log, "\n"))
				}
			case 3, 4:
				k := pick()
				what = "confirm " + k.ID
				_, err = Confirm(r, k.ID, now)
			case 5:
				k := pick()
				what = "retire " + k.ID
				_, err = Retire(r, k.ID, false, now)
			case 6:
				k := pick()
				what = "undo " + k.ID
				_, err = Undo(r, k.ID, "asked", now)
			case 7:
				what = "rollback"
				_, err = Rollback(r, "asked", now)
			case 8:
				if rnd.IntN(5) == 0 {
					id := pick().ID
					what, forced, revoked = "revoke "+id, true, true
					Revoke(r, func(k *access.Key) bool { return k.ID == id }, "compromise", now)
				}
			default:
				what = "tick"
				Tick(r, Evidence{Known: true, Stragglers: rnd.IntN(2), Refused: map[string]int{pick().ID: rnd.IntN(8)}}, now)
			}
			log = append(log, fmt.Sprintf("%s %s: %v -> %s", now.Format(time.DateTime), what, err, states(r, now)))
			fail := func(rule string) {
				t.Fatalf("seed %d: %s\n%s", seed, rule, strings.Join(log, "\n"))
			}
			after := r.Accepting(now)
			if before > 0 && after == 0 && !forced {
				fail("R1: the last accepted key is gone")
			}
			if !revoked && after == 0 {
				fail("R1: nobody is accepted")
			}
			for i := range r.Keys {
				k := &r.Keys[i]
				if was, ok := ended[k.ID]; ok && k.State != was {
					fail("a key came back from " + string(was))
				}
				if k.State.Terminal() {
					ended[k.ID] = k.State
				}
				if was, ok := expiries[k.ID]; ok && k.Expires != was {
					fail("R4: an expiry moved")
				}
				if k.State == access.Retiring && k.RetireAt.IsZero() {
					fail("a retiring key has no date")
				}
				if k.State == access.Active && !k.RetireAt.IsZero() {
					fail("an active key has a date of retirement")
				}
			}
		}
	}
}
