package gate_test

import (
	"context"
	"errors"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"github.com/assayhq/assay/access"
	"github.com/assayhq/assay/access/accesstest"
	"github.com/assayhq/assay/access/gate"
)

// slow is a way to the store on which something happens between a node's last look and
// its heartbeat.
type slow struct {
	*accesstest.Link
	between func()
}

func (s *slow) Beat(ctx context.Context, n access.Node, lease time.Duration) (int64, error) {
	if f := s.between; f != nil {
		s.between = nil
		f()
	}
	return s.Link.Beat(ctx, n, lease)
}

func (s *slow) Hints(context.Context) (<-chan struct{}, error) { return nil, nil }

func TestANodeThatWasFencedHearsWhatItMissedBeforeItDecides(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, stop := context.WithCancel(t.Context())
		m := accesstest.NewMemory()
		one, err := gate.New(m.Link(), gate.Options{Node: "one"})
		if err != nil {
			t.Fatal(err)
		}
		go one.Run(ctx)
		k, err := one.Create(ctx, gate.By{}, gate.Spec{Name: "x", Scopes: []access.Scope{access.MarketRead}})
		if err != nil {
			t.Fatal(err)
		}
		way := &slow{Link: m.Link()}
		two, err := gate.New(way, gate.Options{Node: "two", Poll: 1700 * time.Millisecond})
		if err != nil {
			t.Fatal(err)
		}
		go two.Run(ctx)
		time.Sleep(time.Second)
		way.Cut(errors.New("cut off"))
		time.Sleep(15 * time.Second) // its lease is over
		var rec gate.Receipt
		revoked := make(chan struct{})
		way.between = func() {
			rec, err = one.Revoke(ctx, gate.By{}, gate.Target{Keys: []string{k.Key.ID}}, "compromise", gate.WaitAll)
			close(revoked)
		}
		way.Cut(nil)
		<-revoked
		synctest.Wait()
		if err != nil || !rec.Complete() {
			t.Fatalf("%+v, %v", rec, err)
		}
		r := httptest.NewRequest("GET", "/v1/me", nil)
		r.Header.Set("Authorization", "Bearer "+k.Token)
		if _, err := two.Authenticate(r); err == nil {
			t.Errorf("a node took a revoked key after a complete receipt: %+v", rec)
		}
		stop()
		synctest.Wait()
	})
}
