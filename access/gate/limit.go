package gate

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"math"
	"net/http"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/assayhq/assay/access"
	"github.com/assayhq/assay/access/rotation"
	"github.com/assayhq/assay/fault"
)

// Limit is what a rate limiter answered: how the caller stands after the request.
type Limit struct {
	Allowed    bool
	Rate       int           // units per second that come back
	Burst      int           // units when full
	Remaining  int           // units left now
	Reset      time.Duration // until full again
	RetryAfter time.Duration // until the same request would pass; 0 when allowed
	policy     string
}

// Set writes the limit as headers: the IETF draft's RateLimit and RateLimit-Policy
// (draft-ietf-httpapi-ratelimit-headers, as of 2026), the older X-RateLimit-* that
// clients know, and Retry-After when the request was refused.
func (l *Limit) Set(h http.Header) {
	if l.Burst == 0 {
		return
	}
	reset, left := strconv.Itoa(seconds(l.Reset)), strconv.Itoa(l.Remaining)
	v := &[5]string{l.policy, `"app";r=` + left + ";t=" + reset, strconv.Itoa(l.Burst), left, reset} // one allocation for all
	h["Ratelimit-Policy"] = v[0:1:1]
	h["Ratelimit"] = v[1:2:2]
	h["X-Ratelimit-Limit"] = v[2:3:3]
	h["X-Ratelimit-Remaining"] = v[3:4:4]
	h["X-Ratelimit-Reset"] = v[4:5:5]
	if !l.Allowed {
		h["Retry-After"] = []string{strconv.Itoa(max(1, seconds(l.RetryAfter)))}
	}
}

func seconds(d time.Duration) int { return int((d + time.Second - 1) / time.Second) }

// bucket is one GCRA limiter: tat is the time at which it would be full again. It is
// changed by compare-and-swap only, so that a hot caller on many cores never waits.
type bucket struct {
	tat         atomic.Int64 // nanoseconds of the wall clock
	rate, burst int
	unit        int64 // nanoseconds one unit takes to come back
	policy      string
}

func newBucket(rate, burst int) *bucket {
	rate, burst = max(rate, 1), max(burst, 1)
	window := (burst + rate - 1) / rate
	return &bucket{
		rate: rate, burst: burst, unit: int64(time.Second) / int64(rate),
		policy: `"app";q=` + strconv.Itoa(burst) + ";w=" + strconv.Itoa(window),
	}
}

// take asks for cost units at now. A cost above the burst takes a full bucket: a
// request that is allowed at all must be able to pass some time. Nothing is taken by
// a refusal.
func (b *bucket) take(now time.Time, cost int) Limit {
	t, room := now.UnixNano(), b.unit*int64(b.burst)
	need := b.unit * int64(min(max(cost, 0), b.burst))
	for {
		old := b.tat.Load()
		next := max(old, t) + need
		l := Limit{Rate: b.rate, Burst: b.burst, policy: b.policy}
		if wait := next - t - room; wait > 0 {
			full := max(old-t, 0)
			l.Remaining = int((room - full) / b.unit)
			l.Reset, l.RetryAfter = time.Duration(full), time.Duration(wait)
			return l
		}
		if b.tat.CompareAndSwap(old, next) {
			l.Allowed = true
			l.Remaining = int((room - (next - t)) / b.unit)
			l.Reset = time.Duration(next - t)
			return l
		}
	}
}

// idle tells whether the bucket is full, so that forgetting it changes nothing.
func (b *bucket) idle(now time.Time) bool { return b.tat.Load() <= now.UnixNano() }

// maxRate bounds what a key may be given.
const maxRate = math.MaxInt32 / 4

// App is what an app has of its own, beside its keys.
type App struct {
	Org   string `json:"org"`
	Name  string `json:"name"`
	Rate  int    `json:"rate"`  // units per second; 0 is the gate's default
	Burst int    `json:"burst"` // 0 is twice the rate
}

func appID(org, name string) string {
	sum := sha256.Sum256([]byte(strconv.Itoa(len(org)) + org + name))
	return hex.EncodeToString(sum[:12])
}

// size are the rate and burst of an app with these settings.
func (g *Gate) size(a App) (rate, burst int) {
	rate, burst = orElse(a.Rate, g.opt.Rate), a.Burst
	if burst == 0 {
		burst = 2 * rate
		if a.Rate == 0 {
			burst = g.opt.Burst
		}
	}
	return rate, burst
}

// SetApp gives an app a rate and a burst.
func (g *Gate) SetApp(ctx context.Context, by By, a App) error {
	if err := g.ready(ctx); err != nil {
		return err
	}
	_, err := g.store.Change(ctx, func(tx access.Tx) error { return g.putApp(tx, by, a) })
	if err != nil {
		return unavailable(err)
	}
	g.follow(ctx)
	return nil
}

func (g *Gate) putApp(tx access.Tx, by By, a App) error {
	switch {
	case a.Rate < 0 || a.Rate > maxRate:
		return fault.At(fault.Invalid, "body.rate", "rate is 0 to %d requests per second", maxRate)
	case a.Burst < 0 || a.Burst > maxRate:
		return fault.At(fault.Invalid, "body.burst", "burst is 0 to %d requests", maxRate)
	}
	now := g.moment()
	// Who may give an app more than the default is who may give what he has not.
	need := access.KeysWrite
	if rate, burst := g.size(a); rate > g.opt.Rate || burst > g.opt.Burst {
		need = access.KeysGrant
	}
	if err := g.may(tx, by, a.Org, need, "", nil, now); err != nil {
		return err
	}
	content, err := json.Marshal(a)
	if err != nil {
		return err
	}
	id := appID(a.Org, a.Name)
	if err := tx.Put(kindApp, id, g.peppers.Load().seal(kindApp, id, tx.Epoch(), content)); err != nil {
		return err
	}
	return g.journal(tx, by, &access.Ring{Org: a.Org, App: a.Name}, []rotation.Event{{Type: "app.changed", Detail: map[string]string{
		"rate": strconv.Itoa(a.Rate), "burst": strconv.Itoa(a.Burst)}}}, now)
}

// sized takes an app's settings into the draft. A bucket of the same size stays, so
// that a reload does not refill it.
func (g *Gate) sized(d *draft, rec *access.Record) {
	if rec.Body == nil {
		return
	}
	content, ok := g.peppers.Load().open(rec.Kind, rec.ID, rec.Epoch, rec.Body)
	var a App
	if !ok || json.Unmarshal(content, &a) != nil || appID(a.Org, a.Name) != rec.ID {
		g.log.Error("the settings of an app were changed outside Assay; they are not used", "app", rec.ID)
		return
	}
	key := app{a.Org, a.Name}
	t := d.tenant(key, func() *tenant { return g.newTenant(key) })
	rate, burst := g.size(a)
	was := t.bucket.Load()
	if was.rate == max(rate, 1) && was.burst == max(burst, 1) {
		return
	}
	b := newBucket(rate, burst)
	b.tat.Store(was.tat.Load())
	t.bucket.Store(b)
}

func (g *Gate) newTenant(a app) *tenant {
	t := &tenant{app: a}
	t.bucket.Store(newBucket(g.opt.Rate, g.opt.Burst))
	return t
}
