package emulator

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coder/websocket"

	"github.com/assayhq/assay/market"
	"github.com/assayhq/assay/money"
)

// bench is one venue running inside a bubble, and a plain HTTP client for it.
type bench struct {
	*testing.T
	v    *Venue
	ctx  context.Context
	http *http.Client
}

// inBubble runs a story against a venue on a network in memory, in virtual time.
func inBubble(t *testing.T, id market.VenueID, opt Options, story func(b *bench)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := NewWorld(42, WorldOptions{History: 3 * time.Hour})
		v, err := New(id, w, opt)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		net := NewMemory()
		done := make(chan error, 1)
		go func() { done <- v.Serve(ctx, net) }()
		b := &bench{t, v, ctx, net.Client()}
		story(b)
		b.http.CloseIdleConnections()
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

// get fetches a path and decodes its JSON.
func (b *bench) get(path string, into any) (*http.Response, string) {
	b.Helper()
	r, err := b.http.Get("http://venue" + path)
	if err != nil {
		b.Fatal(err)
	}
	defer r.Body.Close()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		b.Fatal(err)
	}
	if into != nil {
		d := json.NewDecoder(strings.NewReader(string(body)))
		d.UseNumber()
		if err := d.Decode(into); err != nil {
			b.Fatalf("%s: %v in %.300s", path, err, body)
		}
	}
	return r, string(body)
}

// wire is a raw WebSocket client. Its messages wait in a channel.
type wire struct {
	b    *bench
	ws   *websocket.Conn
	in   chan string
	err  error // why it ended; read after in is closed
	quit context.CancelFunc
}

func (b *bench) dial(path string) *wire {
	b.Helper()
	ctx, cancel := context.WithCancel(b.ctx)
	ws, _, err := websocket.Dial(ctx, "ws://venue"+path, &websocket.DialOptions{HTTPClient: b.http})
	if err != nil {
		b.Fatalf("dial %s: %v", path, err)
	}
	ws.SetReadLimit(64 << 20)
	w := &wire{b, ws, make(chan string, 100000), nil, cancel}
	go func() {
		defer close(w.in)
		for {
			_, data, err := ws.Read(ctx)
			if err != nil {
				w.err = err
				return
			}
			w.in <- unpacked(data)
		}
	}()
	b.Cleanup(func() { cancel() })
	return w
}

// unpacked is a message as text, where a venue packs it in gzip too.
func unpacked(data []byte) string {
	z, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		return string(data)
	}
	text, err := io.ReadAll(z)
	if err != nil {
		return string(data)
	}
	return string(text)
}

func (w *wire) send(text string) {
	w.b.Helper()
	if err := w.ws.Write(w.b.ctx, websocket.MessageText, []byte(text)); err != nil {
		w.b.Fatalf("send: %v", err)
	}
}

// until reads messages for a while of virtual time; it stops early when the
// connection ends.
func (w *wire) until(d time.Duration, each func(text string)) (open bool) {
	end := time.After(d)
	for {
		select {
		case s, ok := <-w.in:
			if !ok {
				return false
			}
			each(s)
		case <-end:
			return true
		}
	}
}

// await reads until a message contains a text.
func (w *wire) await(part string) string {
	w.b.Helper()
	found := ""
	end := time.After(2 * time.Minute)
	for found == "" {
		select {
		case s, ok := <-w.in:
			if !ok {
				w.b.Fatalf("connection ended (%v) while waiting for %s", w.err, part)
			}
			if strings.Contains(s, part) {
				found = s
			}
		case <-end:
			w.b.Fatalf("nothing with %s came", part)
		}
	}
	return found
}

// paper is a book kept by a test with the venue's own texts: price → size.
type paper struct{ bids, asks map[string]string }

func newPaper() *paper { return &paper{map[string]string{}, map[string]string{}} }

// key makes prices comparable whatever zeros they carry.
func key(price string) string { return money.MustParse(price).Trim().String() }

func (p *paper) set(ask bool, price, size string) {
	side := p.bids
	if ask {
		side = p.asks
	}
	if money.MustParse(size).IsZero() {
		delete(side, key(price))
		return
	}
	side[key(price)] = key(size)
}

// best gives the prices of a side, best first.
func (p *paper) best(ask bool) []string {
	side := p.bids
	if ask {
		side = p.asks
	}
	var out []string
	for k := range side {
		out = append(out, k)
	}
	sortPrices(out, ask)
	return out
}

func sortPrices(xs []string, up bool) {
	for i := 1; i < len(xs); i++ {
		for j := i; j > 0; j-- {
			c := money.MustParse(xs[j]).Cmp(money.MustParse(xs[j-1]))
			if up && c < 0 || !up && c > 0 {
				xs[j], xs[j-1] = xs[j-1], xs[j]
			} else {
				break
			}
		}
	}
}

// differs says where the paper book is not the true one, to a depth (0: all).
func (p *paper) differs(bids, asks []market.Level, depth int) string {
	for _, s := range []struct {
		name string
		ours map[string]string
		true []market.Level
	}{{"bid", p.bids, bids}, {"ask", p.asks, asks}} {
		want := s.true
		if depth > 0 && len(want) > depth {
			want = want[:depth]
		}
		if depth == 0 && len(s.ours) != len(want) || len(s.ours) < len(want) {
			return s.name + "s: " + strconv.Itoa(len(s.ours)) + " levels, the venue has " + strconv.Itoa(len(want))
		}
		for _, l := range want {
			if got := s.ours[key(l.Price.String())]; got != key(l.Qty.String()) {
				return s.name + " " + l.Price.String() + ": " + got + ", the venue has " + l.Qty.String()
			}
		}
	}
	return ""
}

func decode(t *testing.T, text string, into any) {
	t.Helper()
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	if err := d.Decode(into); err != nil {
		t.Fatalf("%v in %.300s", err, text)
	}
}

// post sends a body with headers and gives the answer's text.
func (b *bench) post(path, body string, headers map[string]string) string {
	b.Helper()
	return b.send("POST", path, body, headers)
}

// ask gets a path with headers and gives the answer's text.
func (b *bench) ask(path string, headers map[string]string) string {
	b.Helper()
	return b.send("GET", path, "", headers)
}

func (b *bench) send(method, path, body string, headers map[string]string) string {
	b.Helper()
	req, err := http.NewRequestWithContext(b.ctx, method, "http://venue"+path, strings.NewReader(body))
	if err != nil {
		b.Fatal(err)
	}
	for name, v := range headers {
		req.Header.Set(name, v)
	}
	r, err := b.http.Do(req)
	if err != nil {
		b.Fatal(err)
	}
	defer r.Body.Close()
	text, err := io.ReadAll(r.Body)
	if err != nil {
		b.Fatal(err)
	}
	return string(text)
}

func containsText(s, part string) bool { return strings.Contains(s, part) }

// krakenProof and binanceProof sign by hand.
func krakenProof(secret, path, nonce, body string) string {
	key, _ := base64.StdEncoding.DecodeString(secret)
	inner := sha256.Sum256([]byte(nonce + body))
	m := hmac.New(sha512.New, key)
	m.Write([]byte(path))
	m.Write(inner[:])
	return base64.StdEncoding.EncodeToString(m.Sum(nil))
}

func binanceProof(secret, query string) string {
	m := hmac.New(sha256.New, []byte(secret))
	m.Write([]byte(query))
	return hex.EncodeToString(m.Sum(nil))
}
