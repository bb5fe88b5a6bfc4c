package api

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/assayhq/assay/access"
	"github.com/assayhq/assay/market"
	"github.com/assayhq/assay/market/markettest"
	"github.com/assayhq/assay/money"
)

// ready answers from memory, as fast as any store could.
type ready struct {
	*markettest.Memory
	rows []market.Candle
}

func (r ready) CandlesInto(_ context.Context, _ market.Series, _ market.Interval, rng market.Range, buf []market.Candle) ([]market.Candle, error) {
	n := min(rng.Limit, len(r.rows))
	for i := n - 1; i >= 0; i-- { // newest first, as asked
		buf = append(buf, r.rows[i])
	}
	return buf, nil
}

func benchServer(b *testing.B, rows int) *fixture {
	var list []market.Candle
	for i := range rows {
		at := noon.Add(time.Duration(i-rows) * time.Hour)
		list = append(list, market.Candle{Open: at, O: money.MustPrice("64000.12"), H: money.MustPrice("64111.90"), L: money.MustPrice("63912.55"), C: money.MustPrice("64050.01"),
			Volume: money.MustQty("812.50125000"), Turnover: money.MustParse("52040912.1234"), Trades: 32110, Complete: true, Known: at.Add(time.Hour)})
	}
	return newFixture(b, func(o *Options) {
		o.Candles = ready{markettest.NewMemory(), list}
		o.Logger = slog.New(slog.DiscardHandler)
	})
}

// sink is a ResponseWriter that costs nothing.
type sink struct {
	h http.Header
	n int
}

func (s *sink) Header() http.Header         { return s.h }
func (s *sink) WriteHeader(int)             {}
func (s *sink) Write(p []byte) (int, error) { s.n += len(p); return len(p), nil }

// BenchmarkHandler is one request without the network.
func BenchmarkHandler(b *testing.B) {
	for _, c := range []struct {
		name, target string
		rows         int
	}{
		{"healthz", "/healthz", 1},
		{"price", "/v1/prices/BTC", 1},
		{"book", "/v1/books/BTC-USD?venue=kraken", 1},
		{"candles-1", "/v1/candles/BTC-USD", 1},
		{"candles-500", "/v1/candles/BTC-USD", 500},
		{"candles-500-number", "/v1/candles/BTC-USD?decimal=number", 500},
		{"candles-500-csv", "/v1/candles/BTC-USD?format=csv", 500},
		{"candles-500-columns", "/v1/candles/BTC-USD?format=columns", 500},
		{"candles-500-xml", "/v1/candles/BTC-USD?format=xml", 500},
	} {
		b.Run(c.name, func(b *testing.B) {
			f := benchServer(b, c.rows)
			r := httptest.NewRequest("GET", c.target, nil)
			r.Header.Set("Authorization", "Bearer "+f.key)
			b.ReportAllocs()
			for b.Loop() {
				f.ServeHTTP(&sink{h: http.Header{}}, r)
			}
		})
	}
}

// BenchmarkLoopback asks over real connections from another process, and measures the
// CPU time of this one, the server's. "bytes" is a bare handler that writes the same
// bytes, made beforehand; "rows" is one that makes them for each request with the same
// row writer, which is the least that any server has to do.
func BenchmarkLoopback(b *testing.B) {
	for _, rows := range []int{1, 500} {
		f := benchServer(b, rows)
		body := f.get("/v1/candles/BTC-USD").Body.Bytes()
		list, _ := f.opt.Candles.(ready).CandlesInto(b.Context(), market.Series{}, "", market.Range{Limit: rows}, nil)
		for _, c := range []struct {
			name string
			h    http.HandlerFunc
		}{
			{"bytes", func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Content-Type", "application/json")
				w.Header().Set("Content-Length", strconv.Itoa(len(body)))
				w.Write(body)
			}},
			{"rows", func(w http.ResponseWriter, r *http.Request) {
				buf := f.pools.buffer()
				for i := range list {
					buf.b = append(candleJSON(buf.b, &list[i], false), ',')
				}
				w.Header().Set("Content-Type", "application/json")
				w.Header().Set("Content-Length", strconv.Itoa(len(buf.b)))
				w.Write(buf.b)
				f.pools.done(buf)
			}},
			{"assay", f.ServeHTTP},
		} {
			b.Run(fmt.Sprintf("%s-%d", c.name, rows), func(b *testing.B) { loopback(b, f.key, c.h) })
		}
	}
}

func loopback(b *testing.B, key string, h http.Handler) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	srv := &http.Server{Handler: h}
	go srv.Serve(l)
	defer srv.Close()
	for b.Loop() {
		const n = 4000
		client := exec.Command(os.Args[0], "-test.run=^TestLoad$")
		client.Env = append(os.Environ(), "ASSAY_LOAD=http://"+l.Addr().String()+"/v1/candles/BTC-USD", "ASSAY_LOAD_KEY="+key, "ASSAY_LOAD_N="+strconv.Itoa(n))
		start := cpu()
		if out, err := client.CombinedOutput(); err != nil {
			b.Fatalf("%v: %s", err, out)
		}
		b.ReportMetric(float64((cpu()-start).Microseconds())/n, "cpu-us/req")
	}
}

// TestLoad is the client of BenchmarkLoopback, in a process of its own.
func TestLoad(t *testing.T) {
	url := os.Getenv("ASSAY_LOAD")
	if url == "" {
		return
	}
	n, _ := strconv.Atoi(os.Getenv("ASSAY_LOAD_N"))
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			client := &http.Client{Transport: &http.Transport{DisableCompression: true}}
			req, _ := http.NewRequest("GET", url, nil)
			req.Header.Set("Authorization", "Bearer "+os.Getenv("ASSAY_LOAD_KEY"))
			for range n / 4 {
				res, err := client.Do(req)
				if err != nil || res.StatusCode != 200 {
					t.Error(err, res)
					return
				}
				io.Copy(io.Discard, res.Body)
				res.Body.Close()
			}
		})
	}
	wg.Wait()
}

func cpu() time.Duration {
	var u syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkAdmit is what admission adds to a request.
func BenchmarkAdmit(b *testing.B) {
	f := benchServer(b, 1)
	tok := f.create(b, access.MarketRead)
	r := httptest.NewRequest("GET", "/v1/prices?assets=BTC", nil)
	r.Header.Set("Authorization", "Bearer "+tok)
	op := &f.ops[0]
	b.ReportAllocs()
	for b.Loop() {
		x := &exchange{ResponseWriter: &sink{h: http.Header{}}, s: f.Server, r: r, op: op}
		if err := x.enter(f.opt.Gate.Authenticate, op, op.Cost); err != nil {
			b.Fatal(err)
		}
		if err := x.known(); err != nil {
			b.Fatal(err)
		}
	}
}
