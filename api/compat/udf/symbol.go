package udf

import (
	"cmp"
	"context"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/assayhq/assay/fault"
	"github.com/assayhq/assay/market"
)

// resolutions are those of the protocol, each one of our intervals.
var resolutions = []struct {
	name     string
	interval market.Interval
}{
	{"1S", "1s"}, {"5S", "5s"}, {"15S", "15s"}, {"30S", "30s"},
	{"1", "1m"}, {"3", "3m"}, {"5", "5m"}, {"15", "15m"}, {"30", "30m"}, {"60", "1h"}, {"120", "2h"}, {"240", "4h"}, {"360", "6h"}, {"480", "8h"}, {"720", "12h"},
	{"1D", "1d"}, {"3D", "3d"}, {"1W", "1w"}, {"1M", "1M"},
}

func names() []string {
	out := make([]string, len(resolutions))
	for i, r := range resolutions {
		out[i] = r.name
	}
	return out
}

// interval reads a resolution; "D", "W", "M" and "S" mean one of it.
func interval(s string) (market.Interval, error) {
	if s == "D" || s == "W" || s == "M" || s == "S" {
		s = "1" + s
	}
	for _, r := range resolutions {
		if r.name == s {
			return r.interval, nil
		}
	}
	return "", fault.At(fault.Invalid, "resolution", "there is no resolution %q; use one of %s", clip(s), strings.Join(names(), " "))
}

func itoa(n int64) string { return strconv.FormatInt(n, 10) }

func (f *face) time(context.Context, url.Values) (any, error) {
	return f.opt.Board.Now().Unix(), nil
}

type named struct {
	Value string `json:"value"`
	Name  string `json:"name"`
	Desc  string `json:"desc"`
}

type kind struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

func (f *face) config(context.Context, url.Values) (any, error) {
	exchanges := []named{{"", "All", "All"}, {string(market.ConsensusVenue), "consensus", "Fair price over all venues"}}
	for _, v := range f.opt.Board.Venues() {
		exchanges = append(exchanges, named{string(v.ID), string(v.ID), v.Name})
	}
	return map[string]any{
		"supports_search": true, "supports_group_request": false, "supports_marks": false, "supports_timescale_marks": false, "supports_time": true,
		"exchanges": exchanges, "symbols_types": []kind{{"All", ""}, {"Crypto", "crypto"}, {"Futures", "futures"}}, "supported_resolutions": names(),
	}, nil
}

// instrument is what a chart can show.
type instrument struct {
	venue market.VenueID
	pair  market.Pair
	tick  int // decimals of its price
	step  int // and of its volume
	kind  market.Kind
}

func (in *instrument) ticker() string { return string(in.venue) + ":" + string(in.pair) }

func (in *instrument) class() string {
	if in.kind == market.Spot {
		return "crypto"
	}
	return "futures"
}

func (in *instrument) description() string {
	s := string(in.pair.Base()) + " in " + string(in.pair.Quote())
	if in.venue == market.ConsensusVenue {
		return s + ", fair price over all venues"
	}
	if in.kind != market.Spot {
		s = string(in.pair)
	}
	return s + " at " + string(in.venue)
}

// instruments lists them: the consensus first.
func (f *face) instruments() []instrument {
	var out []instrument
	for _, p := range f.opt.Board.Prices("USD") {
		if p.Asset != p.Quote {
			out = append(out, instrument{market.ConsensusVenue, market.NewPair(p.Asset, p.Quote), max(p.Price.Trim().Scale(), 2), 8, market.Spot})
		}
	}
	for _, in := range f.opt.Board.Instruments() {
		x := instrument{in.Venue, in.Pair, 8, 8, in.Kind}
		if !in.PriceTick.IsZero() {
			x.tick = in.PriceTick.Trim().Scale()
		}
		if !in.QtyStep.IsZero() {
			x.step = min(in.QtyStep.Trim().Scale(), 8)
		}
		out = append(out, x)
	}
	return out
}

// resolve finds what a symbol names: VENUE:PAIR, or PAIR for the consensus.
func (f *face) resolve(field, s string) (instrument, error) {
	if s == "" {
		return instrument{}, fault.At(fault.Invalid, field, "%s is missing; write VENUE:PAIR, such as kraken:BTC-USD", field)
	}
	venue, text, ok := strings.Cut(s, ":")
	if !ok {
		venue, text = string(market.ConsensusVenue), s
	}
	p, err := market.ParsePair(text)
	if err != nil {
		return instrument{}, fault.At(fault.Invalid, field, "%s", fault.Public(err))
	}
	for _, in := range f.instruments() {
		if string(in.venue) == strings.ToLower(venue) && in.pair == p {
			return in, nil
		}
	}
	return instrument{}, fault.At(fault.Unknown, field, "there is no symbol %s:%s", clip(venue), p)
}

// symbolInfo is LibrarySymbolInfo of the protocol.
type symbolInfo struct {
	Name        string   `json:"name"`
	Ticker      string   `json:"ticker"`
	Description string   `json:"description"`
	Type        string   `json:"type"`
	Session     string   `json:"session"`
	Timezone    string   `json:"timezone"`
	Exchange    string   `json:"exchange"`
	Listed      string   `json:"listed_exchange"`
	MinMov      int      `json:"minmov"`
	PriceScale  int64    `json:"pricescale"`
	Intraday    bool     `json:"has_intraday"`
	Seconds     bool     `json:"has_seconds"`
	Daily       bool     `json:"has_daily"`
	Weekly      bool     `json:"has_weekly_and_monthly"`
	Multipliers []string `json:"intraday_multipliers"`
	SecondsOf   []string `json:"seconds_multipliers"`
	Resolutions []string `json:"supported_resolutions"`
	Precision   int      `json:"volume_precision"`
	Currency    string   `json:"currency_code"`
	Status      string   `json:"data_status"`
	Format      string   `json:"format"`
}

func (f *face) symbols(_ context.Context, q url.Values) (any, error) {
	in, err := f.resolve("symbol", q.Get("symbol"))
	if err != nil {
		return nil, err
	}
	scale := int64(1)
	for range min(in.tick, 16) {
		scale *= 10
	}
	info := symbolInfo{Name: string(in.pair), Ticker: in.ticker(), Description: in.description(), Type: in.class(), Session: "24x7", Timezone: "Etc/UTC",
		Exchange: string(in.venue), Listed: string(in.venue), MinMov: 1, PriceScale: scale, Intraday: true, Seconds: true, Daily: true, Weekly: true,
		Resolutions: names(), Precision: in.step, Currency: string(in.pair.Quote()), Status: "streaming", Format: "price"}
	for _, r := range resolutions {
		switch last := r.name[len(r.name)-1]; {
		case last == 'S':
			info.SecondsOf = append(info.SecondsOf, strings.TrimSuffix(r.name, "S"))
		case last >= '0' && last <= '9':
			info.Multipliers = append(info.Multipliers, r.name)
		}
	}
	return info, nil
}

// found is one line of a search.
type found struct {
	Symbol      string `json:"symbol"`
	FullName    string `json:"full_name"`
	Description string `json:"description"`
	Exchange    string `json:"exchange"`
	Ticker      string `json:"ticker"`
	Type        string `json:"type"`
}

func (f *face) search(_ context.Context, q url.Values) (any, error) {
	limit := 30
	if s := q.Get("limit"); s != "" {
		n, err := strconv.Atoi(s)
		if err != nil || n < 1 {
			return nil, fault.At(fault.Invalid, "limit", "%q is no number of symbols; write 1 to 100", clip(s))
		}
		limit = min(n, 100)
	}
	if len(q.Get("query")) > 100 {
		return nil, fault.At(fault.Invalid, "query", "the query has more than 100 letters")
	}
	plain := strings.NewReplacer("-", "", "/", "", "_", "", " ", "")
	want := plain.Replace(strings.ToUpper(q.Get("query")))
	type hit struct {
		rank int
		in   instrument
	}
	var hits []hit
	for _, in := range f.instruments() {
		if t := q.Get("type"); t != "" && t != in.class() {
			continue
		}
		if e := q.Get("exchange"); e != "" && !strings.EqualFold(e, string(in.venue)) {
			continue
		}
		name, base := plain.Replace(string(in.pair)), string(in.pair.Base())
		full := strings.ToUpper(string(in.venue)) + ":" + name
		switch {
		case name == want || base == want || full == want:
			hits = append(hits, hit{0, in})
		case strings.HasPrefix(name, want) || strings.HasPrefix(full, want):
			hits = append(hits, hit{1, in})
		case strings.Contains(full, want):
			hits = append(hits, hit{2, in})
		}
	}
	slices.SortStableFunc(hits, func(a, b hit) int { return cmp.Compare(a.rank, b.rank) })
	out := []found{}
	for _, h := range hits[:min(len(hits), limit)] {
		out = append(out, found{string(h.in.pair), h.in.ticker(), h.in.description(), string(h.in.venue), h.in.ticker(), h.in.class()})
	}
	return out, nil
}
