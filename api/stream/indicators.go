package stream

import (
	"context"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/assayhq/assay/fault"
	"github.com/assayhq/assay/insight/study"
	"github.com/assayhq/assay/market"
)

// indicators is the channel of indicators over candles. A topic is one function with its
// parameters over one series of bars; whoever asks for the same shares it.
const indicators market.Channel = "indicators"

const (
	maxFunctions = 20               // in one topic of a request
	rebuildAfter = 10 * time.Second // at the earliest, when bars of the past have changed
)

// expand makes a topic of each function of each wish for indicators.
func (h *Hub) expand(wishes []wish) ([]wish, error) {
	if !slices.ContainsFunc(wishes, func(w wish) bool { return w.ch == indicators }) {
		return wishes, nil
	}
	out := make([]wish, 0, len(wishes))
	for _, w := range wishes {
		if w.ch != indicators {
			out = append(out, w)
			continue
		}
		list, err := study.Parse(h.functions, w.functions, study.Close, maxFunctions)
		if err != nil {
			return nil, fault.At(fault.Of(err), w.where+".functions", "%s", fault.Public(err))
		}
		if w.resume && len(list) > 1 {
			return nil, fault.At(fault.Invalid, w.where+".from_seq", "each function has numbers of its own: to go on, name them in topics of their own")
		}
		for i := range list {
			w.study = list[i].Label
			out = append(out, w)
		}
	}
	return out, nil
}

// apart cuts a list at the commas that do not stand in parentheses.
func apart(s string) []string {
	var out []string
	from, depth := 0, 0
	for i := range len(s) {
		switch {
		case s[i] == '(':
			depth++
		case s[i] == ')':
			depth--
		case s[i] == ',' && depth <= 0:
			out = append(out, s[from:i])
			from = i + 1
		}
	}
	return append(out, s[from:])
}

// studied is the state of an indicators topic: a track over the series, which is begun
// from the stored bars so that its values are settled, and what it says of the newest two
// bars. It is begun anew when it cannot be right any more: bars were lost on the way, or
// one of the past was revised.
type studied struct {
	r      *room
	study  study.Study
	track  *study.Track
	newest []study.Reading // by time, at most two
	batch  []study.Reading
	doubt  bool
	built  time.Time
}

func (h *Hub) newStudied(r *room) *studied {
	list, err := study.Parse(h.functions, r.study, study.Close, 1) // a label reads back
	if err != nil || len(list) != 1 {
		h.opt.Logger.Error("a label of an indicator does not read back", "label", r.study, "err", err)
		return &studied{r: r}
	}
	return &studied{r: r, study: list[0]}
}

func (s *studied) begin() { s.build() }

// build begins the track with as many stored bars as its values need.
func (s *studied) build() {
	s.built, s.doubt = time.Now(), false
	rows, err := s.read(market.Range{Limit: s.study.Before() + 3, Reverse: true})
	slices.Reverse(rows)
	if base(s.r.interval) == s.r.interval {
		if k, ok := s.r.hub.opt.Board.OpenCandle(s.r.venue, s.r.pair, s.r.interval); ok {
			rows = put(rows, k)
		}
	}
	var track *study.Track
	if err == nil {
		track, err = s.study.NewTrack(s.r.interval)
	}
	var out, newest []study.Reading
	for i := range rows {
		if err != nil {
			break
		}
		var ok bool
		if out, ok, err = track.Take(&rows[i], out[:0]); err == nil && !ok { // bars are missing in the store
			out, err = track.Skip(&rows[i], out[:0])
		}
		newest = latest(newest, out)
	}
	if err != nil {
		s.r.hub.opt.Logger.Warn("bars of an indicator could not be read", "venue", s.r.venue, "pair", s.r.pair, "interval", s.r.interval, "function", s.r.study, "err", err)
		s.doubt = true
		return
	}
	s.track, s.newest = track, newest
}

func (s *studied) read(r market.Range) (rows []market.Candle, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), readTimeout)
	defer cancel()
	for k, err := range s.r.hub.opt.Candles.Candles(ctx, market.Series{Venue: s.r.venue, Pair: s.r.pair}, s.r.interval, r) {
		if err != nil {
			return nil, err
		}
		rows = append(rows, k)
	}
	return rows, nil
}

// latest puts readings into a list by time and keeps the newest two bars.
func latest(list, more []study.Reading) []study.Reading {
	for _, x := range more {
		list = place(list, x)
	}
	if n := len(list); n > 2 {
		list = append(list[:0], list[n-2:]...)
	}
	return list
}

// place replaces the reading of the same bar or inserts it in time order.
func place(list []study.Reading, x study.Reading) []study.Reading {
	i, found := slices.BinarySearchFunc(list, x, func(a, b study.Reading) int { return a.At.Compare(b.At) })
	if found {
		list[i] = x
		return list
	}
	return slices.Insert(list, i, x)
}

func (s *studied) take(events []market.Event, lost int64, e *emitter) {
	e.lose(lost)
	s.doubt = s.doubt || lost > 0
	if s.track == nil || s.doubt && time.Since(s.built) >= rebuildAfter {
		before := s.newest
		s.build()
		s.tell(s.newest, before, e)
		return
	}
	s.batch = s.batch[:0]
	for _, k := range s.bars(events) {
		out, ok, err := s.track.Take(&k, nil)
		if err == nil && !ok {
			s.doubt = true
			out, err = s.track.Skip(&k, nil)
		}
		if err != nil {
			s.r.hub.opt.Logger.Warn("a bar could not be taken into an indicator", "venue", s.r.venue, "pair", s.r.pair, "interval", s.r.interval, "function", s.r.study, "err", err)
			s.doubt = true
		}
		for _, x := range out {
			s.batch = place(s.batch, x)
		}
	}
	s.tell(s.batch, s.newest, e)
	s.newest = latest(s.newest, s.batch)
}

// bars are the candles that the events bring, or that have changed with them.
func (s *studied) bars(events []market.Event) (rows []market.Candle) {
	if base(s.r.interval) == s.r.interval {
		for i := range events {
			if k := events[i].Candle; k != nil && k.Interval == s.r.interval {
				rows = append(rows, *k)
			}
		}
		return rows
	}
	from := s.r.interval.Start(s.r.hub.opt.Board.Now())
	if n := len(s.newest); n > 0 { // the newest closed bar, which may have been revised, and what follows
		from = s.newest[0].At
		if s.newest[n-1].Closed {
			from = s.newest[n-1].At
		}
	}
	rows, err := s.read(market.Range{From: from})
	if err != nil {
		s.r.hub.opt.Logger.Warn("bars of an indicator could not be read", "venue", s.r.venue, "pair", s.r.pair, "interval", s.r.interval, "function", s.r.study, "err", err)
		s.doubt = true
	}
	return rows
}

// tell emits readings that say something that before did not.
func (s *studied) tell(list, before []study.Reading, e *emitter) {
	for i := range list {
		x := &list[i]
		if !slices.ContainsFunc(before, func(o study.Reading) bool { return sameReading(&o, x) }) {
			e.close(s.append(e.open(update), x))
		}
	}
}

func sameReading(a, b *study.Reading) bool {
	return a.At.Equal(b.At) && a.Closed == b.Closed && a.Complete == b.Complete && a.Revision == b.Revision && a.Warm == b.Warm && a.Settled == b.Settled &&
		slices.EqualFunc(a.Values, b.Values, func(x, y float64) bool { return math.Float64bits(x) == math.Float64bits(y) })
}

func (s *studied) now(e *emitter, _ int) {
	e.empty(snapshot)
	for i := range s.newest {
		e.close(s.append(e.open(snapshot), &s.newest[i]))
	}
}

func (s *studied) append(b []byte, x *study.Reading) []byte {
	b = append(b, `{"ts":`...)
	b = appendMillis(b, x.At)
	b = append(b, `,"values":{`...)
	for i, v := range x.Values {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(appendText(b, s.study.Function.Outputs[i].Name), ':')
		if math.IsNaN(v) || math.IsInf(v, 0) {
			b = append(b, "null"...)
		} else {
			b = strconv.AppendFloat(b, v, 'f', -1, 64)
		}
	}
	b = strconv.AppendBool(append(b, `},"closed":`...), x.Closed)
	b = strconv.AppendBool(append(b, `,"complete":`...), x.Complete)
	b = strconv.AppendInt(append(b, `,"revision":`...), int64(x.Revision), 10)
	b = strconv.AppendBool(append(b, `,"warm":`...), x.Warm)
	b = strconv.AppendBool(append(b, `,"settled":`...), x.Settled)
	return append(b, '}')
}

// crowded gives the topic of indicators that has been without subscribers for longest,
// when there are as many as may be; full: all of them have some. The hub is locked.
func (h *Hub) crowded() (old *room, full bool) {
	n := 0
	for _, r := range h.rooms {
		if r.ch != indicators {
			continue
		}
		n++
		if r.refs == 0 && (old == nil || r.idle.Before(old.idle)) {
			old = r
		}
	}
	if n < h.opt.Limits.Studies {
		return nil, false
	}
	return old, old == nil
}

// settleStudy looks at what only a topic of indicators needs.
func (w *wish) settleStudy() error {
	if strings.TrimSpace(w.functions) == "" {
		return fault.At(fault.Invalid, w.where+".functions", "`functions` is missing: names with commas between, such as RSI(14),MACD")
	}
	return nil
}
