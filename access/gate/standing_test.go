package gate

import (
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/assayhq/assay/access"
	"github.com/assayhq/assay/access/accesstest"
	"github.com/assayhq/assay/access/limit"
	"github.com/assayhq/assay/fault"
)

func TestAppsAreThoseWithKeysAndThoseWithSettings(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := accesstest.NewMemory()
		g := open(t, m.Link(), Options{})
		k := create(t, g, Spec{Org: "acme", App: "bot"})
		create(t, g, Spec{Org: "acme", App: "desk"})
		create(t, g, Spec{Org: "other", App: "bot"})
		setPlan(t, g, limit.Plan{Name: "tiny", Version: 3, Rate: 10, Burst: 20, Daily: 100})
		setApp(t, g, App{Org: "acme", Name: "bot", Plan: "tiny", Rate: 5})
		setApp(t, g, App{Org: "acme", Name: "later", Plan: "tiny"})
		if _, err := g.Allow(caller(t, g, k.Token), 3); err != nil {
			t.Fatal(err)
		}
		for name, from := range map[string]*Gate{"here": g, "another process": open(t, m.Link(), Options{})} {
			list, err := from.Apps(t.Context(), "acme")
			if err != nil || len(list) != 3 || list[0].Name != "bot" || list[1].Name != "desk" || list[2].Name != "later" {
				t.Fatal(name, list, err)
			}
			if s := list[0]; s.Limits.Name != "tiny" || s.Limits.Version != 3 || s.Limits.Rate != 5 || s.Limits.Burst != 10 || s.Rate != 5 || s.Plan != "tiny" {
				t.Errorf("%s: %+v", name, s)
			}
			if list[2].Limits.Daily != 100 || list[1].Limits.Name != "" {
				t.Errorf("%s: %+v", name, list)
			}
			if all, err := from.Apps(t.Context(), ""); err != nil || len(all) != 4 || all[3].Org != "other" {
				t.Error(name, all, err)
			}
		}
		s, err := g.Standing(t.Context(), "acme", "bot")
		if err != nil || s.Left.Rate.Remaining != 7 || s.Left.Day.Remaining != 97 {
			t.Errorf("%+v %v", s.Left, err)
		}
		if again, _ := g.Standing(t.Context(), "acme", "bot"); again.Left.Rate.Remaining != 7 {
			t.Error("to look takes units")
		}
		if _, err := g.Standing(t.Context(), "acme", "none"); fault.Of(err) != fault.Unknown {
			t.Error(err)
		}
	})
}

func TestAKeyIsToldAsItStands(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := open(t, accesstest.NewMemory().Link(), Options{})
		ends := time.Now().Add(100 * 24 * time.Hour)
		k := create(t, g, Spec{Expires: ends, Bounds: access.Bounds{Networks: []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}}})
		c := caller(t, g, k.Token)
		if got, ok := g.Key(c); !ok || got.State != access.Active || !got.Expires.Equal(ends) || len(got.Bounds.Networks) != 1 || got.N != 1 || got.Verifier != nil {
			t.Errorf("%+v %v", got, ok)
		}
		if _, ok := g.Key(&access.Caller{}); ok {
			t.Error("nobody has a key")
		}
	})
}

func TestAStreamDoesNotGoOnFromLiveToTest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := open(t, accesstest.NewMemory().Link(), Options{})
		live, test := create(t, g, Spec{}), create(t, g, Spec{Env: "test"})
		for _, x := range []struct{ was, next Made }{{live, test}, {test, live}} {
			_, err := g.Reauthenticate(caller(t, g, x.was.Token), x.next.Token, bearer(""), access.StreamRead)
			if fault.Of(err) != fault.Denied || !strings.Contains(err.Error(), "live") || !strings.Contains(err.Error(), "test") {
				t.Error(err)
			}
		}
		if _, err := g.Reauthenticate(caller(t, g, live.Token), create(t, g, Spec{}).Token, bearer(""), access.StreamRead); err != nil {
			t.Error(err)
		}
	})
}

func TestALentTokenEndsBeforeItsKey(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := open(t, accesstest.NewMemory().Link(), Options{Tokens: lent}) // tokens last five minutes
		k := create(t, g, Spec{})
		c := caller(t, g, jwt(k.Key.ID, "stream:read"))
		ticket, _, err := g.Ticket(c)
		if err != nil || g.Live(c) != nil {
			t.Fatal(err)
		}
		late := *c
		late.Until = time.Now().Add(10 * time.Second) // a token at its end
		other, _, err := g.Ticket(&late)
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(11 * time.Second)
		if _, err := g.Redeem(ticket); err != nil {
			t.Error(err)
		}
		if _, err := g.Redeem(other); fault.Of(err) != fault.Unauthentic || !strings.Contains(err.Error(), "token") {
			t.Error("a ticket outlived its token:", err)
		}
		time.Sleep(5 * time.Minute)
		if err := g.Live(c); fault.Of(err) != fault.Unauthentic || !strings.Contains(err.Error(), "ended at 2000-01-01T00:05:00Z") {
			t.Error(err)
		}
		if err := g.Live(caller(t, g, k.Token)); err != nil {
			t.Error("the key ended with its token:", err)
		}
	})
}
