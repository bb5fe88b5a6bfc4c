package binance

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/assayhq/assay/market"
)

// channel is one stream of the original, such as btcusdt@depth5@100ms.
type channel struct {
	name  string // as it was asked for
	kind  string
	sym   *symbol // nil: all of them
	every time.Duration
	depth int
	cal   calendar
	span  time.Duration // of a rolling ticker
	label string        // of its window, such as 24hr

	// What the session knows of it.
	due     time.Time
	told    uint64 // update id of the last partial book
	bar     market.Candle
	pending *changes
}

// topic is what it listens to on the bus; ok is false for what is computed by the clock.
func (f *face) topic(c *channel) (market.Topic, bool) {
	t := market.Topic{Venue: f.venue()}
	switch c.kind {
	case "trade", "aggTrade":
		t.Channel = market.Trades
	case "bookTicker":
		t.Channel = market.Quotes
	case "diff":
		t.Channel = market.Books
	default:
		return t, false
	}
	t.Pair = c.sym.Pair
	return t, true
}

// channel reads the name of a stream.
func (f *face) channel(ctx context.Context, name string) (*channel, error) {
	if len(name) > 64 {
		return nil, bad(-1121, "Invalid symbol.")
	}
	c := &channel{name: name}
	who, what, _ := strings.Cut(name, "@")
	l, err := f.symbols(ctx)
	if err != nil {
		return nil, err
	}
	if strings.HasPrefix(who, "!") {
		kind, window, windowed := strings.Cut(who[1:], "_")
		switch {
		case what != "arr":
		case kind == "miniTicker" && !windowed:
			c.kind, c.every, c.span, c.label = "miniTicker", time.Second, 24*time.Hour, "24hr"
			return c, nil
		case kind == "ticker":
			c.kind = "ticker"
			if c.windowed(window, windowed) {
				return c, nil
			}
		}
		return nil, bad(-1130, "there is no stream '%s'", clip(name, 40))
	}
	if c.sym = l.name[strings.ToUpper(who)]; c.sym == nil || strings.ToLower(who) != who {
		return nil, bad(-1121, "Invalid symbol.")
	}
	what, speed, fast := strings.Cut(what, "@")
	ok := !fast
	switch {
	case what == "trade", what == "aggTrade":
		c.kind = what
	case what == "bookTicker":
		c.kind = what
		ok = ok && f.opt.Venue != market.ConsensusVenue
	case what == "miniTicker":
		c.kind, c.every, c.span, c.label = what, time.Second, 24*time.Hour, "24hr"
	case what == "avgPrice":
		c.kind, c.every = what, time.Second
	case what == "ticker":
		c.kind = what
		ok = ok && c.windowed("", false)
	case strings.HasPrefix(what, "ticker_"):
		c.kind = "ticker"
		ok = ok && c.windowed(what[len("ticker_"):], true)
	case strings.HasPrefix(what, "kline_"):
		c.kind, c.every = "kline", 2*time.Second
		c.cal.Interval, err = interval(what[len("kline_"):])
		ok = err == nil
		if fast {
			c.cal.zone, fast = parseZone(speed)
			ok = ok && fast
		}
		if c.cal.Interval == "1s" {
			c.every = time.Second
		}
	case strings.HasPrefix(what, "depth"):
		levels := what[len("depth"):]
		c.kind, c.depth = "partial", map[string]int{"5": 5, "10": 10, "20": 20}[levels]
		if levels == "" {
			c.kind, c.pending = "diff", &changes{}
		}
		c.every = time.Second
		if fast && (speed == "100ms" || speed == "1000ms") {
			ok = true
			if speed == "100ms" {
				c.every = tick
			}
		}
		ok = ok && (c.depth > 0 || levels == "") && f.opt.Venue != market.ConsensusVenue
	default:
		ok = false
	}
	if !ok {
		return nil, bad(-1130, "there is no stream '%s'", clip(name, 40))
	}
	return c, nil
}

// windowed sets the window of a ticker.
func (c *channel) windowed(w string, given bool) bool {
	c.every, c.label = time.Second, w
	if !given {
		c.span, c.label = 24*time.Hour, "24hr"
		return true
	}
	c.span = map[string]time.Duration{"1h": time.Hour, "4h": 4 * time.Hour, "1d": 24 * time.Hour}[w]
	return c.span > 0
}

// wire types: the original's one-letter names.
type (
	head struct {
		Event  string `json:"e"`
		At     int64  `json:"E"`
		Symbol string `json:"s"`
	}
	wireTrade struct {
		head
		ID    int64  `json:"t"`
		Price string `json:"p"`
		Qty   string `json:"q"`
		Time  int64  `json:"T"`
		Maker bool   `json:"m"`
		Best  bool   `json:"M"`
	}
	wireAggregate struct {
		head
		aggregate
	}
	wireBest struct {
		ID     uint64 `json:"u"`
		Symbol string `json:"s"`
		Bid    string `json:"b"`
		BidQty string `json:"B"`
		Ask    string `json:"a"`
		AskQty string `json:"A"`
	}
	wireDiff struct {
		head
		First uint64      `json:"U"`
		Last  uint64      `json:"u"`
		Bids  [][2]string `json:"b"`
		Asks  [][2]string `json:"a"`
	}
	wireMini struct {
		head
		Close    string `json:"c"`
		Open     string `json:"o"`
		High     string `json:"h"`
		Low      string `json:"l"`
		Volume   string `json:"v"`
		Turnover string `json:"q"`
	}
	wireTicker struct {
		wireMini
		Change  string `json:"p"`
		Percent string `json:"P"`
		Mean    string `json:"w"`
		From    int64  `json:"O"`
		To      int64  `json:"C"`
		First   int64  `json:"F"`
		Last    int64  `json:"L"`
		Count   int64  `json:"n"`
	}
	wireDaily struct {
		wireTicker
		Before  string `json:"x"`
		LastQty string `json:"Q"`
		Bid     string `json:"b"`
		BidQty  string `json:"B"`
		Ask     string `json:"a"`
		AskQty  string `json:"A"`
	}
	wireMean struct {
		head
		Interval string `json:"i"`
		Price    string `json:"w"`
		Time     int64  `json:"T"`
	}
	wireBar struct {
		Open     int64  `json:"t"`
		End      int64  `json:"T"`
		Symbol   string `json:"s"`
		Interval string `json:"i"`
		First    int64  `json:"f"`
		Last     int64  `json:"L"`
		O        string `json:"o"`
		C        string `json:"c"`
		H        string `json:"h"`
		L        string `json:"l"`
		Volume   string `json:"v"`
		Count    int64  `json:"n"`
		Closed   bool   `json:"x"`
		Turnover string `json:"q"`
		Taken    string `json:"V"`
		Paid     string `json:"Q"`
		Ignored  string `json:"B"`
	}
	wireKline struct {
		head
		Bar wireBar `json:"k"`
	}
)

// changes is what changed of a book since it was told last.
type changes struct {
	first, last uint64
	side        [2][]market.Level // bids, asks: the newest size of each price
}

// take adds an update. A snapshot, a gap or a missing number means that some changes are
// not known: what was pending is dropped, and the jump in the numbers tells the client to
// fetch the book anew, as the original's rules have it.
func (x *changes) take(e *market.Event) {
	if e.Book == nil || e.Book.Snapshot || x.last != 0 && e.Seq != x.last+1 {
		*x = changes{}
		if e.Book == nil || e.Book.Snapshot {
			return
		}
	}
	if x.first == 0 {
		x.first = e.Seq
	}
	x.last = e.Seq
	for i, levels := range [2][]market.Level{e.Book.Bids, e.Book.Asks} {
		for _, l := range levels {
			if k := slices.IndexFunc(x.side[i], func(o market.Level) bool { return o.Price.Equal(l.Price.Decimal) }); k >= 0 && len(x.side[i]) < 512 {
				x.side[i][k].Qty = l.Qty
				continue
			}
			x.side[i] = append(x.side[i], l)
		}
	}
}

// events makes messages of a bus event.
func (f *face) event(c *channel, e *market.Event, now time.Time) any {
	h := head{c.kind, now.UnixMilli(), c.sym.name}
	switch {
	case c.kind == "diff":
		c.pending.take(e)
	case c.kind == "trade" && e.Trade != nil:
		p := f.print(e.Trade)
		return wireTrade{h, p.ID, p.Price, p.Qty, p.Time, p.Maker, true}
	case c.kind == "aggTrade" && e.Trade != nil:
		return wireAggregate{h, f.aggregate(e.Trade)}
	case c.kind == "bookTicker" && e.Quote != nil:
		q := e.Quote
		return wireBest{e.Seq, c.sym.name, text(q.Bid.Decimal), text(q.BidQty.Decimal), text(q.Ask.Decimal), text(q.AskQty.Decimal)}
	}
	return nil
}

// tell makes the messages of a channel whose time has come.
func (f *face) tell(ctx context.Context, c *channel, now time.Time) ([]any, error) {
	switch c.kind {
	case "diff":
		p := c.pending
		if p.first == 0 {
			return nil, nil
		}
		out := wireDiff{head{"depthUpdate", now.UnixMilli(), c.sym.name}, p.first, p.last, pairsOf(p.side[0]), pairsOf(p.side[1])}
		*p = changes{last: p.last}
		return []any{out}, nil
	case "partial":
		b, err := f.book(c.sym, c.depth)
		if err != nil || b.LastUpdateID == c.told {
			return nil, nil // a book that is not valid is not told
		}
		c.told = b.LastUpdateID
		return []any{b}, nil
	case "kline":
		return f.kline(ctx, c, now)
	case "avgPrice":
		p, at, err := f.average(ctx, c.sym)
		if err != nil {
			return nil, nil
		}
		return []any{wireMean{head{"avgPrice", now.UnixMilli(), c.sym.name}, "5m", text(p), at.UnixMilli()}}, nil
	}
	if c.sym != nil {
		m, err := f.tickerMessage(ctx, c, c.sym, now)
		if m == nil || err != nil {
			return nil, err
		}
		return []any{m}, nil
	}
	l, err := f.symbols(ctx)
	if err != nil {
		return nil, err
	}
	all := []any{}
	for i := range l.all {
		m, err := f.tickerMessage(ctx, c, &l.all[i], now)
		if err != nil {
			return nil, err
		}
		if m != nil {
			all = append(all, m)
		}
	}
	return []any{all}, nil
}

func (f *face) tickerMessage(ctx context.Context, c *channel, s *symbol, now time.Time) (any, error) {
	x, err := f.over(ctx, span{pair: s.Pair, length: c.span})
	if err != nil || !x.traded {
		return nil, err
	}
	m := wireMini{head{c.label + "Ticker", now.UnixMilli(), s.name}, text(x.last), text(x.open), text(x.high), text(x.low), text(sum(&x.volume)), text(sum(&x.turnover))}
	if c.kind == "miniTicker" {
		m.Event = "24hrMiniTicker"
		return m, nil
	}
	d := f.daily(s, x)
	t := wireTicker{m, d.Change, d.Percent, d.Mean, d.From, d.To, d.FirstID, d.LastID, d.Count}
	if c.label != "24hr" {
		return t, nil
	}
	return wireDaily{t, d.Before, d.LastQty, d.Bid, d.BidQty, d.Ask, d.AskQty}, nil
}

// barKey names the newest bars of a pair.
type barKey struct {
	pair market.Pair
	cal  calendar
}

// kline tells the running bar when it has changed, and once more, closed, when it is over.
func (f *face) kline(ctx context.Context, c *channel, now time.Time) ([]any, error) {
	bars, err := f.newest.get(ctx, f.opt.Now(), barKey{c.sym.Pair, c.cal}, func(ctx context.Context) ([]market.Candle, error) {
		open := c.cal.start(f.opt.Board.Now())
		return f.bars(ctx, c.sym.Pair, c.cal, market.Range{From: c.cal.start(open.Add(-1)), Limit: 3})
	})
	if err != nil {
		return nil, err
	}
	var out []any
	for k := range bars {
		b := bars[k]
		over := !c.cal.next(b.Open).After(now)
		switch {
		case b.Open.Before(c.bar.Open), c.bar.Open.IsZero() && over:
			continue
		case b.Open.Equal(c.bar.Open) && b.Volume.Equal(c.bar.Volume.Decimal) && b.C.Equal(c.bar.C.Decimal) && over == c.bar.Complete:
			continue
		}
		c.bar = b
		c.bar.Complete = over // what was told of it
		out = append(out, wireKline{head{"kline", now.UnixMilli(), c.sym.name}, wireBar{
			Open: b.Open.UnixMilli(), End: c.cal.next(b.Open).UnixMilli() - 1, Symbol: c.sym.name, Interval: string(c.cal.Interval), First: -1, Last: -1,
			O: text(b.O.Decimal), C: text(b.C.Decimal), H: text(b.H.Decimal), L: text(b.L.Decimal), Volume: text(b.Volume.Decimal), Count: max(b.Trades, 0),
			Closed: over, Turnover: text(b.Turnover), Taken: zero, Paid: zero, Ignored: "0"}})
	}
	return out, nil
}

// wrap makes the text of a message, with the name of its stream where streams are combined.
func wrap(name string, v any, combined bool) []byte {
	if combined {
		v = struct {
			Stream string `json:"stream"`
			Data   any    `json:"data"`
		}{name, v}
	}
	b, err := json.Marshal(v)
	if err != nil {
		return nil
	}
	return b
}
