package api

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"iter"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/assayhq/assay/access"
	"github.com/assayhq/assay/access/gate"
	"github.com/assayhq/assay/fault"
	"github.com/assayhq/assay/market"
	"github.com/assayhq/assay/market/markettest"
	"github.com/assayhq/assay/money"
)

// slow is a history whose trades come when they are let through, and may break off.
type slow struct {
	*markettest.Memory
	more chan error // nil lets 100,000 trades through, an error is given instead
}

func (s *slow) Trades(ctx context.Context, of market.Series, r market.Range) iter.Seq2[market.Trade, error] {
	if r.Limit > 0 || s.more == nil { // the sample
		return s.Memory.Trades(ctx, of, r)
	}
	return func(yield func(market.Trade, error) bool) {
		t := market.Trade{Venue: of.Venue, Pair: of.Pair, Price: money.MustPrice("1.5"), Qty: money.MustQty("1"), At: noon, Received: noon}
		for {
			select {
			case err, ok := <-s.more:
				if !ok {
					return
				}
				if err != nil {
					yield(market.Trade{}, err)
					return
				}
				for range 100_000 {
					if !yield(t, nil) {
						return
					}
				}
			case <-ctx.Done():
				yield(market.Trade{}, ctx.Err())
				return
			}
		}
	}
}

func slowServer(t *testing.T) (*fixture, *slow, *httptest.Server) {
	h := &slow{more: make(chan error, 10)}
	f := newFixture(t, func(o *Options) {
		h.Memory = o.History.(*markettest.Memory)
		o.History, o.MaxExports = h, 3
	})
	srv := httptest.NewServer(f.Handler())
	t.Cleanup(srv.Close)
	return f, h, srv
}

func openExport(t *testing.T, srv *httptest.Server, key string) *http.Response {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, srv.URL+"/v1/exports/trades?pair=BTC-USD&venue=kraken&format=csv", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+key)
	res, err := srv.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { res.Body.Close() })
	return res
}

func TestAWholeExportSaysHowManyRowsItHas(t *testing.T) {
	f, h, srv := slowServer(t)
	h.more <- nil
	close(h.more)
	res := openExport(t, srv, f.key)
	b, err := io.ReadAll(res.Body)
	if err != nil || bytes.Count(b, []byte("\r\n")) != 100_001 || res.Trailer.Get("Assay-Export-Rows") != "100000" {
		t.Errorf("%d lines, trailer %v, %v", bytes.Count(b, []byte("\n")), res.Trailer, err)
	}
	if d := res.Header.Get("Content-Disposition"); d != `attachment; filename="assay-trades-kraken-BTC-USD.csv"` {
		t.Error(d)
	}
}

func TestABrokenExportIsCutOff(t *testing.T) {
	f, h, srv := slowServer(t)
	h.more <- nil
	h.more <- fault.New(fault.Unavailable, "the disk is gone")
	res := openExport(t, srv, f.key)
	if _, err := io.ReadAll(res.Body); err == nil || res.Trailer.Get("Assay-Export-Rows") != "" {
		t.Errorf("half a file looks whole: %v %v", err, res.Trailer)
	}
	// The job is told after its connection has ended.
	if state := waitExport(t, f, f.key, "failed"); state != "failed" {
		t.Error(state)
	}
}

// waitExport asks until the newest job has the state, or has had time enough.
func waitExport(t *testing.T, f *fixture, key, want string) (state string) {
	for range 200 {
		var a struct{ Data []ExportJob }
		w := f.ask(http.MethodGet, "/v1/exports", "", "Authorization", "Bearer "+key)
		if err := json.Unmarshal(w.Body.Bytes(), &a); err != nil || len(a.Data) == 0 {
			t.Fatalf("%v %s", err, w.Body)
		}
		if state = a.Data[0].State; state == want {
			return state
		}
	}
	return state
}

func TestAnExportIsCancelledByItsAppAlone(t *testing.T) {
	f, h, srv := slowServer(t)
	h.more <- nil
	res := openExport(t, srv, f.key)
	id := res.Header.Get("Assay-Export")
	req := func(key string) int {
		return f.ask(http.MethodDelete, "/v1/exports/jobs/"+id, "", "Authorization", "Bearer "+key).Code
	}
	other, err := f.gate.Create(t.Context(), gate.By{Name: "test"}, gate.Spec{Name: "other", Org: "acme", App: "other", Scopes: []access.Scope{access.MarketRead}})
	if err != nil {
		t.Fatal(err)
	}
	if code := req(other.Token); code != http.StatusNotFound {
		t.Errorf("another app gets %d", code)
	}
	if code := req(f.key); code != http.StatusOK {
		t.Errorf("its app gets %d", code)
	}
	if _, err := io.ReadAll(res.Body); err == nil {
		t.Error("a cancelled export ends as a whole one does")
	}
	if state := waitExport(t, f, f.key, "cancelled"); state != "cancelled" {
		t.Error(state)
	}
}

func TestAnAppHasTwoExportsAtTheSameTime(t *testing.T) {
	f, h, srv := slowServer(t)
	h.more <- nil
	h.more <- nil
	first, second := openExport(t, srv, f.key), openExport(t, srv, f.key)
	if first.StatusCode != http.StatusOK || second.StatusCode != http.StatusOK {
		t.Fatal(first.StatusCode, second.StatusCode)
	}
	third := openExport(t, srv, f.key)
	b, _ := io.ReadAll(third.Body)
	if third.StatusCode != http.StatusTooManyRequests || !strings.Contains(string(b), "2 exports running") {
		t.Errorf("%d %s", third.StatusCode, b)
	}
	close(h.more)
	for _, r := range []*http.Response{first, second} {
		if _, err := io.Copy(io.Discard, r.Body); err != nil {
			t.Error(err)
		}
	}
}

func TestAnExportEndsWithItsKey(t *testing.T) {
	f, h, srv := slowServer(t)
	h.more <- nil
	made := f.make(t, access.MarketRead)
	res := openExport(t, srv, made.Token)
	if res.StatusCode != http.StatusOK {
		t.Fatal(res.Status)
	}
	if _, err := f.gate.Revoke(t.Context(), gate.By{Name: "test"}, gate.Target{Keys: []string{made.Key.ID}}, "stolen", gate.WaitAll); err != nil {
		t.Fatal(err)
	}
	h.more <- nil // what was read from the history after that
	close(h.more)
	if b, err := io.ReadAll(res.Body); err == nil || bytes.Count(b, []byte("\n")) > 190_000 {
		t.Errorf("a revoked key was sent %d lines, and the end of the file: %v", bytes.Count(b, []byte("\n")), err)
	}
}

func TestVisitorsOfAllNetworksTogetherHaveTheExportsOfOneApp(t *testing.T) {
	e := exports{most: 4}
	begin := func(visitor bool, app string) error {
		return e.begin(&exportJob{org: gate.PublicOrg, app: app, visitor: visitor})
	}
	for _, network := range []string{"192.0.2.0/24", "198.51.100.0/24"} {
		if err := begin(true, network); err != nil {
			t.Fatal(err)
		}
	}
	if err := begin(true, "203.0.113.0/24"); fault.Of(err) != fault.Exhausted {
		t.Error("visitors can take all exports of a server, one network after the other", err)
	}
	if err := begin(false, "bot"); err != nil {
		t.Error("an app with a key waits for visitors", err)
	}
}
