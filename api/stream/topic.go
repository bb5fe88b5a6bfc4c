package stream

import (
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/assayhq/assay/asset"
	"github.com/assayhq/assay/fault"
	"github.com/assayhq/assay/market"
	"github.com/assayhq/assay/market/candle"
)

// topic is what a room is of. It is checked and complete: venue is "" only where all
// venues together make sense, interval only set for candles and indicators, study only
// for indicators.
type topic struct {
	ch       market.Channel
	venue    market.VenueID
	pair     market.Pair // asset-quote for prices
	interval market.Interval
	study    string // label of a function with its parameters
}

// wish is one topic as a client wrote it, and how it wants it.
type wish struct {
	where string // the place in the client's message, for errors
	topic
	depth     int
	from      uint64
	resume    bool
	functions string // as written; each becomes a topic of its own
}

// suggested is an error with names that may have been meant.
type suggested struct {
	error
	names []string
}

func (s *suggested) Unwrap() error { return s.error }

// usd is the quote in which consensus prices are published.
const usd asset.Code = "USD"

// check completes a wish against what is traded, or says what is wrong with it.
func (h *Hub) check(w *wish) error {
	idx := h.names.index(h.opt.Board)
	if len(idx.pairs) == 0 {
		return fault.New(fault.Unavailable, "the venues have not told yet what they trade: try again in a moment")
	}
	switch w.ch {
	case market.Prices:
		if w.venue != "" && w.venue != market.ConsensusVenue {
			return fault.At(fault.Invalid, w.where+".venue", "a consensus price has no venue: leave `venue` out, or subscribe to `quotes` of %s", w.venue)
		}
		w.venue = ""
		for _, c := range []asset.Code{w.pair.Base(), w.pair.Quote()} {
			if !idx.assets[c] && c != usd {
				return unknown(w.where+".asset", "nothing known is traded in "+string(c), near(string(c), idx.assetNames))
			}
		}
		return nil
	case market.Candles, indicators:
		if w.venue == "" {
			w.venue = market.ConsensusVenue
		}
		if w.ch == indicators && h.opt.Candles == nil {
			return fault.At(fault.Unavailable, w.where+".ch", "this server keeps no bars to begin an indicator with")
		}
		if !slices.Contains(candle.Base(), w.interval) && h.opt.Candles == nil {
			return fault.At(fault.Invalid, w.where+".interval", "only %v are streamed here; ask for longer bars by REST", candle.Base())
		}
		if w.venue == market.ConsensusVenue {
			if w.pair.Quote() != usd || !idx.assets[w.pair.Base()] {
				return unknown(w.where+".pair", "there are no consensus bars of "+string(w.pair)+": they are of an asset in USD", near(string(w.pair), idx.fairNames))
			}
			return nil
		}
	case market.Derivatives, market.Liquidations:
		if w.pair.Spot() && idx.pairs[w.pair] != nil {
			contracts := slices.DeleteFunc(slices.Clone(idx.pairNames), func(n string) bool { return market.Pair(n).Spot() })
			return unknown(w.where+".pair", string(w.pair)+" is spot: only contracts have "+string(w.ch), near(string(w.pair)+"-PERP", contracts))
		}
	case market.Books:
		if w.venue == "" {
			return fault.At(fault.Invalid, w.where+".venue", "a book belongs to one venue: add `venue`, one of %s", strings.Join(names(idx.pairs[w.pair]), ", "))
		}
	}
	at := idx.pairs[w.pair]
	if (w.ch == market.Derivatives || w.ch == market.Liquidations) && w.pair.Spot() {
		return fault.At(fault.Invalid, w.where+".pair", "%s is traded spot: only contracts, such as %s-PERP, have %s", w.pair, w.pair, w.ch)
	}
	switch {
	case w.venue != "" && !idx.venues[w.venue]:
		return unknown(w.where+".venue", "there is no venue "+string(w.venue)+" here", near(string(w.venue), idx.venueNames))
	case at == nil:
		return unknown(w.where+".pair", "no venue here trades "+string(w.pair), near(string(w.pair), idx.pairNames))
	case w.venue != "" && !slices.Contains(at, w.venue):
		return unknown(w.where+".venue", string(w.venue)+" does not trade "+string(w.pair), names(at))
	}
	return nil
}

func unknown(where, what string, suggestions []string) error {
	hint := ""
	if len(suggestions) > 0 {
		hint = "; did you mean " + strings.Join(suggestions, ", ") + "?"
	}
	return &suggested{fault.At(fault.Unknown, where, "%s%s", what, hint), suggestions}
}

func names(vs []market.VenueID) []string {
	out := make([]string, 0, len(vs))
	for _, v := range vs {
		out = append(out, string(v))
	}
	return out
}

// catalogue remembers what the board trades: the board's own list is made anew at
// every call and long.
type catalogue struct {
	mu   sync.Mutex
	last *index
	made time.Time
}

type index struct {
	pairs      map[market.Pair][]market.VenueID
	venues     map[market.VenueID]bool
	assets     map[asset.Code]bool
	pairNames  []string
	venueNames []string
	assetNames []string
	fairNames  []string
}

// indexAge is how old the list may be: a new listing can be subscribed to after it.
const indexAge = 5 * time.Second

func (c *catalogue) index(b market.Board) *index {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.last != nil && time.Since(c.made) < indexAge && len(c.last.pairs) > 0 {
		return c.last
	}
	x := &index{pairs: map[market.Pair][]market.VenueID{}, venues: map[market.VenueID]bool{}, assets: map[asset.Code]bool{}}
	for _, v := range b.Venues() {
		x.venues[v.ID] = true
	}
	for _, in := range b.Instruments() {
		x.venues[in.Venue] = true
		if x.pairs[in.Pair] == nil {
			x.pairNames = append(x.pairNames, string(in.Pair))
		}
		x.pairs[in.Pair] = append(x.pairs[in.Pair], in.Venue)
		for _, a := range []asset.Code{in.Pair.Base(), in.Pair.Quote()} {
			if !x.assets[a] {
				x.assets[a] = true
				x.assetNames = append(x.assetNames, string(a))
				x.fairNames = append(x.fairNames, string(market.NewPair(a, usd)))
			}
		}
	}
	for v := range x.venues {
		x.venueNames = append(x.venueNames, string(v))
	}
	slices.Sort(x.venueNames)
	c.last, c.made = x, time.Now()
	return x
}

// near gives up to five names that differ from s by at most two slips, or begin with
// the part of it before the dash.
func near(s string, all []string) []string {
	type hit struct {
		name string
		far  int
	}
	var hits []hit
	head, _, _ := strings.Cut(s, "-")
	for _, n := range all {
		if d := slips(s, n, 2); d <= 2 && d < len(s) {
			hits = append(hits, hit{n, d})
		} else if strings.HasPrefix(n, head+"-") {
			hits = append(hits, hit{n, 3})
		}
	}
	slices.SortStableFunc(hits, func(a, b hit) int {
		if a.far != b.far {
			return a.far - b.far
		}
		return strings.Compare(a.name, b.name)
	})
	out := []string{}
	for _, x := range hits[:min(len(hits), 5)] {
		out = append(out, x.name)
	}
	return out
}

// slips counts the letters to add, remove or change; more than bound is bound+1.
func slips(a, b string, bound int) int {
	if len(a)-len(b) > bound || len(b)-len(a) > bound || len(a) > 64 {
		return bound + 1
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		diag := row[0]
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := diag
			if a[i-1] != b[j-1] {
				cost = 1 + min(diag, row[j], row[j-1])
			}
			diag, row[j] = row[j], cost
		}
	}
	return min(row[len(b)], bound+1)
}
