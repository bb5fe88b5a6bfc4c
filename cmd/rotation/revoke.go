package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	mrand "math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/assayhq/assay/access"
	"github.com/assayhq/assay/access/gate"
)

// receipts is what a run with -revocations prints.
type receipts struct {
	Revocations     int     `json:"revocations"`
	AcceptedOutside int     `json:"accepted_outside"`
	Minted          int     `json:"minted"` // keys made by a key after it was revoked
	Races           int     `json:"races"`  // keys made by a key before it was revoked
	P50             float64 `json:"receipt_p50_ms"`
	P99             float64 `json:"receipt_p99_ms"`
	Longest         float64 `json:"receipt_max_ms"`
}

// revocations measures n receipts, one after the other. Each key is one that makes keys,
// and goes on trying at the other servers while it is revoked; it is shown to all servers
// all the while. Nothing else fails here: the figure is of servers in good order.
func (f *fleet) revocations(ctx context.Context, n int) (any, bool, error) {
	reasons, err := os.Create(filepath.Join(f.dir, "reasons.txt"))
	if err != nil {
		return nil, false, err
	}
	defer reasons.Close()
	var l ledger
	var took []time.Duration
	out := receipts{Revocations: n}
	said := time.Now()
	for i := range n {
		from := f.clock.now()
		var m made
		o := order{App: "minter", Scopes: []access.Scope{access.MarketRead, access.KeysWrite}}
		if err := f.insist(ctx, "create", o, &m); err != nil {
			return nil, false, err
		}
		l.made(m.Kid, from)
		race, end := context.WithCancel(ctx)
		var all sync.WaitGroup
		var mu sync.Mutex
		var epochs []int64
		at := mrand.IntN(servers)
		for j := range servers {
			if j != at {
				all.Go(func() {
					for race.Err() == nil {
						if minted, err := f.mint(race, j, m.Token); err == nil {
							mu.Lock()
							epochs = append(epochs, minted.Epoch)
							mu.Unlock()
						}
					}
				})
			}
			all.Go(func() {
				for race.Err() == nil {
					_, _ = f.ask(race, j, m.Token, "probe/1.0")
					_ = sleep(race, 2*time.Millisecond)
				}
			})
		}
		if err := sleep(ctx, between(5*time.Millisecond, 30*time.Millisecond)); err != nil {
			end()
			return nil, false, err
		}
		began := time.Now()
		var rec gate.Receipt
		err := f.order(ctx, at, "revoke", order{ID: m.Kid}, &rec)
		if err == nil && !rec.Complete() {
			err = fmt.Errorf("the receipt for %s is not complete: %+v", m.Kid, rec.Pending)
		}
		took = append(took, time.Since(began))
		l.ends(m.Kid, f.clock.now(), "revoked, with a receipt")
		if err == nil {
			err = sleep(ctx, 20*time.Millisecond) // it goes on trying
		}
		end()
		all.Wait()
		if err != nil {
			return nil, false, err
		}
		// The order of epochs is that of the changes, so this is exact.
		for _, e := range epochs {
			if e > rec.Epoch {
				out.Minted++
				fmt.Fprintf(reasons, "minted: key %s made one in change %d, and was revoked in change %d\n", m.Kid, e, rec.Epoch)
			} else {
				out.Races++
			}
		}
		if time.Since(said) > 5*time.Second {
			said = time.Now()
			f.say("%d of %d revocations, p50 %.1f ms", i+1, n, millis(percentile(took, 0.5)))
		}
	}
	accepted, outside, err := l.examine(f.files(), reasons)
	if err != nil {
		return nil, false, err
	}
	f.say("%d acceptances examined", accepted)
	out.AcceptedOutside = outside
	out.P50, out.P99, out.Longest = millis(percentile(took, 0.5)), millis(percentile(took, 0.99)), millis(percentile(took, 1))
	good := out.Minted == 0 && outside == 0
	if !good {
		f.say("something was wrong; %s says what", reasons.Name())
	}
	return out, good, nil
}

// mint asks a server for a new key with a key that makes keys.
func (f *fleet) mint(ctx context.Context, server int, token string) (m made, err error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+f.servers[server].config.Listen+"/v1/keys", bytes.NewReader(nil))
	if err != nil {
		return m, err
	}
	r.Header.Set("Authorization", "Bearer "+token)
	res, err := f.http.Do(r)
	if err != nil {
		return m, err
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		return m, err
	}
	if res.StatusCode != http.StatusOK {
		return m, fmt.Errorf("%d %s", res.StatusCode, b)
	}
	return m, json.Unmarshal(b, &m)
}
