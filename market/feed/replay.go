package feed

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/assayhq/assay/fault"
	"github.com/assayhq/assay/internal/capture"
)

// Play plays a recording through a station at the given speed (0: as fast as it
// goes; 1: as it happened). Time is the recording's: bars close and prices are
// computed by it. It returns the number of records played.
func (c *Core) Play(ctx context.Context, s *Station, r *capture.Reader, speed float64, progress func(records int64, at time.Time)) (int64, error) {
	var rec capture.Record
	var n int64
	var first, last, ticked time.Time
	begun := time.Now()
	for {
		err := r.Next(&rec)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return n, fault.Wrap(fault.Invalid, err, "the recording cannot be read: %v", err)
		}
		n++
		if first.IsZero() && !rec.At.IsZero() {
			first = rec.At
		}
		if rec.At.After(last) {
			last = rec.At
		}
		if speed > 0 && rec.At.After(first) {
			due := time.Duration(float64(rec.At.Sub(first)) / speed)
			if d := due - time.Since(begun); d > 0 {
				select {
				case <-time.After(d):
				case <-ctx.Done():
					return n, nil
				}
			}
		}
		if ctx.Err() != nil {
			return n, nil
		}
		s.play(&rec)
		if last.Sub(ticked) >= 100*time.Millisecond {
			ticked = last
			c.Tick(last)
		}
		if progress != nil && n%1000 == 0 {
			progress(n, last)
		}
	}
	c.Tick(last)
	s.setState("live", "replayed to its end", last)
	return n, nil
}

// play gives one record to the station, in the way a live connection would.
func (s *Station) play(rec *capture.Record) {
	switch rec.Kind {
	case capture.Connect:
		s.Closed(rec.Conn, rec.At, "the recording opened the connection again")
		if err := s.Connect(rec.Conn, rec.Addr, rec.At); err != nil {
			s.core.log.Warn("a recorded connection cannot be followed", "line", rec.Line, "err", err)
		}
	case capture.Disconnect:
		s.Closed(rec.Conn, rec.At, "the connection was closed")
	case capture.Recv:
		s.mu.Lock()
		_, ok := s.intake.Conn(rec.Conn)
		s.mu.Unlock()
		if !ok {
			if err := s.Connect(rec.Conn, rec.Addr, rec.At); err != nil {
				s.core.log.Warn("a recorded connection cannot be followed", "line", rec.Line, "err", err)
				return
			}
		}
		if _, err := s.Frame(rec.Conn, rec.Data, rec.At, rec.Line); err != nil {
			s.core.log.Warn("a recorded frame cannot be read", "line", rec.Line, "err", err)
		}
		s.setState("live", "replaying a recording", rec.At)
	case capture.HTTP:
		if _, err := s.HTTP(rec.URL, rec.Data, rec.At, rec.Line); err != nil {
			s.core.log.Warn("a recorded answer cannot be read", "line", rec.Line, "url", fmt.Sprintf("%.80s", rec.URL), "err", err)
		}
	}
}
