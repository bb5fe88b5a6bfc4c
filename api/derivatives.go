package api

import (
	"context"
	"iter"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/assayhq/assay/access"
	"github.com/assayhq/assay/fault"
	"github.com/assayhq/assay/market"
	"github.com/assayhq/assay/money"
)

type derivativesIn struct {
	Venue string `query:"venue" maxLength:"32" doc:"Only of this venue"`
	Pair  string `query:"pair" maxLength:"64" doc:"Only of this pair" example:"BTC-USDT-PERP"`
	Base  string `query:"base" maxLength:"64" doc:"Only contracts on this asset" example:"BTC"`
	Page
	Common
}

type derivativesPastIn struct {
	Venue string `query:"venue" required:"true" maxLength:"500" doc:"Venues, separated by commas" example:"okx"`
	Pair  string `query:"pair" required:"true" maxLength:"64" doc:"Pair" example:"BTC-USDT-PERP"`
	Known
	Span
	Common
}

type fundingIn struct {
	Venue string `query:"venue" maxLength:"500" doc:"Venues, separated by commas; without it, all that have paid any" example:"okx,bybit"`
	Pair  string `query:"pair" required:"true" maxLength:"64" doc:"Pair" example:"BTC-USDT-PERP"`
	Known
	Span
	Common
}

type liquidationsIn struct {
	Venue string `query:"venue" maxLength:"500" doc:"Venues, separated by commas; without it, all" example:"bybit"`
	Pair  string `query:"pair" maxLength:"64" doc:"Pair; needed with start, end, known_at or cursor" example:"BTC-USDT-PERP"`
	Known
	Span
	Common
}

// Derivative is how a contract stands.
type Derivative struct {
	Venue         string         `json:"venue"`
	Pair          string         `json:"pair"`
	Kind          string         `json:"kind" enum:"perpetual,future,option"`
	Mark          *money.Price   `json:"mark" doc:"What positions are valued at, in the quote asset; null where the venue has not said"`
	MarkTS        *int64         `json:"mark_ts" doc:"When that was said, milliseconds"`
	Index         *money.Price   `json:"index" doc:"Of the spot markets behind it"`
	IndexTS       *int64         `json:"index_ts"`
	Basis         *money.Decimal `json:"basis" doc:"Mark less index"`
	BasisRate     *money.Decimal `json:"basis_rate" doc:"The basis as a part of the index: 0.001 is ten basis points"`
	Funding       *money.Decimal `json:"funding_rate" doc:"Part of a position's value that longs pay to shorts at next_funding_ts, as it is estimated now; negative: shorts pay"`
	FundingTS     *int64         `json:"funding_ts" doc:"When that was said"`
	NextFunding   *int64         `json:"next_funding_ts" doc:"When it is paid"`
	FundingEvery  *int64         `json:"funding_interval_s" doc:"Seconds between two payments"`
	FundingAnnual *money.Decimal `json:"funding_annual" doc:"The rate over 365 days of such payments, not compounded"`
	Paid          *money.Decimal `json:"settled_rate" doc:"The newest that was paid"`
	PaidTS        *int64         `json:"settled_ts" doc:"When it was paid"`
	Interest      *money.Qty     `json:"open_interest" doc:"All open positions of one side, in unit"`
	Unit          string         `json:"unit" enum:"base,quote,contracts" doc:"What open_interest counts"`
	InterestBase  *money.Qty     `json:"open_interest_base" doc:"In the base asset; null where the unit or the mark price is not known"`
	InterestValue *money.Decimal `json:"open_interest_value" doc:"In the quote asset, at the mark price"`
	InterestTS    *int64         `json:"open_interest_ts"`
	TS            int64          `json:"ts" doc:"When the newest of it was said"`
	State         string         `json:"state" enum:"live,partial,stale" doc:"partial: some of it is too old; stale: all of it"`
	Stale         []string       `json:"stale" doc:"What is too old: mark, index, funding, open_interest"`
	Marks         []string       `json:"marks,omitempty" doc:"What is wrong with the newest statement, if anything"`
}

// DerivativeRow is how a contract stood at a moment.
type DerivativeRow struct {
	TS            int64          `json:"ts" doc:"The venue's clock (ours where it sends no time), milliseconds"`
	Received      *int64         `json:"received_ts" doc:"Our clock, milliseconds"`
	Venue         string         `json:"venue"`
	Mark          *money.Price   `json:"mark"`
	Index         *money.Price   `json:"index"`
	Funding       *money.Decimal `json:"funding_rate" doc:"As it was estimated then"`
	NextFunding   *int64         `json:"next_funding_ts"`
	Interest      *money.Qty     `json:"open_interest" doc:"In unit"`
	Unit          string         `json:"unit" enum:"base,quote,contracts"`
	InterestValue *money.Decimal `json:"open_interest_value" doc:"In the quote asset, at the mark price"`
	Marks         []string       `json:"marks,omitempty" doc:"What is wrong with it, if anything"`
}

// Funding is one payment.
type Funding struct {
	TS       int64          `json:"ts" doc:"When it was paid, milliseconds"`
	Received *int64         `json:"received_ts" doc:"When we learned of it"`
	Venue    string         `json:"venue"`
	Pair     string         `json:"pair"`
	Rate     money.Decimal  `json:"rate" doc:"Part of a position's value that longs paid to shorts; negative: shorts paid"`
	Every    *int64         `json:"interval_s" doc:"Seconds since the payment before; null where the venue does not say"`
	Annual   *money.Decimal `json:"annual" doc:"The rate over 365 days of such payments, not compounded"`
	Mark     *money.Price   `json:"mark" doc:"Price that positions were valued at, where the venue tells it"`
	Marks    []string       `json:"marks,omitempty" doc:"What is wrong with it, if anything"`
}

// Liquidation is an order by which a venue closed somebody's position.
type Liquidation struct {
	TS       int64          `json:"ts" doc:"The venue's clock, milliseconds"`
	Received *int64         `json:"received_ts" doc:"Our clock, milliseconds"`
	Venue    string         `json:"venue"`
	Pair     string         `json:"pair"`
	ID       *string        `json:"id" doc:"The venue's; null where it has none"`
	Side     *string        `json:"side" enum:"buy,sell" doc:"Of the order: sell closes a long position"`
	Price    money.Price    `json:"price" doc:"Of the order or of its execution, as the venue tells it: see its quirks"`
	Qty      money.Qty      `json:"qty" doc:"In unit"`
	Unit     string         `json:"unit" enum:"base,quote,contracts"`
	Value    *money.Decimal `json:"value" doc:"In the quote asset"`
	Marks    []string       `json:"marks,omitempty" doc:"What is wrong with it, if anything"`
}

func (s *Server) registerDerivatives() {
	get := func(id, path, summary, doc string) Operation {
		return Operation{ID: id, Method: http.MethodGet, Path: path, Scope: access.MarketRead, Cost: 2, Tag: "Derivatives", Summary: summary, Doc: doc}
	}
	add(s, get("list-derivatives", "/v1/derivatives", "How contracts stand",
		"Mark and index price, basis, funding and open interest of each contract at each venue, with the time each was said at. What a venue does not say is null. Sign, units and intervals: docs/semantics.md."), s.derivatives)
	add(s, get("list-derivative-history", "/v1/derivatives/history", "How a contract stood",
		"What changed, at most one row a second; each row is all that was known then. With `start`, the first `limit` rows from there on, and a cursor to go on; without it, the newest `limit` before `end`. Always oldest first."), s.derivativesPast)
	add(s, get("list-funding", "/v1/funding", "Funding that was paid",
		"Settled funding of one pair at several venues, oldest first; estimates are in /v1/derivatives. With `start`, the first `limit` rows from there on, and a cursor to go on; without it, the newest `limit` before `end`."), s.fundingPast)
	add(s, get("list-liquidations", "/v1/liquidations", "Liquidations",
		"Orders by which venues closed positions that had lost their margin: what each venue tells, which is not all of them everywhere. With `start`, the first `limit` of a pair from there on, and a cursor to go on; without it the newest, of all pairs if none is named. Always oldest first."), s.liquidations)
}

func (s *Server) derivatives(_ context.Context, in *derivativesIn) (Answer[[]Derivative], error) {
	a := Answer[[]Derivative]{Data: []Derivative{}}
	v, p, err := s.series(in.Venue, in.Pair)
	if err != nil {
		return a, err
	}
	base := s.opt.Assets.Normalize("", in.Base)
	list := slices.DeleteFunc(s.opt.Board.Derivatives(v, p), func(d market.DerivativeView) bool { return in.Base != "" && d.Pair.Base() != base })
	if list, err = page(list, in.Page, &a.Meta, filterDigest("derivatives", in.Venue, string(p), string(base))); err != nil {
		return a, err
	}
	now, live := s.opt.Board.Now(), 0
	of := s.instrument()
	var marks market.Mark
	for i := range list {
		row := derivativeOf(&list[i], of(list[i].Venue, list[i].Pair), now)
		if row.State == "live" {
			live++
		}
		marks |= list[i].Marks
		a.Data = append(a.Data, row)
		a.Meta.from(list[i].Venue)
		a.Meta.newest(list[i].When())
	}
	slices.Sort(a.Meta.Sources)
	a.Meta.Quality.State, a.Meta.Quality.Marks = feedState(live, len(a.Data)), marks.Names()
	return a, nil
}

// instrument gives a function that finds instruments; a contract that nobody describes
// counts contracts.
func (s *Server) instrument() func(market.VenueID, market.Pair) *market.Instrument {
	all := map[market.Series]*market.Instrument{}
	list := s.opt.Board.Instruments()
	for i := range list {
		all[market.Series{Venue: list[i].Venue, Pair: list[i].Pair}] = &list[i]
	}
	return func(v market.VenueID, p market.Pair) *market.Instrument {
		if in := all[market.Series{Venue: v, Pair: p}]; in != nil && !in.Guessed {
			return in
		}
		return &market.Instrument{Kind: p.Kind(), Unit: market.InContracts}
	}
}

func derivativeOf(d *market.DerivativeView, in *market.Instrument, now time.Time) Derivative {
	out := Derivative{Venue: string(d.Venue), Pair: string(d.Pair), Kind: string(in.Kind), Unit: unitName(in.Unit), TS: d.When().UnixMilli(), Stale: []string{}}
	fields := 0
	note := func(f market.Stated, name string, at time.Time) *int64 {
		if d.Has&f == 0 {
			return nil
		}
		fields++
		if d.StaleAfter > 0 && now.Sub(at) > d.StaleAfter {
			out.Stale = append(out.Stale, name)
		}
		return milli(at)
	}
	if out.MarkTS = note(market.StatedMark, "mark", d.MarkAt); out.MarkTS != nil {
		out.Mark = &d.Mark
	}
	if out.IndexTS = note(market.StatedIndex, "index", d.IndexAt); out.IndexTS != nil {
		out.Index = &d.Index
	}
	if out.Mark != nil && out.Index != nil {
		if b, err := d.Mark.Sub(d.Index.Decimal); err == nil {
			out.Basis = &b
			if r, err := b.Quo(d.Index.Decimal, 8); err == nil {
				out.BasisRate = &r
			}
		}
	}
	if out.FundingTS = note(market.StatedFunding, "funding", d.EstimateAt); out.FundingTS != nil {
		out.Funding, out.NextFunding = &d.Funding, milli(d.FundingAt)
		out.FundingEvery, out.FundingAnnual = annual(d.Funding, d.Every())
	}
	if !d.Paid.FundingAt.IsZero() {
		out.Paid, out.PaidTS = &d.Paid.Funding, milli(d.Paid.FundingAt)
	}
	if out.InterestTS = note(market.StatedInterest, "open_interest", d.InterestAt); out.InterestTS != nil {
		out.Interest = &d.Interest
		if base, value, ok := in.Open(d.Interest, d.Mark); ok {
			out.InterestBase, out.InterestValue = &base, &value
		}
	}
	switch len(out.Stale) {
	case 0:
		out.State = "live"
	case fields:
		out.State = "stale"
	default:
		out.State = "partial"
	}
	if d.Marks != 0 {
		out.Marks = d.Marks.Names()
	}
	return out
}

func annual(rate money.Decimal, every time.Duration) (seconds *int64, year *money.Decimal) {
	if every > 0 {
		seconds = ptr(int64(every / time.Second))
	}
	if y, ok := market.Annual(rate, every); ok {
		year = &y
	}
	return seconds, year
}

func (s *Server) derivativesPast(ctx context.Context, in *derivativesPastIn) (Answer[[]DerivativeRow], error) {
	a := Answer[[]DerivativeRow]{Data: []DerivativeRow{}}
	list, err := merged(ctx, s, &merge[market.Derivative]{
		op: "derivative-history", channel: market.Derivatives, venues: in.Venue, pair: in.Pair, known: &in.Known, span: &in.Span, read: s.opt.History.Derivatives, fresh: 15 * time.Minute,
		when: func(d *market.Derivative) (time.Time, market.VenueID, market.Mark) { return d.When(), d.Venue, d.Marks },
	}, &a.Meta)
	if err != nil {
		return a, err
	}
	of := s.instrument()
	for i := range list {
		a.Data = append(a.Data, derivativeRow(&list[i], of(list[i].Venue, list[i].Pair)))
	}
	return a, nil
}

func derivativeRow(d *market.Derivative, in *market.Instrument) DerivativeRow {
	out := DerivativeRow{TS: d.When().UnixMilli(), Received: milli(d.Received), Venue: string(d.Venue), NextFunding: milli(d.FundingAt), Unit: unitName(in.Unit)}
	if d.Has&market.StatedMark != 0 {
		out.Mark = &d.Mark
	}
	if d.Has&market.StatedIndex != 0 {
		out.Index = &d.Index
	}
	if d.Has&market.StatedFunding != 0 {
		out.Funding = &d.Funding
	}
	if d.Has&market.StatedInterest != 0 {
		out.Interest = &d.Interest
		if _, value, ok := in.Open(d.Interest, d.Mark); ok {
			out.InterestValue = &value
		}
	}
	if d.Marks != 0 {
		out.Marks = d.Marks.Names()
	}
	return out
}

func (s *Server) fundingPast(ctx context.Context, in *fundingIn) (Answer[[]Funding], error) {
	a := Answer[[]Funding]{Data: []Funding{}}
	list, err := merged(ctx, s, &merge[market.Derivative]{
		op: "funding", channel: market.Funding, venues: in.Venue, pair: in.Pair, known: &in.Known, span: &in.Span, read: s.opt.History.Funding, fresh: 25 * time.Hour,
		when: func(d *market.Derivative) (time.Time, market.VenueID, market.Mark) { return d.When(), d.Venue, d.Marks },
	}, &a.Meta)
	for i := range list {
		d := &list[i]
		row := Funding{TS: d.FundingAt.UnixMilli(), Received: milli(d.Received), Venue: string(d.Venue), Pair: string(d.Pair), Rate: d.Funding}
		row.Every, row.Annual = annual(d.Funding, d.Interval)
		if d.Has&market.StatedMark != 0 {
			row.Mark = &d.Mark
		}
		if d.Marks != 0 {
			row.Marks = d.Marks.Names()
		}
		a.Data = append(a.Data, row)
	}
	return a, err
}

func (s *Server) liquidations(ctx context.Context, in *liquidationsIn) (Answer[[]Liquidation], error) {
	a := Answer[[]Liquidation]{Data: []Liquidation{}}
	when := func(l *market.Liquidation) (time.Time, market.VenueID, market.Mark) {
		return l.When(), l.Venue, l.Marks
	}
	var list []market.Liquidation
	var err error
	if in.Start == "" && in.End == "" && in.Cursor == "" && in.KnownAt == "" {
		list, err = s.newestLiquidations(in)
		judgeRows(s, &a.Meta, list, when, time.Time{}, 0)
	} else if in.Pair == "" {
		err = fault.At(fault.Invalid, "query.pair", "a range of liquidations is read of one pair: name it")
	} else {
		list, err = merged(ctx, s, &merge[market.Liquidation]{
			op: "liquidations", channel: market.Liquidations, venues: in.Venue, pair: in.Pair, known: &in.Known, span: &in.Span, read: s.opt.History.Liquidations, when: when,
		}, &a.Meta)
	}
	if err != nil {
		return a, err
	}
	of := s.instrument()
	for i := range list {
		a.Data = append(a.Data, liquidationOf(&list[i], of(list[i].Venue, list[i].Pair)))
	}
	return a, nil
}

// newestLiquidations gives the newest from memory, oldest first.
func (s *Server) newestLiquidations(in *liquidationsIn) ([]market.Liquidation, error) {
	var p market.Pair
	var err error
	if in.Pair != "" {
		if p, err = s.pair("query.pair", in.Pair); err != nil {
			return nil, err
		}
	}
	var list []market.Liquidation
	for v := range strings.SplitSeq(in.Venue, ",") {
		v := market.VenueID(strings.TrimSpace(v))
		if err := s.missing(v, p); err != nil {
			return nil, err
		}
		list = append(list, s.opt.Board.Liquidations(v, p, in.Limit)...)
	}
	slices.SortStableFunc(list, func(a, b market.Liquidation) int { return a.When().Compare(b.When()) })
	return list[max(0, len(list)-in.Limit):], nil
}

func liquidationOf(l *market.Liquidation, in *market.Instrument) Liquidation {
	out := Liquidation{TS: l.When().UnixMilli(), Received: milli(l.Received), Venue: string(l.Venue), Pair: string(l.Pair), ID: known(l.ID), Price: l.Price, Qty: l.Qty, Unit: unitName(in.Unit)}
	if l.Side != market.NoSide {
		out.Side = ptr(l.Side.String())
	}
	if _, value, ok := in.Open(l.Qty, l.Price); ok {
		out.Value = &value
	}
	if l.Marks != 0 {
		out.Marks = l.Marks.Names()
	}
	return out
}

// merge is a page of one pair's rows at several venues, in order of time, and at one time
// of venue.
type merge[T any] struct {
	op      string
	channel market.Channel
	venues  string // as asked for; "": all that have rows
	pair    string
	known   *Known
	span    *Span
	read    func(context.Context, market.Series, market.Range) iter.Seq2[T, error]
	when    func(*T) (time.Time, market.VenueID, market.Mark)
	fresh   time.Duration // how old the newest may be; 0: any age
}

// maxMerged is how many venues can be read at once.
const maxMerged = 20

// merged reads a page. A position is the time of the next row, and how many rows of that
// very time were given already.
func merged[T any](ctx context.Context, s *Server, m *merge[T], meta *Meta) ([]T, error) {
	p, err := s.pair("query.pair", m.pair)
	if err != nil {
		return nil, err
	}
	start, end, err := m.span.times()
	if err != nil {
		return nil, err
	}
	venues, err := m.sources(ctx, s, p)
	if err != nil {
		return nil, err
	}
	then, err := m.known.then(s.opt.Board.Now())
	if err != nil {
		return nil, err
	}
	digest := filterDigest(m.op, m.venues, string(p), m.span.Start, m.span.End, m.known.KnownAt)
	at, err := readCursor(m.span.Cursor, digest, 2)
	if err != nil {
		return nil, err
	}
	r, skip, limit := market.Range{From: start, To: end, KnownAt: then}, 0, m.span.Limit
	if at != nil {
		r.From, skip = time.Unix(0, at[0]).UTC(), int(min(at[1], 1<<20))
	}
	if r.Limit = skip + limit + 1; r.From.IsZero() {
		r.Limit, r.Reverse = limit, true
	}
	var list []T
	for _, v := range venues {
		begun := len(list)
		for row, err := range m.read(ctx, market.Series{Venue: v, Pair: p}, r) {
			if err != nil {
				return nil, err
			}
			list = append(list, row)
		}
		if r.Reverse {
			slices.Reverse(list[begun:])
		}
		meta.from(v)
	}
	slices.SortStableFunc(list, func(a, b T) int {
		ta, va, _ := m.when(&a)
		tb, vb, _ := m.when(&b)
		if c := ta.Compare(tb); c != 0 {
			return c
		}
		return strings.Compare(string(va), string(vb))
	})
	if r.Reverse {
		list = list[max(0, len(list)-limit):]
	} else {
		if n := skip + limit; len(list) > n {
			next, _, _ := m.when(&list[n])
			same := int64(0)
			for i := n - 1; i >= 0; i-- {
				if t, _, _ := m.when(&list[i]); !t.Equal(next) {
					break
				}
				same++
			}
			meta.NextCursor = makeCursor(digest, next.UnixNano(), same)
			list = list[:n]
		}
		list = list[min(skip, len(list)):]
	}
	if !then.IsZero() {
		end = then // what was known then is history now
	}
	judgeRows(s, meta, list, m.when, end, m.fresh)
	slices.Sort(meta.Sources)
	return list, nil
}

// sources are the venues to read: those named, each of which must trade the pair, or all
// that have rows of it.
func (m *merge[T]) sources(ctx context.Context, s *Server, p market.Pair) (out []market.VenueID, err error) {
	if m.venues == "" {
		all, err := s.opt.History.Series(ctx)
		if err != nil {
			return nil, err
		}
		for _, of := range all {
			if of.Pair == p && of.Channel == m.channel {
				out = append(out, of.Venue)
			}
		}
		if len(out) == 0 {
			err = s.missing("", p)
		}
		return out, err
	}
	for v := range strings.SplitSeq(m.venues, ",") {
		v := market.VenueID(strings.TrimSpace(v))
		if err := s.missing(v, p); err != nil {
			return nil, err
		}
		if !slices.Contains(out, v) {
			out = append(out, v)
		}
	}
	if len(out) > maxMerged {
		return nil, fault.At(fault.Invalid, "query.venue", "%d venues are more than can be read at once, which is %d", len(out), maxMerged)
	}
	return out, nil
}

// judgeRows tells how old and how good rows are.
func judgeRows[T any](s *Server, m *Meta, list []T, when func(*T) (time.Time, market.VenueID, market.Mark), end time.Time, fresh time.Duration) {
	var marks market.Mark
	for i := range list {
		at, v, k := when(&list[i])
		marks |= k
		m.newest(at)
		m.from(v)
	}
	if now := s.opt.Board.Now(); (end.IsZero() || end.After(now)) && m.NextCursor == "" && len(list) > 0 {
		if m.judge(now, fresh, marks); fresh == 0 {
			m.Quality.State = "live"
		}
		return
	}
	m.past(marks)
}
