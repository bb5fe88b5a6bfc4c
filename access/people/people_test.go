package people

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/alexedwards/argon2id"
	"github.com/pquerna/otp/totp"

	"github.com/assayhq/assay/fault"
)

var (
	home   = netip.MustParseAddr("192.0.2.7")
	abroad = netip.MustParseAddr("198.51.100.9")
)

const (
	mailA = "ada@example.com"
	passA = "correct horse battery"
)

// town is people with everything they need, in memory.
type town struct {
	*People
	store   *MemoryStore
	letters []Letter
	keys    []string
	noKeys  bool
	calls   int // of the store
}

func (w *town) Get(ctx context.Context, kind, id string) ([]byte, int64, error) {
	w.calls++
	return w.store.Get(ctx, kind, id)
}
func (w *town) Put(ctx context.Context, kind, id string, d []byte, v int64, done ...Event) error {
	w.calls++
	return w.store.Put(ctx, kind, id, d, v, done...)
}
func (w *town) Delete(ctx context.Context, kind, id string, v int64, done ...Event) error {
	w.calls++
	return w.store.Delete(ctx, kind, id, v, done...)
}

func newTown(t testing.TB) *town {
	t.Helper()
	w := &town{store: NewMemoryStore()}
	flip := func(id string, b []byte) ([]byte, error) {
		out := slices.Clone(b)
		for i := range out {
			out[i] ^= id[i%len(id)] | 0x80
		}
		return out, nil
	}
	p, err := New(Options{
		Store: w, Seal: flip, Open: flip,
		Mail: func(_ context.Context, l Letter) error { w.letters = append(w.letters, l); return nil },
		FreeKey: func(_ context.Context, org, app string) (string, error) {
			if w.noKeys {
				return "", errors.New("no keys")
			}
			w.keys = append(w.keys, org+"/"+app)
			return "asy_test_key", nil
		},
		Password: &argon2id.Params{Memory: 64, Iterations: 1, Parallelism: 1, SaltLength: 16, KeyLength: 32},
	})
	if err != nil {
		t.Fatal(err)
	}
	w.People = p
	return w
}

func (w *town) settle(t testing.TB, email string) Welcome {
	t.Helper()
	if err := w.SignUp(t.Context(), home, email, passA, "Analytical Engines"); err != nil {
		t.Fatal(err)
	}
	wel, err := w.ConfirmEmail(t.Context(), w.letters[len(w.letters)-1].Token)
	if err != nil {
		t.Fatal(err)
	}
	return wel
}

// join makes who a member with an invitation.
func (w *town) join(t testing.TB, by, org, who string, r Role) {
	t.Helper()
	x, err := w.Invite(t.Context(), by, org, "", r)
	if err != nil {
		t.Fatal(err)
	}
	if m, err := w.Join(t.Context(), who, x.Code); err != nil || m.Org != org || m.Role != r {
		t.Fatal(m, err)
	}
}

func kind(t *testing.T, err error, k fault.Kind) {
	t.Helper()
	if err == nil || fault.Of(err) != k {
		t.Fatalf("got %v (%v), want %v", err, fault.Of(err), k)
	}
}

func (w *town) in(t testing.TB, code string) string {
	t.Helper()
	tok, _, err := w.LogIn(t.Context(), home, mailA, passA, code)
	if err != nil {
		t.Fatal(err)
	}
	return tok
}

func TestASignUpEndsWithAnAccountAnOrganisationAndAKey(t *testing.T) {
	w := newTown(t)
	if err := w.SignUp(t.Context(), home, "Ada@Example.com", passA, "AE"); err != nil {
		t.Fatal(err)
	}
	_, _, err := w.LogIn(t.Context(), home, mailA, passA, "")
	kind(t, err, fault.Unauthentic) // not before the address is proved
	l := w.letters[0]
	if l.Kind != "confirm" || l.To != mailA {
		t.Fatal(l)
	}
	w.noKeys = true
	_, err = w.ConfirmEmail(t.Context(), l.Token)
	kind(t, err, fault.Unavailable)
	w.noKeys = false
	wel, err := w.ConfirmEmail(t.Context(), l.Token) // goes on where it broke off
	if err != nil || wel.Key != "asy_test_key" || w.keys[0] != wel.Org+"/"+wel.App {
		t.Fatal(wel, err)
	}
	_, err = w.ConfirmEmail(t.Context(), l.Token)
	kind(t, err, fault.Unauthentic)
	if err := w.Allow(t.Context(), wel.Account, wel.Org, DeleteOrg); err != nil {
		t.Fatal("who signs up owns the organisation:", err)
	}
	if s, err := w.Session(t.Context(), w.in(t, "")); err != nil || s.Account != wel.Account {
		t.Fatal(s, err)
	}
}

func TestAnAddressBelongsToWhoConfirmsIt(t *testing.T) {
	w := newTown(t)
	ctx := t.Context()
	for _, pw := range []string{"the attacker's password", passA} {
		if err := w.SignUp(ctx, home, mailA, pw, "x"); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := w.ConfirmEmail(ctx, w.letters[1].Token); err != nil {
		t.Fatal(err)
	}
	_, err := w.ConfirmEmail(ctx, w.letters[0].Token)
	kind(t, err, fault.Conflict)
	w.in(t, "") // the owner's password is the one that was confirmed
	_, _, err = w.LogIn(ctx, home, mailA, "the attacker's password", "")
	kind(t, err, fault.Unauthentic)
}

func TestAConfirmationExpires(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newTown(t)
		_ = w.SignUp(t.Context(), home, mailA, passA, "x")
		time.Sleep(24 * time.Hour)
		_, err := w.ConfirmEmail(t.Context(), w.letters[0].Token)
		kind(t, err, fault.Unauthentic)
	})
}

func TestAStrangerCannotTellWhoHasAnAccount(t *testing.T) {
	w := newTown(t)
	w.settle(t, mailA)
	cost := func(f func() error) (string, int) {
		w.calls = 0
		err := f()
		return fmt.Sprint(fault.Of(err), fault.Public(err)), w.calls
	}
	login := func(mail string) func() error {
		return func() error { _, _, err := w.LogIn(t.Context(), abroad, mail, "wrong password", ""); return err }
	}
	a, n := cost(login(mailA))
	b, m := cost(login("nobody@example.com"))
	if a != b || n != m {
		t.Fatalf("log-in: %q with %d calls, %q with %d", a, n, b, m)
	}
	sign := func(mail string) func() error {
		return func() error { return w.SignUp(t.Context(), abroad, mail, passA, "x") }
	}
	a, n = cost(sign(mailA))
	b, m = cost(sign("nobody@example.com"))
	if a != b || n != m {
		t.Fatalf("sign-up: %q with %d calls, %q with %d", a, n, b, m)
	}
	if l := w.letters[len(w.letters)-2]; l.Kind != "known" || l.Token != "" {
		t.Fatal("the owner is told by letter:", l)
	}
	// The dummy costs what a password costs.
	par, _, _, err := argon2id.DecodeHash(w.dummy)
	if err != nil || *par != *w.o.Password {
		t.Fatal(par, err)
	}
	// Throttling counts unknown addresses alike.
	until := func(mail string) int {
		for i := 1; ; i++ {
			if err := login(mail)(); fault.Of(err) == fault.Exhausted {
				return i
			} else if i > 50 {
				t.Fatal("no throttle")
			}
		}
	}
	w.pairs, w.prefixes, w.accounts = newThrottle(5, time.Minute), newThrottle(500, time.Minute), newThrottle(500, time.Minute)
	if a, b := until(mailA), until("nobody@example.com"); a != b {
		t.Fatal(a, b)
	}
}

func TestAnAttackFromTheWholeInternetDoesNotLockTheOwnerOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newTown(t)
		w.settle(t, mailA)
		w.in(t, "")
		passed := 0
		for i := range 3600 { // one stranger a second, each from its own network
			from := netip.AddrFrom4([4]byte{203, byte(i >> 8), byte(i), 1})
			_, _, err := w.LogIn(t.Context(), from, mailA, "guess", "")
			if fault.Of(err) == fault.Unauthentic {
				passed++
			} else {
				kind(t, err, fault.Exhausted)
			}
			time.Sleep(time.Second)
		}
		if passed > 10+6+60 {
			t.Fatal("guesses that were checked in an hour:", passed)
		}
		w.in(t, "") // at home, at once
	})
}

func TestOneNetworkIsSlowedDownMoreAndMore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newTown(t)
		w.settle(t, mailA)
		tried := 0
		for i := range 24 * 60 {
			from := netip.AddrFrom4([4]byte{198, 51, 100, byte(i)}) // one /24
			_, _, err := w.LogIn(t.Context(), from, fmt.Sprintf("u%d@example.com", i), "guess", "")
			if fault.Of(err) == fault.Unauthentic {
				tried++
			}
			time.Sleep(time.Minute)
		}
		if tried < 20 || tried > 130 {
			t.Fatal("addresses tried in a day:", tried)
		}
	})
}

func TestManyGuessesAtOnceAreCountedToo(t *testing.T) {
	w := newTown(t)
	w.settle(t, mailA)
	var mu sync.Mutex
	tried := 0
	var wg sync.WaitGroup
	w.o.Store = w.store // the counting store is for one at a time
	for range 50 {
		wg.Go(func() {
			_, _, err := w.LogIn(context.Background(), abroad, mailA, "guess", "")
			mu.Lock()
			defer mu.Unlock()
			if fault.Of(err) == fault.Unauthentic {
				tried++
			}
		})
	}
	wg.Wait()
	if tried > 5 {
		t.Fatal(tried)
	}
}

func TestSessionsEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newTown(t)
		wel := w.settle(t, mailA)
		gone := func(tok string) { t.Helper(); _, err := w.Session(t.Context(), tok); kind(t, err, fault.Unauthentic) }
		used := w.in(t, "")
		for range 47 { // used each half hour: until the absolute end
			time.Sleep(30 * time.Minute)
			if _, err := w.Session(t.Context(), used); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(30 * time.Minute)
		gone(used)
		idle := w.in(t, "")
		time.Sleep(time.Hour)
		gone(idle)
		one, two, three := w.in(t, ""), w.in(t, ""), w.in(t, "")
		if err := w.LogOut(t.Context(), one); err != nil {
			t.Fatal(err)
		}
		gone(one)
		if _, err := w.Session(t.Context(), two); err != nil {
			t.Fatal(err)
		}
		if err := w.LogOutEverywhere(t.Context(), wel.Account); err != nil {
			t.Fatal(err)
		}
		gone(two)
		gone(three)
		four := w.in(t, "")
		five := w.in(t, "")
		kind(t, w.ChangePassword(t.Context(), four, "wrong", "another password"), fault.Unauthentic)
		if err := w.ChangePassword(t.Context(), four, passA, "another password"); err != nil {
			t.Fatal(err)
		}
		gone(five)
		if _, err := w.Session(t.Context(), four); err != nil {
			t.Fatal("who changes the password stays:", err)
		}
		gone("")
		gone(strings.Repeat("x", 1000))
	})
}

func TestTheStoreHoldsNothingThatOpensADoor(t *testing.T) {
	w := newTown(t)
	wel := w.settle(t, mailA)
	e, err := w.BeginTOTP(t.Context(), wel.Account, passA)
	if err != nil {
		t.Fatal(err)
	}
	tok := w.in(t, "")
	code, _ := totp.GenerateCode(e.Secret, time.Now())
	recovery, err := w.EnableTOTP(t.Context(), wel.Account, code)
	if err != nil {
		t.Fatal(err)
	}
	for k, d := range w.store.docs {
		for _, s := range append([]string{passA, tok, e.Secret, w.letters[0].Token}, recovery...) {
			if strings.Contains(string(d.doc)+k[1], s) {
				t.Fatal(k[0], "holds a secret")
			}
		}
	}
	if s := fmt.Sprintf("%v %+v %#v %+v", e, e, e, w.letters[0]); strings.Contains(s, e.Secret) || strings.Contains(s, w.letters[0].Token) {
		t.Fatal(s)
	}
	if len(tok) < 43 {
		t.Fatal("a session needs 256 bits")
	}
}

func TestACodeWorksOnceAndRecoveryCodesToo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newTown(t)
		wel := w.settle(t, mailA)
		e, err := w.BeginTOTP(t.Context(), wel.Account, passA)
		if err != nil {
			t.Fatal(err)
		}
		w.in(t, "") // does not count yet
		now := func() string { c, _ := totp.GenerateCode(e.Secret, time.Now()); return c }
		recovery, err := w.EnableTOTP(t.Context(), wel.Account, now())
		if err != nil || len(recovery) != 10 {
			t.Fatal(err)
		}
		try := func(password, code string) error {
			_, _, err := w.LogIn(t.Context(), home, mailA, password, code)
			return err
		}
		if err := try(passA, ""); !errors.Is(err, ErrSecondFactor) || fault.Of(err) != fault.Unauthentic {
			t.Fatal(err)
		}
		if err := try("wrong", ""); errors.Is(err, ErrSecondFactor) {
			t.Fatal("told to somebody without the password")
		}
		if err := try(passA, now()); !errors.Is(err, ErrSecondFactor) {
			t.Fatal("the code that enabled it was used", err)
		}
		time.Sleep(30 * time.Second)
		c := now()
		if err := try(passA, c); err != nil {
			t.Fatal(err)
		}
		time.Sleep(29 * time.Second) // still shown or just gone: used is used
		if err := try(passA, c); !errors.Is(err, ErrSecondFactor) {
			t.Fatal(err)
		}
		time.Sleep(5 * time.Minute)
		late, _ := totp.GenerateCode(e.Secret, time.Now().Add(-30*time.Second))
		old, _ := totp.GenerateCode(e.Secret, time.Now().Add(-90*time.Second))
		if err := try(passA, old); err == nil {
			t.Fatal("an old code was accepted")
		}
		if err := try(passA, late); err != nil {
			t.Fatal("one step late must pass", err)
		}
		if err := try(passA, strings.ToLower(recovery[3])); err != nil {
			t.Fatal(err)
		}
		if err := try(passA, recovery[3]); err == nil {
			t.Fatal("a recovery code worked twice")
		}
		time.Sleep(5 * time.Minute)
		kind(t, w.DisableTOTP(t.Context(), wel.Account, passA, "000"), fault.Unauthentic)
		if err := w.DisableTOTP(t.Context(), wel.Account, passA, recovery[4]); err != nil {
			t.Fatal(err)
		}
		w.in(t, "")
	})
}

func TestCodesCannotBeGuessedWithThePassword(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newTown(t)
		wel := w.settle(t, mailA)
		e, _ := w.BeginTOTP(t.Context(), wel.Account, passA)
		c, _ := totp.GenerateCode(e.Secret, time.Now())
		if _, err := w.EnableTOTP(t.Context(), wel.Account, c); err != nil {
			t.Fatal(err)
		}
		checked := 0
		for i := range 24 * 60 {
			from := netip.AddrFrom4([4]byte{203, byte(i >> 8), byte(i), 1})
			if _, _, err := w.LogIn(t.Context(), from, mailA, passA, "x00000"); errors.Is(err, ErrSecondFactor) {
				checked++
			}
			time.Sleep(time.Minute)
		}
		if checked == 0 || checked > 120 {
			t.Fatal("codes checked in a day:", checked)
		}
	})
}

func TestRolesAllowWhatTheTableSays(t *testing.T) {
	want := map[Role]int{Owner: 9, Admin: 6, Developer: 3, Viewer: 1, "": 0, "root": 0}
	for r, n := range want {
		if len(r.Actions()) != n {
			t.Errorf("%s: %v", r, r.Actions())
		}
	}
	order := []Role{Viewer, Developer, Admin, Owner}
	for i := 1; i < len(order); i++ {
		for _, a := range order[i-1].Actions() {
			if !order[i].May(a) {
				t.Errorf("%s may %s but %s may not", order[i-1], a, order[i])
			}
		}
	}
	for r := range maps.Keys(want) {
		if r != Owner && (r.May(ManageOwners) || r.May(DeleteOrg) || r.May(ManagePlan)) {
			t.Errorf("%q may too much", r)
		}
	}
}

func TestMembersCannotRaiseThemselvesAndAnOwnerStays(t *testing.T) {
	w := newTown(t)
	ctx := t.Context()
	ada, bob, eve := w.settle(t, mailA), w.settle(t, "bob@example.com"), w.settle(t, "eve@example.com")
	set := func(by, who string, r Role) error { return w.SetRole(ctx, by, ada.Org, who, r) }
	kind(t, set(ada.Account, bob.Account, Admin), fault.Unknown) // nobody becomes a member without asking
	w.join(t, ada.Account, ada.Org, bob.Account, Admin)
	kind(t, set(bob.Account, bob.Account, Owner), fault.Denied)
	kind(t, set(bob.Account, eve.Account, Owner), fault.Denied)
	kind(t, set(bob.Account, ada.Account, Viewer), fault.Denied)
	kind(t, set(bob.Account, ada.Account, ""), fault.Denied)
	kind(t, set(eve.Account, eve.Account, Viewer), fault.Unknown)
	kind(t, set(bob.Account, "acc_none", Viewer), fault.Unknown)
	kind(t, set(bob.Account, eve.Account, "root"), fault.Invalid)
	kind(t, set(ada.Account, ada.Account, ""), fault.Conflict)
	kind(t, set(ada.Account, ada.Account, Admin), fault.Conflict)
	w.join(t, bob.Account, ada.Org, eve.Account, Viewer)
	kind(t, w.Allow(ctx, eve.Account, ada.Org, ManageKeys), fault.Denied)
	if err := set(eve.Account, eve.Account, ""); err != nil {
		t.Fatal("everybody may leave", err)
	}
	a, b := w.Allow(ctx, eve.Account, ada.Org, SeeUsage), w.Allow(ctx, eve.Account, "org_none", SeeUsage)
	if kind(t, a, fault.Unknown); fault.Public(a) != fault.Public(b) {
		t.Fatal("a stranger learns that an organisation exists")
	}
	// Two owners leave at the same time: one stays.
	if err := set(ada.Account, bob.Account, Owner); err != nil {
		t.Fatal(err)
	}
	w.o.Store = w.store
	var wg sync.WaitGroup
	errs := make([]error, 2)
	for i, who := range []string{ada.Account, bob.Account} {
		wg.Go(func() { errs[i] = w.SetRole(context.Background(), who, ada.Org, who, "") })
	}
	wg.Wait()
	if (errs[0] == nil) == (errs[1] == nil) {
		t.Fatal(errs)
	}
}

func TestOldHashesAreMadeAnewAtLogIn(t *testing.T) {
	w := newTown(t)
	wel := w.settle(t, mailA)
	w.o.Password.Iterations = 2
	w.in(t, "")
	a, _, _ := read[account](t.Context(), w.store, kindAccount, wel.Account)
	if !strings.Contains(a.Hash, "t=2") {
		t.Fatal(a.Hash)
	}
	w.in(t, "")
}

func FuzzAddress(f *testing.F) {
	f.Add("Ada@Example.com")
	f.Add("Ada <ada@example.com>")
	f.Add("a@b\r\nBcc: c@d.e")
	f.Fuzz(func(t *testing.T, s string) {
		a, err := address(s)
		if err != nil {
			return
		}
		if again, err := address(a); err != nil || again != a || strings.ContainsAny(a, "\r\n<> ,") || len(a) > 2*maxEmail {
			t.Fatalf("%q became %q, then %q %v", s, a, again, err)
		}
	})
}

func BenchmarkPassword(b *testing.B) {
	for b.Loop() {
		if _, err := argon2id.CreateHash(passA, Passwords()); err != nil {
			b.Fatal(err)
		}
	}
}

// When no hash can be computed, an unknown address fails as a known one does: so both
// ask for the same work.
func TestAnUnknownAddressCostsAHashToo(t *testing.T) {
	w := newTown(t)
	w.settle(t, mailA)
	for range maxQueue {
		w.queue <- struct{}{}
	}
	for _, mail := range []string{mailA, "nobody@example.com"} {
		_, _, err := w.LogIn(t.Context(), abroad, mail, "wrong password", "")
		kind(t, err, fault.Exhausted)
	}
}
