package stream

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"math"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/assayhq/assay/access/gate"
	"github.com/assayhq/assay/insight/indicator"
	"github.com/assayhq/assay/insight/study"
	"github.com/assayhq/assay/market"
	"github.com/assayhq/assay/money"
)

// barn is a store of bars that counts how often it is read.
type barn struct {
	mu    sync.Mutex
	rows  []market.Candle
	reads int
}

func (s *barn) Candles(_ context.Context, of market.Series, i market.Interval, r market.Range) iter.Seq2[market.Candle, error] {
	return func(yield func(market.Candle, error) bool) {
		s.mu.Lock()
		s.reads++
		var out []market.Candle
		for _, k := range s.rows {
			if k.Venue == of.Venue && k.Pair == of.Pair && k.Interval == i && !k.Open.Before(r.From) && (r.To.IsZero() || k.Open.Before(r.To)) {
				out = append(out, k)
			}
		}
		s.mu.Unlock()
		if r.Reverse {
			slices.Reverse(out)
		}
		for n, k := range out {
			if r.Limit > 0 && n >= r.Limit || !yield(k, nil) {
				return
			}
		}
	}
}

func (s *barn) put(k market.Candle) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.rows = put(s.rows, k)
}

func bar(i market.Interval, at time.Time, price int64, complete bool) market.Candle {
	p := money.Price{Decimal: money.MustNew(price, 2)}
	return market.Candle{Venue: "kraken", Pair: "BTC-USD", Interval: i, Open: at, O: p, H: p, L: p, C: p, Volume: money.MustQty("1"), Complete: complete, Known: at}
}

// stocked is a barn of n closed bars before now, and the start of the bar that forms.
func stocked(i market.Interval, n int) (*barn, time.Time) {
	s := &barn{}
	start := i.Start(time.Now())
	for j := range n {
		s.put(bar(i, start.Add(-time.Duration(n-j)*i.Length()), int64(10_000+100*(j%7)), true))
	}
	return s, start
}

// said is one item of an indicators topic.
type said struct {
	TS                              int64
	Values                          map[string]*float64
	Closed, Complete, Warm, Settled bool
	Revision                        int
}

func (e *envelope) said(t testing.TB) (out []said) {
	t.Helper()
	for _, d := range e.Data {
		var x said
		if err := json.Unmarshal(d, &x); err != nil {
			t.Fatal(err)
		}
		out = append(out, x)
	}
	return out
}

// last is what a function says of the last bar of the barn.
func (s *barn) last(t testing.TB, label string, i market.Interval) float64 {
	t.Helper()
	one, err := study.Parse(indicator.Catalogue(), label, study.Close, 1)
	if err != nil {
		t.Fatal(err)
	}
	var rows []market.Candle
	for _, k := range s.rows {
		if k.Interval == i {
			rows = append(rows, k)
		}
	}
	b := study.NewBars(rows)
	out, err := one[0].Batch(&b)
	if err != nil {
		t.Fatal(err)
	}
	return out[0][len(rows)-1]
}

// near6: a settled value differs from the one of a longer history by less than a millionth.
func near6(a, b float64) bool { return math.Abs(a-b) <= 1e-6*max(1, math.Abs(b)) }

func TestAnIndicatorBeginsSettledAndFollowsEachBar(t *testing.T) {
	for _, i := range []market.Interval{"1m", "5m"} { // one that the bus carries, and one that is rolled up
		inside(t, Options{}, func(t *testing.T, h *house) {
			store, start := stocked(i, 400)
			h.hub.opt.Candles = store
			c := h.dial("good")
			defer c.bye()
			c.say(fmt.Sprintf(`{"op":"subscribe","id":1,"topics":[{"ch":"indicators","pair":"BTC-USD","venue":"kraken","interval":"%s","functions":"SMA(3),RSI"}]}`, i))
			e := c.hear()
			if e.Op != "subscribed" || len(e.Topics) != 2 || !strings.Contains(e.text, `"function":"SMA(3)"`) || !strings.Contains(e.text, `"function":"RSI(14)"`) {
				t.Fatalf("answer: %s", e.text)
			}
			for range 2 {
				e = c.hear()
				x := e.said(t)
				if e.Type != "snapshot" || len(x) != 2 || !x[1].Settled || !x[1].Warm || !x[1].Closed || x[1].TS != start.Add(-i.Length()).UnixMilli() {
					t.Fatalf("snapshot: %s", e.text)
				}
			}
			hear := func(label string) said { // both functions speak; the order is theirs
				t.Helper()
				var out said
				for range 2 {
					e := c.hear()
					x := e.said(t)
					if e.Type != "update" || len(x) == 0 {
						t.Fatalf("update: %s", e.text)
					}
					if strings.Contains(e.text, `"function":"`+label+`"`) {
						out = x[len(x)-1]
					}
				}
				return out
			}
			step := func(k market.Candle) {
				store.put(k)
				k.Interval = base(i) // what the bus carries
				h.stage.candle(k)
			}
			step(bar(i, start, 12_345, false))
			if x := hear("SMA(3)"); x.Closed || x.Complete || math.Float64bits(*x.Values["outReal"]) != math.Float64bits(store.last(t, "SMA(3)", i)) {
				t.Errorf("%s forming: %v, want %v", i, *x.Values["outReal"], store.last(t, "SMA(3)", i))
			}
			before := time.Now()
			step(bar(i, start, 13_000, false))
			if x := hear("RSI(14)"); x.Closed || !near6(*x.Values["outReal"], store.last(t, "RSI(14)", i)) {
				t.Errorf("forming: %+v", x)
			}
			if d := time.Since(before); d < 900*time.Millisecond {
				t.Errorf("a forming bar was told again after %s", d)
			}
			step(bar(i, start, 11_000, true))
			if x := hear("SMA(3)"); !x.Closed || !x.Complete || *x.Values["outReal"] != store.last(t, "SMA(3)", i) {
				t.Errorf("closed: %+v", x)
			}
			step(bar(i, start.Add(i.Length()), 11_500, false))
			if x := hear("RSI(14)"); x.Closed || !near6(*x.Values["outReal"], store.last(t, "RSI(14)", i)) {
				t.Errorf("%s next: %v, want %v", i, *x.Values["outReal"], store.last(t, "RSI(14)", i))
			}
		})
	}
}

func TestWhoeverAsksForTheSameIndicatorSharesIt(t *testing.T) {
	inside(t, Options{Limits: Limits{Studies: 2}}, func(t *testing.T, h *house) {
		store, _ := stocked("1m", 50)
		h.hub.opt.Candles = store
		const ask = `{"op":"subscribe","topics":[{"ch":"indicators","pair":"BTC-USD","venue":"kraken","interval":"1m","functions":"%s"}]}`
		a, b := h.dial("good-a"), h.dial("good-b")
		defer b.bye()
		a.say(fmt.Sprintf(ask, "SMA(3)"))
		a.hear()
		a.hear()
		b.say(fmt.Sprintf(ask, "sma(time_period=3)"))
		if e := b.hear(); e.Op != "subscribed" {
			t.Fatal(e.text)
		}
		b.hear()
		if st := h.hub.Stats(); st.Rooms != 1 || st.Subscriptions != 2 || store.reads != 1 {
			t.Errorf("%+v, read %d times", st, store.reads)
		}
		a.say(fmt.Sprintf(ask, "RSI"))
		a.hear()
		a.hear()
		b.say(fmt.Sprintf(ask, "EMA"))
		if e := b.hear(); e.Op != "error" || e.Error["code"] != "exhausted" {
			t.Errorf("a third was begun: %s", e.text)
		}
		a.bye() // RSI has nobody any more: it makes room for EMA
		time.Sleep(2 * time.Second)
		b.say(fmt.Sprintf(ask, "EMA"))
		if e := b.hear(); e.Op != "subscribed" {
			t.Errorf("no room was made: %s", e.text)
		}
		b.hear()
		b.say(`{"op":"unsubscribe","topics":[{"ch":"indicators","pair":"BTC-USD","venue":"kraken","interval":"1m","functions":"EMA,SMA(3)"}]}`)
		if e := b.hear(); e.Op != "unsubscribed" {
			t.Error(e.text)
		}
		time.Sleep(2 * time.Minute)
		if st := h.hub.Stats(); st.Rooms != 0 {
			t.Errorf("%d rooms are kept for nobody", st.Rooms)
		}
	})
}

func TestABarOfThePastThatIsRevisedIsComputedAgain(t *testing.T) {
	inside(t, Options{}, func(t *testing.T, h *house) {
		store, start := stocked("1m", 60)
		h.hub.opt.Candles = store
		c := h.dial("good")
		defer c.bye()
		c.say(`{"op":"subscribe","topics":[{"ch":"indicators","pair":"BTC-USD","venue":"kraken","interval":"1m","functions":"SMA(5)"}]}`)
		c.hear()
		c.hear()
		time.Sleep(11 * time.Second)
		k := bar("1m", start.Add(-3*time.Minute), 99_000, true)
		k.Revision = 1
		store.put(k)
		h.stage.candle(k)
		time.Sleep(2 * time.Second)
		k = bar("1m", start, 10_100, false)
		store.put(k)
		h.stage.candle(k)
		e := c.hear()
		x := e.said(t)
		if got := *x[len(x)-1].Values["outReal"]; got != store.last(t, "SMA(5)", "1m") {
			t.Errorf("%s, want %v", e.text, store.last(t, "SMA(5)", "1m"))
		}
	})
}

func TestTopicsOfIndicatorsThatAreWrongAreTold(t *testing.T) {
	inside(t, Options{}, func(t *testing.T, h *house) {
		c := h.dial("good")
		defer c.bye()
		topic := func(rest string) string {
			return `{"op":"subscribe","topics":[{"ch":"indicators","pair":"BTC-USD","venue":"kraken"` + rest + `}]}`
		}
		c.say(topic(`,"interval":"1m","functions":"RSI"`))
		if e := c.hear(); e.Error["code"] != "unavailable" {
			t.Errorf("without a store: %s", e.text)
		}
		h.hub.opt.Candles, _ = stocked("1m", 3)
		for rest, want := range map[string]string{
			`,"interval":"1m"`:                                     "`functions` is missing",
			`,"functions":"RSI"`:                                   "`interval` is missing",
			`,"interval":"1m","functions":"RSU"`:                   "no indicator",
			`,"interval":"1m","functions":"RSI("`:                  "parenthesis",
			`,"interval":"1m","functions":"RSI,MACD","from_seq":5`: "numbers of its own",
			`,"interval":"1m","functions":"RSI","depth":5`:         "no field",
		} {
			c.say(topic(rest))
			if e := c.hear(); e.Op != "error" || !strings.Contains(fmt.Sprint(e.Error["detail"]), want) {
				t.Errorf("%s: %s, want %s", rest, e.text, want)
			}
		}
		c.say(topic(`,"interval":"1m","functions":"RSI"`))
		if e := c.hear(); e.Op != "subscribed" {
			t.Fatal(e.text)
		}
		if x := func() []said { e := c.hear(); return e.said(t) }(); len(x) != 2 || x[1].Warm || x[1].Values["outReal"] != nil {
			t.Errorf("with three bars: %+v", x)
		}
		res, lines, end := h.sse("topics=indicators:BTC-USD@kraken/1m/MACD(5,20),indicators:BTC-USD@kraken/1m/SMA(2)", "")
		defer end()
		if res.StatusCode != 200 {
			t.Fatal(res.Status)
		}
		for found := 0; found < 2; {
			line, err := lines.ReadString('\n')
			if err != nil {
				t.Fatal(err)
			}
			if strings.Contains(line, `"type":"snapshot"`) && (strings.Contains(line, `"MACD(5,20,9)"`) || strings.Contains(line, `"SMA(2)"`)) {
				found++
			}
		}
	})
}

// Each function is a subscription of the app's plan; what does not fit is refused whole.
func TestEachFunctionIsASubscriptionOfThePlan(t *testing.T) {
	guarded(t, Limits{}, func(t *testing.T, h *house, g *gate.Gate, key gate.Made) {
		h.hub.opt.Candles, _ = stocked("1m", 5)
		c := h.dial(key.Token)
		defer c.bye()
		topic := func(functions string) string {
			return `{"ch":"indicators","pair":"BTC-USD","venue":"kraken","interval":"1m","functions":"` + functions + `"}`
		}
		if e := c.wants(1, topic("SMA(2),SMA(3),SMA(4),SMA(5)")); e.Op != "error" || e.Error["code"] != "exhausted" {
			t.Fatalf("four of three: %s", e.text)
		}
		if e := c.wants(2, topic("SMA(2),SMA(3),SMA(4)")); e.Op != "subscribed" || len(e.Topics) != 3 {
			t.Fatalf("three of three: %s", e.text)
		}
		if e := c.wants(3, topic("SMA(2)")); e.Op != "subscribed" {
			t.Errorf("the same again is one more: %s", e.text)
		}
		if e := c.wants(4, topic("SMA(5)")); e.Op != "error" {
			t.Errorf("a fourth: %s", e.text)
		}
		c.say(`{"op":"unsubscribe","id":5,"topics":[` + topic("SMA(2)") + `]}`)
		for c.hear().ID != 5.0 {
		}
		if e := c.wants(6, topic("SMA(5)")); e.Op != "subscribed" {
			t.Errorf("after one was given back: %s", e.text)
		}
	})
}
