package app

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"runtime"
	"sort"
	"strings"
	"time"

	"github.com/assayhq/assay/asset"
	"github.com/assayhq/assay/fault"
	"github.com/assayhq/assay/internal/capture"
	"github.com/assayhq/assay/market"
	"github.com/assayhq/assay/market/feed"
	"github.com/assayhq/assay/market/venue/all"
)

// BenchRow is the throughput over one recording, or over all of them.
type BenchRow struct {
	Name        string         `json:"name"`
	Venue       market.VenueID `json:"venue,omitempty"`
	Messages    int64          `json:"messages"` // of one round
	Bytes       int64          `json:"bytes"`
	Rounds      int            `json:"rounds"`
	Seconds     float64        `json:"seconds"`     // of the median round
	CPUSeconds  float64        `json:"cpu_seconds"` // of the median round, all threads; 0 where it is not known
	PerSecond   float64        `json:"messages_per_second"`
	MBPerSecond float64        `json:"mb_per_second"`
	Allocs      float64        `json:"allocs_per_message"`
	Checksums   int64          `json:"checksums_checked"`
	Joined      int64          `json:"books_joined"`
	Errors      int64          `json:"decode_errors"`
}

// renamed are names that recordings use for what we call otherwise.
var renamed = map[string]string{"okex": "okx", "gateio": "gate", "gateiofutures": "gatefutures", "huobi": "htx", "huobiswap": "htxswap"}

// VenueOf finds the venue of a recording by the exchange its header names.
func VenueOf(exchange string) (market.VenueID, bool) {
	id := strings.ToLower(strings.NewReplacer("_", "", ".", "", " ", "").Replace(exchange))
	if now, ok := renamed[id]; ok {
		id = now
	}
	_, ok := all.Driver(market.VenueID(id))
	return market.VenueID(id), ok
}

// Bench plays recordings from memory, on one thread, with books and checksums
// kept, again and again for at least the given time, and reports the median round.
// Instrument lists are read once before the clock starts, as in real use; book
// snapshots count.
func Bench(ctx context.Context, paths []string, atLeast time.Duration, progress io.Writer) ([]BenchRow, error) {
	cat, err := asset.Load()
	if err != nil {
		return nil, err
	}
	type tape struct {
		row  BenchRow
		recs []capture.Record
		list []capture.Record
	}
	var tapes []tape
	for _, p := range paths {
		if strings.Contains(filepath.Base(p), ".normalized.") {
			continue
		}
		t := tape{row: BenchRow{Name: filepath.Base(p)}}
		recs, head, err := load(p)
		if err != nil {
			return nil, err
		}
		id, ok := VenueOf(head)
		if !ok {
			fmt.Fprintf(progress, "%s: no connector for exchange %q yet; left out\n", p, head)
			continue
		}
		t.row.Venue = id
		for i := range recs {
			r := &recs[i]
			if r.Kind == capture.HTTP && isList(cat, id, r) {
				t.list = append(t.list, *r)
				continue
			}
			if r.Kind == capture.Recv {
				t.row.Messages++
				t.row.Bytes += int64(len(r.Data))
			}
			t.recs = append(t.recs, *r)
		}
		tapes = append(tapes, t)
	}
	if len(tapes) == 0 {
		return nil, fault.New(fault.Invalid, "none of the files is a recording of a venue with a connector (%s)", venueList())
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var rows []BenchRow
	total := BenchRow{Name: "all"}
	for i := range tapes {
		t := &tapes[i]
		var times, cpu []float64
		var mallocs uint64
		begun := time.Now()
		for len(times) < 3 || time.Since(begun) < atLeast {
			if ctx.Err() != nil {
				return rows, ctx.Err()
			}
			k, err := Intake(t.row.Venue, cat)
			if err != nil {
				return nil, err
			}
			tp := feed.Tape{Intake: k}
			for j := range t.list {
				if _, err := tp.Play(&t.list[j]); err != nil {
					fmt.Fprintln(progress, err)
				}
			}
			var m0, m1 runtime.MemStats
			runtime.ReadMemStats(&m0)
			t0, c0 := time.Now(), cpuTime()
			for j := range t.recs {
				tp.Play(&t.recs[j]) //nolint:errcheck // counted in DecodeErrors
			}
			cpu = append(cpu, (cpuTime() - c0).Seconds())
			times = append(times, time.Since(t0).Seconds())
			runtime.ReadMemStats(&m1)
			mallocs = m1.Mallocs - m0.Mallocs
			n := k.BookCounts()
			t.row.Checksums, t.row.Joined, t.row.Errors = n.Checksums, n.Joined, k.Counts.DecodeErrors
		}
		sort.Float64s(times)
		sort.Float64s(cpu)
		t.row.CPUSeconds = cpu[len(cpu)/2]
		t.row.Rounds, t.row.Seconds = len(times), times[len(times)/2]
		t.row.Allocs = float64(mallocs) / float64(max(t.row.Messages, 1))
		rows = append(rows, t.row.rates())
		total.Messages += t.row.Messages
		total.Bytes += t.row.Bytes
		total.Seconds += t.row.Seconds
		total.CPUSeconds += t.row.CPUSeconds
		total.Allocs += float64(mallocs)
		total.Checksums += t.row.Checksums
		total.Joined += t.row.Joined
		total.Errors += t.row.Errors
		total.Rounds = t.row.Rounds
	}
	total.Allocs /= float64(max(total.Messages, 1))
	return append(rows, total.rates()), nil
}

func (r BenchRow) rates() BenchRow {
	if r.Seconds > 0 {
		r.PerSecond = float64(r.Messages) / r.Seconds
		r.MBPerSecond = float64(r.Bytes) / r.Seconds / 1e6
	}
	return r
}

// isList tells whether an answer is an instrument list rather than a book.
func isList(cat *asset.Catalogue, id market.VenueID, r *capture.Record) bool {
	k, err := Intake(id, cat)
	if err != nil {
		return false
	}
	b, err := k.HTTP(r.URL, r.Data, r.At, r.Line)
	return err == nil && len(b.Books) == 0
}

func load(path string) (recs []capture.Record, exchange string, err error) {
	r, err := capture.Open(path)
	if err != nil {
		return nil, "", fault.Wrap(fault.Invalid, err, "%s cannot be opened", path)
	}
	defer r.Close()
	for {
		var rec capture.Record
		err := r.Next(&rec)
		if errors.Is(err, io.EOF) {
			return recs, exchange, nil
		}
		if err != nil {
			return nil, "", fault.Wrap(fault.Invalid, err, "%s: %v", path, err)
		}
		if rec.Kind == capture.Header {
			exchange = rec.Exchange
		}
		rec.Data = bytes.Clone(rec.Data)
		recs = append(recs, rec)
	}
}
