package box_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"path/filepath"
	"testing"
	"time"

	"github.com/assayhq/assay/access"
	"github.com/assayhq/assay/notify"
	"github.com/assayhq/assay/notify/box"
	"github.com/assayhq/assay/notify/webhook"
	"github.com/assayhq/assay/store/sqlite"
)

func TestAnEventArrivesWithBothSignaturesOfARotation(t *testing.T) {
	type arrival struct {
		header http.Header
		body   []byte
	}
	got := make(chan arrival, 4)
	srv := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		got <- arrival{r.Header, b}
	}))
	defer srv.Close()
	u, err := url.Parse(srv.URL)
	no(t, err)
	guard := &webhook.Guard{AllowHTTP: true, AllowPrivate: true, Ports: []uint16{netip.MustParseAddrPort(u.Host).Port()}}
	s, err := sqlite.Open(filepath.Join(t.TempDir(), "control.db"), sqlite.Options{})
	no(t, err)
	defer s.Close()
	b, err := box.New(s, box.Options{CheckURL: guard.CheckURL, Seal: seal, Open: open})
	no(t, err)
	h, first, err := b.Register(t.Context(), box.Spec{Org: "acme", URL: srv.URL, Events: []string{"key.*"}})
	no(t, err)
	_, second, err := b.Rotate(t.Context(), "acme", h.ID, time.Hour)
	no(t, err)
	e := event(notify.KeyRevoked)
	_, err = s.Change(t.Context(), func(tx access.Tx) error { return b.Publish(tx, e) })
	no(t, err)

	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- webhook.New(b, b, b, webhook.Options{Guard: guard}).Run(ctx) }()
	a := <-got
	stop() // Run waits until the attempt is recorded
	<-done
	for _, secret := range []string{first, second} {
		k, err := webhook.ParseKey(secret)
		no(t, err)
		if err := webhook.Verify(a.header, a.body, time.Now(), k); err != nil {
			t.Error(err)
		}
	}
	log, err := b.Log(t.Context(), "acme", h.ID, 10)
	no(t, err)
	if len(log) != 1 || log[0].Outcome != notify.Delivered || log[0].Event != e.ID || a.header.Get(webhook.HeaderID) != e.ID {
		t.Errorf("log %+v", log)
	}
	if ds, err := b.Due(t.Context(), time.Now().Add(time.Hour), 10); len(ds) != 0 || err != nil {
		t.Errorf("%v, %v", ds, err)
	}
}
