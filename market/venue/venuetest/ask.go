package venuetest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/assayhq/assay/fault"
	"github.com/assayhq/assay/market"
	"github.com/assayhq/assay/market/venue"
	"github.com/assayhq/assay/money"
)

// spellings are how exchanges write one pair that all of them have.
var spellings = []string{"BTC-USDT", "BTC-USD", "BTC/USD", "BTC/USDT", "BTCUSDT", "BTCUSD", "btcusdt", "btcusd", "BTC_USDT", "BTC_USD", "tBTCUSD", "KRW-BTC",
	"BTCUSD_PERP", "XBTUSDTM", "PF_XBTUSD", "BTC-PERPETUAL", "BTCUSDT-PERP", "BTC"}

// dollars are the pairs meant: bitcoin in dollars, or in won where that is all there is.
var dollars = []market.Pair{"BTC-USD", "BTC-USDT", "BTC-USD-PERP", "BTC-USDT-PERP", "BTC-USDC-PERP", "BTC-KRW"}

// sample finds the venue's own spelling of bitcoin in dollars.
func sample(t *testing.T, d *venue.Driver) (spelling string, in market.Instrument) {
	t.Helper()
	table := venue.NewTable(d, code)
	for _, s := range spellings {
		if _, ok := d.Guess(s); !ok {
			continue // the table would let the symbol stand for the pair
		}
		if in := table.Find([]byte(s)); slices.Contains(dollars, in.Pair) {
			return s, *in
		}
	}
	t.Fatalf("Guess reads none of %q as bitcoin in dollars", spellings)
	return "", in
}

func examineGuess(t *testing.T, d *venue.Driver) {
	s, in := sample(t, d)
	if in.Kind != market.Spot && in.Kind != market.Perpetual || in.Symbol == "" || in.Venue != d.Spec.ID || !in.Guessed {
		t.Errorf("Guess of %s gave %+v", s, in)
	}
	table := venue.NewTable(d, code)
	for _, s := range []string{"", "-", "/", "_", "--", "//", ":", "USD", "USDT", "usd", "X", "é-∆", strings.Repeat("A", 5000), "A-B-C-D-E-F", "\x00"} {
		table.Find([]byte(s)) // must not panic
	}
}

// many gives so many instruments in the venue's spelling.
func many(t *testing.T, d *venue.Driver, n int) []*market.Instrument {
	t.Helper()
	s, _ := sample(t, d)
	table := venue.NewTable(d, code)
	var out []*market.Instrument
	for i := range n {
		base := fmt.Sprintf("Q%03dQ", i)
		key := strings.Replace(strings.Replace(s, "XBT", "BTC", 1), "BTC", base, 1)
		if key == s {
			key = strings.Replace(s, "btc", strings.ToLower(base), 1)
		}
		out = append(out, table.Find([]byte(key)))
	}
	return out
}

// examineSubscribe asks as the feed does: for at most Session.Batch at a time, all on
// one path.
func examineSubscribe(t *testing.T, d *venue.Driver) {
	all := many(t, d, 250)
	for i := range d.Dialects {
		l := &d.Dialects[i]
		for _, ch := range l.Channels {
			t.Run(l.Name+"/"+string(ch), func(t *testing.T) {
				interval := market.Interval("")
				if ch == market.Candles {
					interval = streamed(t, d, l, all[0])
				}
				n := len(all)
				if l.Session.Batch > 0 {
					n = min(n, l.Session.Batch)
				}
				if l.Session.Whole {
					n = len(all)
					if l.Session.MaxSubs > 0 {
						n = min(n, l.Session.MaxSubs)
					}
				}
				id := 1
				all := ofKind(all, ch)
				for part := range slices.Chunk(all, n) {
					var subs []venue.Sub
					for _, in := range part {
						subs = append(subs, venue.Sub{Channel: ch, Instrument: in, Interval: interval})
					}
					if ch == market.Liquidations && len(l.Subscribe(subs, id)) > 0 {
						continue // some venues tell those of all contracts together
					}
					examineFrames(t, "Subscribe", l.Subscribe(subs, id), part, ch == market.Derivatives)
					if ch == market.Books && l.Snapshot != nil {
						examineFrames(t, "Snapshot", l.Snapshot(subs, id), part, false)
					}
					if !l.Session.Whole && l.Unsubscribe != nil {
						examineFrames(t, "Unsubscribe", l.Unsubscribe(subs, id+1), part, ch == market.Derivatives)
					}
					id += 2
				}
			})
		}
	}
}

// ofKind gives the instruments as contracts where the channel is one that spot does not
// have: a venue asks for nothing then.
func ofKind(all []*market.Instrument, ch market.Channel) []*market.Instrument {
	if ch != market.Derivatives && ch != market.Liquidations {
		return all
	}
	var out []*market.Instrument
	for _, in := range all {
		c := *in
		if c.Kind == market.Spot {
			c.Kind = market.Perpetual
		}
		out = append(out, &c)
	}
	return out
}

// streamed finds an interval whose candles the stream has.
func streamed(t *testing.T, d *venue.Driver, l *venue.Dialect, in *market.Instrument) market.Interval {
	t.Helper()
	found := market.Interval("")
	for _, i := range market.Intervals() {
		frames := l.Subscribe([]venue.Sub{{Channel: market.Candles, Instrument: in, Interval: i}}, 1)
		for _, f := range frames {
			if !json.Valid(f) {
				t.Errorf("candles of %s: frame %s is no JSON", i, f)
			}
		}
		if len(frames) > 0 && found == "" && slices.Contains(d.REST.Intervals, i) {
			found = i
		}
	}
	if found == "" {
		t.Fatal("the channel candles is declared, but no interval of REST can be subscribed to")
	}
	return found
}

// examineFrames demands well-formed frames that name each instrument: once, or with many
// once for each figure that has a stream of its own.
func examineFrames(t *testing.T, what string, frames [][]byte, part []*market.Instrument, many bool) {
	t.Helper()
	for _, f := range frames {
		if !json.Valid(f) {
			t.Fatalf("%s: frame %.200s is no JSON", what, f)
		}
		if len(f) > 64<<10 {
			t.Errorf("%s: a frame has %d bytes; make Session.Batch smaller", what, len(f))
		}
	}
	for _, in := range part {
		n := 0
		for _, f := range frames {
			f = bytes.ToLower(f)
			if bytes.Contains(f, []byte(strings.ToLower(in.Symbol))) || in.RESTSymbol != "" && bytes.Contains(f, []byte(strings.ToLower(in.RESTSymbol))) {
				n++
			}
		}
		if n == 0 || n > 1 && !many {
			t.Errorf("%s: %d of %d frames name %s", what, n, len(frames), in.Symbol)
			return
		}
	}
}

func examineRequest(t *testing.T, d *venue.Driver) {
	_, in := sample(t, d)
	from, to := now.Add(-90*24*time.Hour), now.Add(-89*24*time.Hour+time.Millisecond)
	plain := []venue.Ask{{What: venue.AskInstruments}, {What: venue.AskBook}, {What: venue.AskTrades}}
	for _, i := range d.REST.Intervals {
		plain = append(plain, venue.Ask{What: venue.AskCandles, Interval: i})
	}
	for _, a := range plain {
		a.Instrument = in
		if _, err := d.REST.Request(a); err != nil {
			t.Errorf("ask %d of interval %q: %v", a.What, a.Interval, err)
		}
	}
	if d.REST.Derivatives {
		plain = append(plain, venue.Ask{What: venue.AskDerivative})
	}
	if d.REST.Funding {
		plain = append(plain, venue.Ask{What: venue.AskFunding}, venue.Ask{What: venue.AskFunding, From: from, To: to})
	}
	asks := append(plain, venue.Ask{What: venue.AskClock})
	for _, depth := range []int{1, 10, 50, 100, 500, 5000, 1 << 30} {
		asks = append(asks, venue.Ask{What: venue.AskBook, Depth: depth})
	}
	for _, limit := range []int{0, 1, 77, 1 << 30} {
		asks = append(asks, venue.Ask{What: venue.AskTrades, Limit: limit, AfterID: "12345"}, venue.Ask{What: venue.AskTrades, Limit: limit, AfterID: "no ?& id"})
		for _, r := range [][2]time.Time{{}, {from}, {from, to}, {time.Time{}, to}} {
			asks = append(asks, venue.Ask{What: venue.AskTrades, Limit: limit, From: r[0], To: r[1]})
			for _, i := range d.REST.Intervals {
				asks = append(asks, venue.Ask{What: venue.AskCandles, Interval: i, Limit: limit, From: r[0], To: r[1]})
			}
		}
	}
	hostile := in
	hostile.Symbol, hostile.RESTSymbol = "A B/../..?x=1&y=2#z%", "A B/../..?x=1&y=2#z%"
	for _, a := range asks {
		a.Instrument = in
		usual := examineAddress(t, d, a)
		a.Instrument = hostile
		if odd := examineAddress(t, d, a); usual != nil && odd != nil && strings.Count(odd.EscapedPath(), "/") != strings.Count(usual.EscapedPath(), "/") {
			t.Errorf("a symbol with a slash changes the path: %s", odd)
		}
	}
	for _, i := range []market.Interval{"7m", "", "1y", "1M "} {
		_, err := d.REST.Request(venue.Ask{What: venue.AskCandles, Instrument: in, Interval: i})
		if fault.Of(err) != fault.Invalid {
			t.Errorf("candles of %q: %v, want fault.Invalid", i, err)
		}
	}
	if _, err := d.REST.Request(venue.Ask{What: 99, Instrument: in}); fault.Of(err) != fault.Invalid {
		t.Errorf("an ask of unknown kind: %v, want fault.Invalid", err)
	}
}

// examineAddress checks one request. A refusal must be the asker's mistake.
func examineAddress(t *testing.T, d *venue.Driver, a venue.Ask) *url.URL {
	t.Helper()
	r, err := d.REST.Request(a)
	if err != nil {
		if fault.Of(err) != fault.Invalid {
			t.Errorf("%+v: refused by %v, which is not fault.Invalid", a, err)
		}
		return nil
	}
	base, _ := url.Parse(d.Spec.Base)
	u, err := url.Parse(d.Spec.Base + r.Path)
	switch {
	case err != nil:
		t.Errorf("%q cannot be parsed: %v", r.Path, err)
		return nil
	case !strings.HasPrefix(r.Path, "/") || u.Host != base.Host || u.Fragment != "" && r.Body == "" || strings.ContainsAny(r.Path, " \t\n\"<>") || strings.Contains(u.EscapedPath(), "/../"):
		t.Errorf("%q leaves the path, or has characters that need escaping", r.Path)
	case r.Weight < 0:
		t.Errorf("%q has weight %d", r.Path, r.Weight)
	case r.Budget != "" && !slices.ContainsFunc(d.Spec.Budgets, func(b venue.Budget) bool { return b.Name == r.Budget }):
		t.Errorf("%q is paid from %q, a budget that is not listed", r.Path, r.Budget)
	}
	if r.Body != "" && !json.Valid([]byte(r.Body)) {
		t.Errorf("the body %q of %q is no JSON", r.Body, r.Path)
	}
	if _, err := url.ParseQuery(u.RawQuery); err != nil {
		t.Errorf("%q has a query that cannot be read: %v", r.Path, err)
	}
	return u
}

// examinePaging follows Next through exchanges that answer nothing, and through ones
// that say the same for ever: it must come to an end, and never ask the same twice.
func examinePaging(t *testing.T, d *venue.Driver) {
	_, in := sample(t, d)
	from, to := now.Add(-48*time.Hour), now.Add(-24*time.Hour)
	silent := &market.Batch{}
	stubborn := &market.Batch{}
	for i := range 1500 {
		at := from.Add(time.Duration(i) * time.Second)
		stubborn.Trades = append(stubborn.Trades, market.Trade{Venue: d.Spec.ID, Pair: in.Pair, Symbol: in.Symbol, ID: strconv.Itoa(100000 + i), At: at, Price: price, Qty: qty})
		stubborn.Candles = append(stubborn.Candles, market.Candle{Venue: d.Spec.ID, Pair: in.Pair, Open: from.Add(time.Duration(i) * time.Minute)})
	}
	backwards := stubborn.Clone()
	slices.Reverse(backwards.Trades)
	slices.Reverse(backwards.Candles)
	asks := []venue.Ask{
		{What: venue.AskInstruments}, {What: venue.AskBook}, {What: venue.AskClock}, {What: venue.AskTrades}, {What: venue.AskTrades, From: from},
		{What: venue.AskTrades, From: from, To: to}, {What: venue.AskTrades, AfterID: "100100"}, {What: venue.AskTrades, Limit: 10, From: from, To: to},
	}
	for _, i := range d.REST.Intervals {
		asks = append(asks, venue.Ask{What: venue.AskCandles, Interval: i}, venue.Ask{What: venue.AskCandles, Interval: i, From: from, To: to}, venue.Ask{What: venue.AskCandles, Interval: i, From: from})
	}
	for _, a := range asks {
		a.Instrument = in
		for name, got := range map[string]*market.Batch{"nothing": silent, "the same": stubborn, "the same, newest first": backwards} {
			if a.What == venue.AskCandles && !a.From.IsZero() && a.To.IsZero() && got != silent {
				continue // an endless exchange has endless pages
			}
			follow(t, d, a, got, name)
		}
	}
}

var price, qty = money.MustPrice("100.5"), money.MustQty("0.25")

func follow(t *testing.T, d *venue.Driver, a venue.Ask, got *market.Batch, name string) {
	t.Helper()
	for n := 0; ; n++ {
		if n == 100_000 {
			t.Errorf("paging of ask %d (interval %q, from %v to %v) through an exchange that answers %s does not end", a.What, a.Interval, a.From, a.To, name)
			return
		}
		b, more := d.REST.Next(a, got)
		if !more {
			return
		}
		if b == a {
			t.Errorf("after an answer of %s, ask %d (after %q, cursor %q) is asked again as it was", name, a.What, a.AfterID, a.Cursor)
			return
		}
		a = b
	}
}
