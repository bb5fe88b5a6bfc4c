package feed

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/assayhq/assay/fault"
	"github.com/assayhq/assay/market"
	"github.com/assayhq/assay/market/venue"
)

// maxAnswer bounds a REST answer: the largest seen, an instrument list, has 20 MB.
const maxAnswer = 64 << 20

// Getter makes a venue's REST requests within its allowances. After a 429, 418 or
// a code that means the same it sends nothing until the time the venue named.
type Getter struct {
	client *http.Client
	base   string
	driver *venue.Driver
	limits map[string]*rate.Limiter

	turn chan struct{} // one request at a time: after a refusal none may be on its way

	mu    sync.Mutex
	used  map[string]*spent        // what the feed itself has asked for lately
	pace  map[string]*rate.Limiter // of history that is asked for beside it
	until time.Time                // no request before
	bans  int                      // in a row, for the fallback pause
}

// NewGetter makes a getter. base overrides the venue's REST address when not "".
func NewGetter(d *venue.Driver, client *http.Client, base string) *Getter {
	if base == "" {
		base = d.Spec.Base
	}
	g := &Getter{client: client, base: strings.TrimSuffix(base, "/"), driver: d, limits: map[string]*rate.Limiter{}, turn: make(chan struct{}, 1), used: map[string]*spent{}, pace: map[string]*rate.Limiter{}}
	for _, b := range d.Spec.Budgets {
		// Half of the allowance: other programs at this address need some too.
		n := max(b.N/2, 1)
		g.limits[b.Name] = rate.NewLimiter(rate.Limit(float64(n)/b.Per.Seconds()), max(n/4, 1))
	}
	return g
}

func (g *Getter) wait(ctx context.Context, r venue.Request) error {
	for {
		g.mu.Lock()
		d := time.Until(g.until)
		g.mu.Unlock()
		if d <= 0 {
			break
		}
		select {
		case <-time.After(d):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	l := g.limits[g.budget(r)]
	if l == nil {
		return nil
	}
	return l.WaitN(ctx, min(max(r.Weight, 1), l.Burst()))
}

// budget names the allowance that a request counts against.
func (g *Getter) budget(r venue.Request) string {
	if r.Budget == "" && len(g.driver.Spec.Budgets) > 0 {
		return g.driver.Spec.Budgets[0].Name
	}
	return r.Budget
}

// pause holds all requests back after the venue refused one.
func (g *Getter) pause(h http.Header, status int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.bans++
	d := 10 * time.Second << min(g.bans-1, 5)
	if status == 418 || status == http.StatusForbidden {
		d = max(d, 2*time.Minute)
	}
	if s, err := strconv.Atoi(strings.TrimSpace(h.Get("Retry-After"))); err == nil && s >= 0 && s < 7*86400 {
		d = time.Duration(s)*time.Second + 250*time.Millisecond
	}
	if t := time.Now().Add(d); t.After(g.until) {
		g.until = t
	}
}

// Get asks and gives the address asked and the body. Failures come as *fault.Error.
func (g *Getter) Get(ctx context.Context, a venue.Ask) (url string, body []byte, err error) {
	r, err := g.driver.REST.Request(a)
	if err != nil {
		return "", nil, err
	}
	return g.Send(ctx, r)
}

// Send makes one request within the allowances.
func (g *Getter) Send(ctx context.Context, r venue.Request) (url string, body []byte, err error) {
	url, body, _, err = g.send(ctx, r)
	return url, body, err
}

// send is Send that tells when the request was really sent.
func (g *Getter) send(ctx context.Context, r venue.Request) (url string, body []byte, sent time.Time, err error) {
	g.spend(r)
	return g.pass(ctx, r)
}

// pass makes one request when it is its turn.
func (g *Getter) pass(ctx context.Context, r venue.Request) (url string, body []byte, sent time.Time, err error) {
	select {
	case g.turn <- struct{}{}:
		defer func() { <-g.turn }()
	case <-ctx.Done():
		return "", nil, sent, ctx.Err()
	}
	if err := g.wait(ctx, r); err != nil {
		return "", nil, sent, err
	}
	sent = time.Now().UTC()
	url, body, err = g.transfer(ctx, r)
	return url, body, sent, err
}

// transfer makes the request and reads the answer.
func (g *Getter) transfer(ctx context.Context, r venue.Request) (url string, body []byte, err error) {
	url = g.base + r.Path
	method, content := http.MethodGet, io.Reader(nil)
	if r.Body != "" {
		method, content = http.MethodPost, strings.NewReader(r.Body)
	}
	req, err := http.NewRequestWithContext(ctx, method, url, content)
	if err != nil {
		return url, nil, err
	}
	if r.Body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	req.Header.Set("User-Agent", "assay")
	req.Header.Set("Accept", "application/json")
	for k, v := range g.driver.Spec.Header {
		req.Header.Set(k, v)
	}
	res, err := g.client.Do(req)
	if err != nil {
		return url, nil, fault.Wrap(fault.Unavailable, err, "%s cannot be reached", g.driver.Spec.Name)
	}
	defer res.Body.Close()
	body, err = io.ReadAll(io.LimitReader(res.Body, maxAnswer+1))
	if err != nil {
		return url, nil, fault.Wrap(fault.Unavailable, err, "the answer of %s was cut off", g.driver.Spec.Name)
	}
	if len(body) > maxAnswer {
		return url, nil, fault.New(fault.TooLarge, "the answer of %s is larger than %d MB", g.driver.Spec.Name, maxAnswer>>20)
	}
	if res.StatusCode/100 != 2 {
		return url, nil, g.failed(res, body)
	}
	return url, body, nil
}

func (g *Getter) failed(res *http.Response, body []byte) error {
	var err error
	if f := g.driver.REST.Failure; f != nil {
		err = f(res.StatusCode, body)
	}
	limited := res.StatusCode == http.StatusTooManyRequests || res.StatusCode == 418
	if err == nil {
		switch {
		case limited:
			err = fault.New(fault.Exhausted, "%s limits our requests (HTTP %d)", g.driver.Spec.Name, res.StatusCode)
		case res.StatusCode >= 500:
			err = fault.New(fault.Unavailable, "%s failed (HTTP %d)", g.driver.Spec.Name, res.StatusCode)
		case res.StatusCode == http.StatusNotFound:
			err = fault.New(fault.Unknown, "%s does not know it (HTTP 404)", g.driver.Spec.Name)
		default:
			err = fault.New(fault.Invalid, "%s refused the request (HTTP %d)", g.driver.Spec.Name, res.StatusCode)
		}
	}
	if limited || fault.Of(err) == fault.Exhausted {
		g.pause(res.Header, res.StatusCode)
	}
	return err
}

// Fetch asks and plays the answer into the station. It gives what the answer said.
func (g *Getter) Fetch(ctx context.Context, s *Station, a venue.Ask) (*market.Batch, error) {
	for try := 0; ; try++ {
		url, body, err := g.Get(ctx, a)
		var b *market.Batch
		if err == nil {
			b, err = s.HTTP(url, body, time.Now().UTC(), 0)
			if err == nil {
				g.fine()
				return b, nil
			}
			if fault.Of(err) == fault.Exhausted {
				g.pause(http.Header{}, http.StatusTooManyRequests)
			}
		}
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if try >= 4 || !again(err) {
			return nil, err
		}
		select {
		case <-time.After(backoff(try, 500*time.Millisecond, 15*time.Second)):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// again tells whether asking once more may help: the venue was busy, or what came
// was no answer of its (a page of HTML, half a JSON).
func again(err error) bool {
	var f *fault.Error
	if !errors.As(err, &f) {
		return true
	}
	return f.Kind.Retryable()
}
