package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"os/exec"
	"runtime"
	"runtime/pprof"
	"strconv"
	"sync"
	"time"

	"github.com/assayhq/assay/asset"
	"github.com/assayhq/assay/bus"
	"github.com/assayhq/assay/market"
	"github.com/assayhq/assay/market/emulator"
	"github.com/assayhq/assay/market/feed"
	"github.com/assayhq/assay/market/venue/all"
	"github.com/assayhq/assay/store/pebble"
)

// report is the line of JSON.
type report struct {
	Venues       int       `json:"venues"`
	Pairs        int       `json:"pairs"`
	Seconds      float64   `json:"seconds"`
	Asked        float64   `json:"asked_per_second"`
	Burst        float64   `json:"burst"`
	Happened     float64   `json:"emulated_per_second"`
	Messages     int64     `json:"messages"`
	Events       int64     `json:"events"`
	PerSecond    float64   `json:"events_per_second"`
	BestSecond   int64     `json:"best_second"`
	Prices       int64     `json:"consensus_prices"`
	LagP50       float64   `json:"lag_p50_ms"`
	LagP99       float64   `json:"lag_p99_ms"`
	LagMax       float64   `json:"lag_max_ms"`
	CPU          float64   `json:"cpu_s_per_million_events"`
	EmulatorCPU  float64   `json:"emulator_cpu_s_per_million_events"`
	Cores        float64   `json:"cores_used"`
	RSS          []float64 `json:"rss_mb"` // every ten seconds
	Slope        float64   `json:"rss_slope_mb_per_minute"`
	HeapPerPair  float64   `json:"heap_kb_per_pair"`
	Rows         int64     `json:"rows_stored"`
	WriterMost   int       `json:"writer_queue_most"`
	WriterWaits  int64     `json:"writer_waits"`
	WriterFailed int64     `json:"writer_failed"`
	BusLost      int64     `json:"bus_lost"`
	Cut          int       `json:"connections_cut_by_venue"`
	LeftOut      int64     `json:"work_left_out"`
	Reconnects   int64     `json:"reconnects"`
	DecodeErrors int64     `json:"decode_errors"`
	Gaps         int64     `json:"gaps"`
	Load         string    `json:"load"`
}

// emulated is the other process.
type emulated struct {
	cmd   *exec.Cmd
	in    io.WriteCloser
	lines *bufio.Scanner
}

func start(p plan) (*emulated, map[string]emulator.Endpoint, error) {
	names := ""
	for i, v := range p.venues {
		if i > 0 {
			names += ","
		}
		names += string(v)
	}
	e := &emulated{cmd: exec.Command(os.Args[0], "-emulate", "-venues", names, "-symbols", strconv.Itoa(p.symbols), "-rate", fmt.Sprint(p.rate), "-burst", fmt.Sprint(p.burst))}
	e.cmd.Stderr = os.Stderr
	var err error
	if e.in, err = e.cmd.StdinPipe(); err != nil {
		return nil, nil, err
	}
	out, err := e.cmd.StdoutPipe()
	if err != nil {
		return nil, nil, err
	}
	if err := e.cmd.Start(); err != nil {
		return nil, nil, err
	}
	e.lines = bufio.NewScanner(out)
	where := map[string]emulator.Endpoint{}
	if !e.lines.Scan() {
		return nil, nil, fmt.Errorf("the emulator did not start")
	}
	return e, where, json.Unmarshal(e.lines.Bytes(), &where)
}

func (e *emulated) count() (c counted) {
	fmt.Fprintln(e.in)
	if e.lines.Scan() {
		_ = json.Unmarshal(e.lines.Bytes(), &c)
	}
	return c
}

// follow runs the feed against an emulator of its own and reports.
func follow(ctx context.Context, p plan) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	dir, err := os.MkdirTemp("", "assay-scale-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	e, where, err := start(p)
	if err != nil {
		return err
	}
	defer func() {
		e.in.Close()
		_ = e.cmd.Wait()
	}()
	cat, err := asset.Load()
	if err != nil {
		return err
	}
	store, err := pebble.Open(dir, pebble.Options{})
	if err != nil {
		return err
	}
	log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelError}))
	local := bus.NewLocal()
	writer := feed.NewWriter(store, 200*time.Millisecond, 200_000, log)
	core := feed.NewCore(cat, local, writer, log)
	var w sync.WaitGroup
	w.Go(func() { _ = writer.Run(ctx) })
	var lives []*feed.Live
	for _, id := range p.venues {
		d, ok := all.Driver(id)
		if !ok {
			return fmt.Errorf("no venue %q", id)
		}
		at := where[string(id)]
		lives = append(lives, feed.NewLive(core.NewStation(d), feed.Link{
			Stream: at.WS, Base: at.REST, Client: &http.Client{}, Log: log,
			Pick:     func(in []market.Instrument) []market.Instrument { return spotOnly(in) },
			Channels: []market.Channel{market.Trades, market.Quotes, market.Books},
		}))
	}
	before := heap()
	for _, l := range lives {
		w.Go(func() { _ = l.Run(ctx) })
	}
	w.Go(func() {
		t := time.NewTicker(100 * time.Millisecond)
		defer t.Stop()
		for {
			select {
			case now := <-t.C:
				core.Tick(now.UTC())
			case <-ctx.Done():
				return
			}
		}
	})
	r := &reader{known: map[market.Topic]bool{}}
	r.sub = local.Subscribe(ctx, 1<<16)
	w.Go(func() { r.read(ctx) })
	fmt.Fprintf(os.Stderr, "subscribing and joining books for %v; load %s\n", p.warm, load())
	for begun := time.Now(); time.Since(begun) < p.warm && ctx.Err() == nil; time.Sleep(time.Second) {
		r.follow(core)
	}
	rep := measure(ctx, p, e, core, local, writer, r, before)
	for _, l := range lives {
		rep.LeftOut += l.LeftOut()
	}
	err = rep.print(core)
	cancel()
	w.Wait()
	return errors.Join(err, store.Close())
}

func spotOnly(in []market.Instrument) []market.Instrument {
	out := in[:0:0]
	for _, i := range in {
		if i.Kind == market.Spot {
			out = append(out, i)
		}
	}
	return out
}

func heap() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

func measure(ctx context.Context, p plan, e *emulated, core *feed.Core, local *bus.Local, writer *feed.Writer, r *reader, before uint64) *report {
	rep := &report{Venues: len(p.venues), Asked: p.rate, Burst: p.burst, Load: load()}
	if p.profile != "" {
		if f, err := os.Create(p.profile); err == nil {
			defer f.Close()
			_ = pprof.StartCPUProfile(f)
			defer pprof.StopCPUProfile()
			defer func() {
				if f, err := os.Create(p.profile + ".heap"); err == nil {
					_ = pprof.WriteHeapProfile(f)
					_ = f.Close()
				}
			}()
		}
	}
	r.reset()
	first, m0, w0, l0 := e.count(), messages(core), writer.Stats(), local.Lost()
	ours, _ := usage(os.Getpid())
	theirs, _ := usage(e.cmd.Process.Pid)
	begun := time.Now()
	for last := begun.Add(-10 * time.Second); time.Since(begun) < p.during && ctx.Err() == nil; time.Sleep(100 * time.Millisecond) {
		rep.WriterMost = max(rep.WriterMost, writer.Stats().Pending)
		if time.Since(last) >= 10*time.Second {
			last = last.Add(10 * time.Second)
			_, rss := usage(os.Getpid())
			rep.RSS = append(rep.RSS, float64(rss>>10)/1024)
		}
	}
	rep.Seconds = time.Since(begun).Seconds()
	mine, _ := usage(os.Getpid())
	other, _ := usage(e.cmd.Process.Pid)
	end, w1 := e.count(), writer.Stats()
	rep.Happened = float64(end.Events-first.Events) / rep.Seconds
	rep.Cut = end.Cut
	rep.Messages = messages(core) - m0
	r.mu.Lock()
	rep.Events, rep.Prices, rep.BestSecond = r.events, r.prices, r.best
	rep.LagP50, rep.LagP99, rep.LagMax = ms(r.lags.at(0.5)), ms(r.lags.at(0.99)), ms(r.lags.most)
	rep.Pairs = len(r.known) / 3
	r.mu.Unlock()
	rep.PerSecond = float64(rep.Events) / rep.Seconds
	million := float64(max(rep.Events, 1)) / 1e6
	rep.CPU, rep.EmulatorCPU, rep.Cores = (mine-ours)/million, (other-theirs)/million, (mine-ours)/rep.Seconds
	rep.Rows, rep.WriterWaits, rep.WriterFailed, rep.BusLost = w1.Rows-w0.Rows, w1.Waits-w0.Waits, w1.Failed-w0.Failed, local.Lost()-l0
	rep.Slope = slope(rep.RSS)
	rep.HeapPerPair = float64(heap()-before) / 1024 / float64(max(rep.Pairs, 1))
	for _, v := range core.Venues() {
		rep.Reconnects += v.Reconnects
		rep.DecodeErrors += v.DecodeFails
		rep.Gaps += v.Gaps
	}
	return rep
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

func messages(c *feed.Core) (n int64) {
	for _, v := range c.Venues() {
		n += v.Messages
	}
	return n
}

// slope is the growth of values taken every ten seconds, per minute, by least squares.
func slope(y []float64) float64 {
	n := float64(len(y))
	if n < 2 {
		return 0
	}
	var sx, sy, sxx, sxy float64
	for i, v := range y {
		x := float64(i) / 6
		sx, sy, sxx, sxy = sx+x, sy+v, sxx+x*x, sxy+x*v
	}
	return (n*sxy - sx*sy) / (n*sxx - sx*sx)
}

func (rep *report) print(core *feed.Core) error {
	fmt.Printf("%-18s %9s %11s %9s %9s %6s  %s\n", "venue", "followed", "messages", "lag p50", "lag p99", "gaps", "state")
	for _, v := range core.Venues() {
		fmt.Printf("%-18s %9d %11d %9v %9v %6d  %s %s\n", v.ID, v.Subscribed, v.Messages, v.LagP50.Round(time.Microsecond*100), v.LagP99.Round(time.Microsecond*100), v.Gaps, v.State, v.Reason)
	}
	b, err := json.Marshal(rep)
	fmt.Println(string(b))
	return err
}
