package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"time"

	"github.com/assayhq/assay/fault"
	"github.com/assayhq/assay/internal/capture"
	"github.com/assayhq/assay/market"
	"github.com/assayhq/assay/market/feed"
	"github.com/assayhq/assay/market/venue/all"
)

// Recording is a file to replay.
type Recording struct {
	Path     string
	Venue    market.VenueID
	Recorded time.Time
}

// Recordings reads the headers of files and puts them in the order in which they
// were recorded. Files of exchanges without a connector are named in skipped.
func Recordings(paths []string, venue market.VenueID) (out []Recording, skipped []string, err error) {
	for _, p := range paths {
		r, err := capture.Open(p)
		if err != nil {
			return nil, nil, fault.Wrap(fault.Invalid, err, "%s cannot be opened", p)
		}
		var rec capture.Record
		err = r.Next(&rec)
		r.Close()
		if err != nil && !errors.Is(err, io.EOF) {
			return nil, nil, fault.Wrap(fault.Invalid, err, "%s is no recording: %v", p, err)
		}
		id, ok := venue, venue != ""
		if !ok {
			id, ok = VenueOf(rec.Exchange)
		}
		if _, known := all.Driver(id); !known || !ok {
			what := rec.Exchange
			if rec.Kind != capture.Header {
				what = "no recording"
			}
			skipped = append(skipped, fmt.Sprintf("%s (%s)", filepath.Base(p), what))
			continue
		}
		out = append(out, Recording{Path: p, Venue: id, Recorded: rec.At})
	}
	slices.SortStableFunc(out, func(a, b Recording) int { return a.Recorded.Compare(b.Recorded) })
	return out, skipped, nil
}

// ReplayNote stands on every answer of a replay.
func ReplayNote(rs []Recording) string {
	if len(rs) == 0 {
		return "Replay of recorded data; not live."
	}
	first, last := rs[0].Recorded.Format(time.DateOnly), rs[len(rs)-1].Recorded.Format(time.DateOnly)
	if first == last {
		return "Replay of recorded data from " + first + "; not live."
	}
	return "Replay of recorded data from " + first + " to " + last + "; not live."
}

// Replay plays recordings one after another through the very parts that live data
// goes through, and stores what they say. progress is told file by file.
func (a *App) Replay(ctx context.Context, rs []Recording, speed float64, progress func(r Recording, records int64, at time.Time, done bool)) error {
	stations := map[market.VenueID]*feed.Station{}
	for _, r := range rs {
		d, _ := all.Driver(r.Venue)
		s := stations[r.Venue]
		if s == nil {
			s = a.Core.NewStation(d)
			stations[r.Venue] = s
		}
		f, err := capture.Open(r.Path)
		if err != nil {
			return fault.Wrap(fault.Invalid, err, "%s cannot be opened", r.Path)
		}
		n, err := a.Core.Play(ctx, s, f, speed, func(n int64, at time.Time) { progress(r, n, at, false) })
		f.Close()
		if err != nil {
			return err
		}
		progress(r, n, a.Core.Now(), true)
		if ctx.Err() != nil {
			return nil
		}
	}
	return a.Writer.Flush(ctx)
}
