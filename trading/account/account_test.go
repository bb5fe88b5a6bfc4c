package account_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/assayhq/assay/access/secret"
	"github.com/assayhq/assay/fault"
	"github.com/assayhq/assay/market"
	"github.com/assayhq/assay/market/venue"
	"github.com/assayhq/assay/trading"
	"github.com/assayhq/assay/trading/account"
)

// exchange is a made-up venue: the time and the nonce of a call stand in its query, and
// fills come two a page, of which the first was on the page before.
func exchange(window time.Duration) *venue.Driver {
	d := &venue.Driver{
		REST: venue.REST{
			Request: func(venue.Ask) (venue.Request, error) { return venue.Request{Path: "/instruments"}, nil },
			Decode: func(_ *url.URL, _ []byte, t *venue.Table, _ *market.Batch) error {
				t.Learn(market.Instrument{Symbol: "BTCUSD", Base: "BTC", Quote: "USD", Kind: market.Spot})
				return nil
			},
		},
		Guess: func(string) (market.Instrument, bool) { return market.Instrument{}, false },
		Private: &venue.Private{
			Needs: []string{venue.FieldKey}, Rights: "reading", Window: window,
			Sign: func(c venue.Call, k venue.Credentials, m venue.Moment) (venue.Signed, error) {
				c.Query = venue.Form("at", m.Millis(), "nonce", fmt.Sprint(m.Nonce), "signature", "tell-nobody", "page", c.Query)
				return c.Unsigned(), nil
			},
			Request: func(a venue.AccountAsk) (venue.Call, error) { return venue.Call{Path: "/fills", Query: a.Cursor}, nil },
			Decode: func(a venue.AccountAsk, body []byte, t *venue.Table, out *trading.Account) error {
				for id := range strings.SplitSeq(strings.TrimSpace(string(body)), ",") {
					out.Fills = append(out.Fills, trading.Fill{ID: id, Symbol: "BTCUSD"})
				}
				out.Cursor = out.Fills[len(out.Fills)-1].ID
				return nil
			},
			Next: func(a venue.AccountAsk, got *trading.Account) (venue.AccountAsk, bool) {
				a.Cursor = got.Cursor
				return a, len(got.Fills) > 1
			},
		},
	}
	d.Spec.ID, d.Spec.Name = "made", "Made"
	return d
}

func open(t *testing.T, d *venue.Driver, base string, now time.Time) *account.Reader {
	t.Helper()
	r, err := account.New(account.Options{
		Driver: d, Base: base, Code: strings.ToUpper, Now: func() time.Time { return now },
		Keys: venue.NewCredentials(map[string]secret.Value{venue.FieldKey: secret.Of("k")}),
	})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestPagesAreReadToTheirEndAndFillsOnce(t *testing.T) {
	var nonces []string
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		if q.URL.Path == "/instruments" {
			return
		}
		nonces = append(nonces, q.FormValue("nonce"))
		fmt.Fprint(w, map[string]string{"": "1,2", "2": "2,3", "3": "3"}[q.FormValue("page")])
	}))
	defer s.Close()
	r := open(t, exchange(0), s.URL, time.UnixMilli(1767225600000))
	if err := r.Learn(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Instrument("BTC-USD"); err != nil {
		t.Error(err)
	}
	got, err := r.Read(t.Context(), venue.AccountAsk{What: venue.AskFills})
	if err != nil || len(got.Fills) != 3 || got.Fills[2].ID != "3" {
		t.Errorf("%+v %v", got, err)
	}
	if fmt.Sprint(nonces) != "[1767225600000 1767225600001 1767225600002]" {
		t.Error(nonces)
	}
}

func TestTheVenuesClockCountsWhereItLooksAtTime(t *testing.T) {
	var at string
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		w.Header().Set("Date", time.UnixMilli(1767225630000).UTC().Format(http.TimeFormat)) // 30 s ahead of us
		at = q.FormValue("at")
		fmt.Fprint(w, "1")
	}))
	defer s.Close()
	for window, want := range map[time.Duration]string{5 * time.Second: "1767225630500", 0: "1767225600000"} {
		r := open(t, exchange(window), s.URL, time.UnixMilli(1767225600000))
		if err := r.Learn(t.Context()); err != nil {
			t.Fatal(err)
		}
		if _, err := r.Read(t.Context(), venue.AccountAsk{What: venue.AskFills}); err != nil || at != want {
			t.Errorf("%v: %s %v", window, at, err)
		}
	}
}

func TestWhatProvesWhoAsksGoesNowhereElse(t *testing.T) {
	elsewhere := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, q *http.Request) { t.Error("a redirect was followed", q.URL) }))
	defer elsewhere.Close()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		http.Redirect(w, q, elsewhere.URL+q.URL.String(), http.StatusTemporaryRedirect)
	}))
	r := open(t, exchange(0), s.URL, time.Now())
	if _, err := r.Read(t.Context(), venue.AccountAsk{What: venue.AskFills}); fault.Of(err) != fault.Unavailable {
		t.Error(err)
	}
	s.Close()
	_, err := r.Read(t.Context(), venue.AccountAsk{What: venue.AskFills})
	if fault.Of(err) != fault.Unavailable {
		t.Fatal(err)
	}
	for e := err; e != nil; e = unwrap(e) {
		if strings.Contains(e.Error(), "tell-nobody") {
			t.Errorf("the error holds a signature: %v", e)
		}
	}
	for _, base := range []string{"http://api.example.com", "ftp://x", "://", ""} {
		d := exchange(0)
		d.Spec.Base = base
		if _, err := account.New(account.Options{Driver: d, Code: strings.ToUpper, Keys: venue.NewCredentials(map[string]secret.Value{venue.FieldKey: secret.Of("k")})}); fault.Of(err) != fault.Invalid {
			t.Errorf("%q: %v", base, err)
		}
	}
}

func unwrap(err error) error {
	if u, ok := err.(interface{ Unwrap() error }); ok {
		return u.Unwrap()
	}
	return nil
}

func TestWhatIsMissingIsSaid(t *testing.T) {
	d := exchange(0)
	if _, err := account.New(account.Options{Driver: d, Base: "https://x"}); fault.Of(err) != fault.Unauthentic {
		t.Error(err)
	}
	d.Private = nil
	if _, err := account.New(account.Options{Driver: d}); fault.Of(err) != fault.Unknown {
		t.Error(err)
	}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusUnauthorized) }))
	defer s.Close()
	r := open(t, exchange(0), s.URL, time.Now())
	if _, err := r.Read(context.Background(), venue.AccountAsk{What: venue.AskFills}); fault.Of(err) != fault.Unauthentic {
		t.Error(err)
	}
}
