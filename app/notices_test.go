package app

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/assayhq/assay/access"
	"github.com/assayhq/assay/access/accesstest"
	"github.com/assayhq/assay/access/gate"
	"github.com/assayhq/assay/notify/box"
	"github.com/assayhq/assay/notify/webhook"
)

func TestWhatIsPublishedIsDeliveredWithoutWaitingForTheNextLook(t *testing.T) {
	arrived := make(chan time.Time, 100)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { arrived <- time.Now() }))
	defer srv.Close()
	u, err := url.Parse(srv.URL)
	if err != nil {
		t.Fatal(err)
	}
	port, err := strconv.ParseUint(u.Port(), 10, 16)
	if err != nil {
		t.Fatal(err)
	}
	guard := &webhook.Guard{AllowHTTP: true, AllowPrivate: true, Ports: []uint16{uint16(port)}}

	// The parts as New connects them, but for an engine that looks once an hour by itself.
	store := accesstest.NewMemory().Link()
	var g *gate.Gate
	b, err := box.New(store, box.Options{CheckURL: guard.CheckURL,
		Seal: func(about string, p []byte) ([]byte, error) { return g.Seal(about, p) },
		Open: func(about string, p []byte) ([]byte, error) { return g.Open(about, p) }})
	if err != nil {
		t.Fatal(err)
	}
	engine := webhook.New(b, b, b, webhook.Options{Guard: guard, Poll: time.Hour})
	woken := 0
	g, err = gate.New(waking{store, func() { woken++; engine.Wake() }}, gate.Options{Static: time.Hour, Publish: marking(b.Publish)})
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := b.Register(t.Context(), box.Spec{Org: "acme", URL: srv.URL, Events: []string{"*"}}); err != nil {
		t.Fatal(err)
	}
	if woken != 0 {
		t.Errorf("woken %d times by changes that publish nothing", woken)
	}
	ctx, stop := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() { engine.Run(ctx) })
	defer wg.Wait()
	defer stop()

	var took []time.Duration
	for i := range 50 {
		began := time.Now()
		if _, err := g.Create(t.Context(), gate.By{Name: "test"}, gate.Spec{Name: fmt.Sprint(i), Org: "acme", App: "bot", Scopes: []access.Scope{access.MarketRead}, Bounds: access.Bounds{Networks: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}}}); err != nil {
			t.Fatal(err)
		}
		select {
		case at := <-arrived:
			took = append(took, at.Sub(began))
		case <-time.After(20 * time.Second):
			t.Fatalf("notice %d was not delivered: nobody woke the engine", i)
		}
	}
	slices.Sort(took)
	t.Logf("delivered after %s in the middle, %s at worst", took[len(took)/2], took[len(took)-1])
}
