package people

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pquerna/otp/totp"

	"github.com/assayhq/assay/access"
	"github.com/assayhq/assay/fault"
)

func TestAnInvitationIsForOneAndWorksOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newTown(t)
		ctx := t.Context()
		ada, bob, eve := w.settle(t, mailA), w.settle(t, "bob@example.com"), w.settle(t, "eve@example.com")
		x, err := w.Invite(ctx, ada.Account, ada.Org, "Bob@example.com", Developer)
		if err != nil || x.Code != "" {
			t.Fatal(x, err)
		}
		l := w.letters[len(w.letters)-1]
		if l.Kind != "invite" || l.To != "bob@example.com" || l.Org != ada.Org {
			t.Fatal(l)
		}
		_, err = w.Join(ctx, eve.Account, l.Token)
		kind(t, err, fault.Unauthentic)
		for _, code := range []string{"", "x", ada.Org, ada.Org + ".", "org_none." + l.Token, strings.Repeat("a", 300), l.Token + "x", "../../x.y"} {
			_, err := w.Join(ctx, bob.Account, code)
			kind(t, err, fault.Unauthentic)
			w.pairs = newThrottle(5, time.Minute)
		}
		if m, err := w.Join(ctx, bob.Account, l.Token); err != nil || m.Role != Developer || m.Name != "Analytical Engines" {
			t.Fatal(m, err)
		}
		_, err = w.Join(ctx, bob.Account, l.Token)
		kind(t, err, fault.Unauthentic)

		// Rights are those at the moment of joining, of whoever invites too.
		_, err = w.Invite(ctx, bob.Account, ada.Org, "", Viewer)
		kind(t, err, fault.Denied)
		_, err = w.Invite(ctx, eve.Account, ada.Org, "", Viewer)
		kind(t, err, fault.Unknown)
		if err := w.SetRole(ctx, ada.Account, ada.Org, bob.Account, Admin); err != nil {
			t.Fatal(err)
		}
		_, err = w.Invite(ctx, bob.Account, ada.Org, "", Owner)
		kind(t, err, fault.Denied)
		y, err := w.Invite(ctx, bob.Account, ada.Org, "", Admin)
		if err != nil || y.Code == "" || strings.Contains(fmt.Sprintf("%v %+v %#v", y, y, y), y.Code) {
			t.Fatal("a code is printed", err)
		}
		if err := w.SetRole(ctx, ada.Account, ada.Org, bob.Account, Viewer); err != nil {
			t.Fatal(err)
		}
		_, err = w.Join(ctx, eve.Account, y.Code)
		kind(t, err, fault.Unauthentic)

		// Withdrawn, or too old.
		z, _ := w.Invite(ctx, ada.Account, ada.Org, "", Viewer)
		if list, err := w.Invitations(ctx, ada.Account, ada.Org); err != nil || len(list) != 2 || list[1].ID != z.ID || list[1].Code != "" {
			t.Fatal(list, err)
		}
		kind(t, w.Withdraw(ctx, bob.Account, ada.Org, z.ID), fault.Denied)
		if err := w.Withdraw(ctx, ada.Account, ada.Org, z.ID); err != nil {
			t.Fatal(err)
		}
		kind(t, w.Withdraw(ctx, ada.Account, ada.Org, z.ID), fault.Unknown)
		_, err = w.Join(ctx, eve.Account, z.Code)
		kind(t, err, fault.Unauthentic)
		old, _ := w.Invite(ctx, ada.Account, ada.Org, "", Viewer)
		time.Sleep(7 * 24 * time.Hour)
		_, err = w.Join(ctx, eve.Account, old.Code)
		kind(t, err, fault.Unauthentic)
	})
}

func TestOneInvitationMakesOneMember(t *testing.T) {
	w := newTown(t)
	w.o.Store = w.store
	ada := w.settle(t, mailA)
	x, err := w.Invite(t.Context(), ada.Account, ada.Org, "", Viewer)
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	errs := make([]error, 6)
	for i := range errs {
		who := w.settle(t, fmt.Sprintf("u%d@example.com", i))
		wg.Go(func() { _, errs[i] = w.Join(context.Background(), who.Account, x.Code) })
	}
	wg.Wait()
	joined := 0
	for _, err := range errs {
		if err == nil {
			joined++
		}
	}
	list, err := w.Members(t.Context(), ada.Account, ada.Org)
	if err != nil || joined != 1 || len(list) != 2 || list[0].Role != Owner || list[0].Email != mailA {
		t.Fatal(joined, list, err)
	}
}

func TestInvitationsAreFew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newTown(t)
		ada := w.settle(t, mailA)
		sent := 0
		for range 200 {
			if _, err := w.Invite(t.Context(), ada.Account, ada.Org, "victim@example.com", Viewer); err == nil {
				sent++
			} else {
				kind(t, err, fault.Exhausted)
			}
			time.Sleep(time.Second)
		}
		if sent > 12 {
			t.Fatal("letters to one address in three minutes:", sent)
		}
		for range 60 {
			w.prefixes = newThrottle(100, time.Minute)
			_, _ = w.Invite(t.Context(), ada.Account, ada.Org, "", Viewer)
		}
		if list, _ := w.Invitations(t.Context(), ada.Account, ada.Org); len(list) != maxInvites {
			t.Fatal(len(list))
		}
	})
}

func TestNoRoleReachesBeyondTheOrganisation(t *testing.T) {
	order := []Role{"", Viewer, Developer, Admin, Owner}
	for i, r := range order {
		for _, s := range []access.Scope{access.Admin, access.Ops, access.KeysGrant} {
			if slices.Contains(r.Scopes(), s) {
				t.Errorf("%q has %s", r, s)
			}
		}
		if r.May(ManageMembers) != slices.Contains(r.Scopes(), access.KeysWrite) {
			t.Errorf("%q: a key that makes keys is for who manages the organisation", r)
		}
		if i > 0 {
			if missing, ok := access.Subset(order[i-1].Scopes(), r.Scopes()); !ok {
				t.Errorf("%q lacks %s of %q", r, missing, order[i-1])
			}
		}
	}
	if Role("root").Scopes() != nil {
		t.Error("an unknown role has scopes")
	}
}

func TestSessionsAreListedAndEndedOneByOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newTown(t)
		w.settle(t, mailA)
		one, two := w.in(t, ""), w.in(t, "")
		list, err := w.Places(t.Context(), two)
		if err != nil || len(list) != 2 || !list[0].Mine || list[1].Mine || list[0].From != "192.0.2.0/24" {
			t.Fatal(list, err)
		}
		kind(t, w.EndPlace(t.Context(), two, ""), fault.Unknown)
		kind(t, w.EndPlace(t.Context(), two, "0000000000000000"), fault.Unknown)
		if err := w.EndPlace(t.Context(), two, list[1].ID); err != nil {
			t.Fatal(err)
		}
		_, err = w.Session(t.Context(), one)
		kind(t, err, fault.Unauthentic)
		// Somebody else's session is none of mine.
		w.settle(t, "eve@example.com")
		eve, _, err := w.LogIn(t.Context(), abroad, "eve@example.com", passA, "")
		if err != nil {
			t.Fatal(err)
		}
		kind(t, w.EndPlace(t.Context(), eve, list[0].ID), fault.Unknown)
		// The oldest makes room.
		for range maxSessions {
			w.in(t, "")
		}
		_, err = w.Session(t.Context(), two)
		kind(t, err, fault.Unauthentic)
		last := w.in(t, "")
		if err := w.LogOut(t.Context(), last); err != nil {
			t.Fatal(err)
		}
		if list, err := w.Places(t.Context(), w.in(t, "")); err != nil || len(list) != maxSessions {
			t.Fatal(len(list), err)
		}
	})
}

func TestAForgottenPasswordIsSetOnceAndTellsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newTown(t)
		ctx := t.Context()
		w.settle(t, mailA)
		session := w.in(t, "")
		ask := func(mail string) (Letter, int) {
			t.Helper()
			w.calls = 0
			if err := w.ForgotPassword(ctx, abroad, mail); err != nil {
				t.Fatal(err)
			}
			return w.letters[len(w.letters)-1], w.calls
		}
		no, n := ask("nobody@example.com")
		yes, m := ask(mailA)
		again, _ := ask(mailA)
		if no.Kind != "nobody" || yes.Kind != "reset" || n != m || len(no.Token) != len(yes.Token) {
			t.Fatal(no, yes, n, m)
		}
		kind(t, w.ResetPassword(ctx, no.Token, "another password"), fault.Unauthentic)
		kind(t, w.ResetPassword(ctx, "", "another password"), fault.Unauthentic)
		kind(t, w.ResetPassword(ctx, yes.Token, "short"), fault.Invalid)
		if err := w.ResetPassword(ctx, yes.Token, "another password"); err != nil {
			t.Fatal(err)
		}
		kind(t, w.ResetPassword(ctx, yes.Token, "a third password"), fault.Unauthentic)
		kind(t, w.ResetPassword(ctx, again.Token, "a third password"), fault.Unauthentic) // of the password before
		_, err := w.Session(ctx, session)
		kind(t, err, fault.Unauthentic)
		_, _, err = w.LogIn(ctx, home, mailA, passA, "")
		kind(t, err, fault.Unauthentic)
		if _, _, err = w.LogIn(ctx, home, mailA, "another password", ""); err != nil {
			t.Fatal(err)
		}
		late, _ := ask(mailA)
		time.Sleep(time.Hour)
		kind(t, w.ResetPassword(ctx, late.Token, "a third password"), fault.Unauthentic)

		// A flood is slowed down: of one address, and of one network, for each alike.
		w.pairs, w.prefixes = newThrottle(5, 15*time.Minute), newThrottle(20, 15*time.Minute)
		until := func(f func(i int) error) int {
			for i := range 100 {
				if err := f(i); fault.Of(err) == fault.Exhausted {
					return i
				}
			}
			return 100
		}
		a := until(func(i int) error { return w.ForgotPassword(ctx, netip.AddrFrom4([4]byte{10, byte(i), 1, 1}), mailA) })
		b := until(func(i int) error {
			return w.ForgotPassword(ctx, netip.AddrFrom4([4]byte{11, byte(i), 1, 1}), "nobody2@example.com")
		})
		c := until(func(i int) error { return w.ForgotPassword(ctx, abroad, fmt.Sprintf("u%d@example.com", i)) })
		if a != b || a > 6 || c > 21 {
			t.Fatal(a, b, c)
		}
		if _, _, err = w.LogIn(ctx, home, mailA, "another password", ""); err != nil {
			t.Fatal("the flood locks the owner out:", err)
		}
	})
}

func TestARecoveryCodeIsRenewedAndTheSecondFactorNeedsBoth(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newTown(t)
		ada := w.settle(t, mailA)
		ctx := t.Context()
		_, err := w.RenewRecovery(ctx, ada.Account, passA, "123456")
		kind(t, err, fault.Conflict)
		codes := w.withTOTP(t, ada.Account)
		_, err = w.RenewRecovery(ctx, ada.Account, "wrong", codes[0])
		kind(t, err, fault.Unauthentic)
		fresh, err := w.RenewRecovery(ctx, ada.Account, passA, codes[0])
		if err != nil || len(fresh) != recoverys {
			t.Fatal(fresh, err)
		}
		kind(t, w.DisableTOTP(ctx, ada.Account, passA, codes[1]), fault.Unauthentic) // an old one
		kind(t, w.DisableTOTP(ctx, ada.Account, "wrong", fresh[0]), fault.Unauthentic)
		kind(t, w.DeleteAccount(ctx, ada.Account, passA, ""), fault.Unauthentic)
		if err := w.DisableTOTP(ctx, ada.Account, passA, fresh[0]); err != nil {
			t.Fatal(err)
		}
		w.in(t, "")
	})
}

func TestWhoGoesTakesOnlyWhatIsOwn(t *testing.T) {
	w := newTown(t)
	ctx := t.Context()
	var ended []string
	fail := true
	w.o.EndOrg = func(_ context.Context, org string) error {
		if fail {
			return fault.New(fault.Unavailable, "later")
		}
		ended = append(ended, org)
		return nil
	}
	ada, bob := w.settle(t, mailA), w.settle(t, "bob@example.com")
	w.join(t, ada.Account, ada.Org, bob.Account, Developer)
	session := w.in(t, "")
	kind(t, w.DeleteAccount(ctx, ada.Account, "wrong", ""), fault.Unauthentic)
	kind(t, w.DeleteAccount(ctx, ada.Account, passA, ""), fault.Conflict) // Bob would be without an owner
	if err := w.SetRole(ctx, ada.Account, ada.Org, bob.Account, Owner); err != nil {
		t.Fatal(err)
	}
	if err := w.DeleteAccount(ctx, ada.Account, passA, ""); err != nil {
		t.Fatal(err)
	}
	_, err := w.Session(ctx, session)
	kind(t, err, fault.Unauthentic)
	if len(ended) != 0 {
		t.Fatal("Bob's organisation ended:", ended)
	}
	w.settle(t, mailA) // the address is free again
	// Broken off, and called again.
	kind(t, w.DeleteAccount(ctx, bob.Account, passA, ""), fault.Unavailable)
	fail = false
	if err := w.DeleteAccount(ctx, bob.Account, passA, ""); err != nil {
		t.Fatal(err)
	}
	slices.Sort(ended)
	want := []string{ada.Org, bob.Org}
	slices.Sort(want)
	if !slices.Equal(ended, want) {
		t.Fatal(ended, want)
	}
	last := w.store.Done()[len(w.store.Done())-1]
	for _, e := range w.store.Done() {
		if strings.Contains(fmt.Sprint(e), "@") {
			t.Error("an address is in what is told to the audit log:", e)
		}
	}
	if last.Action == "" {
		t.Error("nothing was told")
	}
}

func FuzzJoin(f *testing.F) {
	f.Add("org_x.y")
	f.Add(".")
	f.Fuzz(func(t *testing.T, code string) {
		w := newTown(t)
		if _, err := w.Join(t.Context(), "acc_1", code); err == nil {
			t.Fatal("somebody joined")
		}
	})
}

// withTOTP gives an account a second factor and returns its recovery codes.
func (w *town) withTOTP(t testing.TB, id string) []string {
	t.Helper()
	e, err := w.BeginTOTP(t.Context(), id, passA)
	if err != nil {
		t.Fatal(err)
	}
	code, err := totp.GenerateCode(e.Secret, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	codes, err := w.EnableTOTP(t.Context(), id, code)
	if err != nil {
		t.Fatal(err)
	}
	return codes
}
