package clean

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/assayhq/assay/market"
	"github.com/assayhq/assay/money"
)

var t0 = time.Date(2026, 8, 9, 21, 0, 0, 0, time.UTC)

func trade(id, price string, sec int) market.Trade {
	at := t0.Add(time.Duration(sec) * time.Second)
	return market.Trade{Venue: "kraken", Pair: "BTC-USD", ID: id, Price: money.MustPrice(price), Qty: money.MustQty("1"), At: at, Received: at.Add(50 * time.Millisecond)}
}

func marks(m *Machine, t market.Trade) []string {
	b := market.Batch{Trades: []market.Trade{t}}
	m.Apply(&b)
	if len(b.Trades) != 1 || b.Trades[0].Price != t.Price {
		panic("clean may only mark")
	}
	return b.Trades[0].Marks.Names()
}

func TestTradesAreMarkedNeverDropped(t *testing.T) {
	m := New(Rules{})
	for i := range 40 {
		if got := marks(m, trade(fmt.Sprint(i), fmt.Sprintf("%d.5", 65000+i%5), i)); len(got) != 0 {
			t.Fatalf("an ordinary trade is marked %v", got)
		}
	}
	for _, c := range []struct { // in this order: each is seen after those above it
		name  string
		trade market.Trade
		want  string
	}{
		{"the same id again", trade("39", "65001.5", 41), "duplicate"},
		{"older than the last", trade("50", "65001.5", 12), "out_of_order"},
		{"ten times the price", trade("51", "650015", 42), "outlier"},
		{"a tenth", trade("52", "6500", 43), "outlier"},
		{"ordinary after that", trade("53", "65003", 44), ""},
	} {
		got := marks(m, c.trade)
		if c.want == "" && len(got) > 0 || c.want != "" && !slices.Equal(got, []string{c.want}) {
			t.Errorf("%s: %v", c.name, got)
		}
	}
	future := trade("60", "65003", 50)
	future.At = future.Received.Add(time.Minute)
	if got := marks(m, future); !slices.Contains(got, "ahead") {
		t.Error("from the future:", got)
	}
	s, ok := m.Stats(market.Series{Venue: "kraken", Pair: "BTC-USD"})
	if !ok || s.Events[0] != 46 || s.Marks[0][1] != 1 {
		t.Errorf("%+v", s)
	}
}

func TestARealMoveIsNotAnOutlierForLong(t *testing.T) {
	m := New(Rules{})
	for i := range 40 {
		marks(m, trade(fmt.Sprint(i), "100", i))
	}
	marked := 0
	for i := range 60 { // the market falls by a fifth and stays there
		if len(marks(m, trade(fmt.Sprint("x", i), "80", 40+i))) > 0 {
			marked++
		}
	}
	if marked == 0 || marked > 25 {
		t.Errorf("%d trades marked: the first are suspicious, a new level is not", marked)
	}
}

func TestCrossedQuotes(t *testing.T) {
	m := New(Rules{})
	b := market.Batch{Quotes: []market.Quote{{Venue: "x", Pair: "A-B", Bid: money.MustPrice("2"), Ask: money.MustPrice("1.99")}, {Venue: "x", Pair: "A-B", Bid: money.MustPrice("1"), Ask: money.MustPrice("1.01")}}}
	m.Apply(&b)
	if b.Quotes[0].Marks != market.Crossed || b.Quotes[1].Marks != 0 {
		t.Error(b.Quotes[0].Marks.Names(), b.Quotes[1].Marks.Names())
	}
}

func TestMemoryOfIdsIsBounded(t *testing.T) {
	m := New(Rules{IDs: 100})
	for i := range 1000 {
		marks(m, trade(fmt.Sprint(i), "100", i))
	}
	s := m.get("kraken", "BTC-USD")
	if len(s.ids.seen) > 100 || len(s.ids.ring) > 100 {
		t.Error(len(s.ids.seen), len(s.ids.ring))
	}
	if got := marks(m, trade("999", "100", 1001)); len(got) == 0 {
		t.Error("a recent id must be known")
	}
}

func TestContractsAreMarkedNeverDropped(t *testing.T) {
	m := New(Rules{})
	said := func(mark, funding string, sec int) market.Derivative {
		at := t0.Add(time.Duration(sec) * time.Second)
		return market.Derivative{Venue: "okx", Pair: "BTC-USDT-PERP", Has: market.StatedMark | market.StatedFunding, Mark: money.MustPrice(mark), Funding: money.MustParse(funding), At: at, Received: at.Add(time.Millisecond)}
	}
	closed := func(id, price string, sec int) market.Liquidation {
		at := t0.Add(time.Duration(sec) * time.Second)
		return market.Liquidation{Venue: "okx", Pair: "BTC-USDT-PERP", ID: id, Side: market.Sell, Price: money.MustPrice(price), Qty: money.MustQty("1"), At: at, Received: at}
	}
	for i := range 20 {
		tr := trade(fmt.Sprint(i), "65000", i)
		tr.Venue, tr.Pair = "okx", "BTC-USDT-PERP"
		b := market.Batch{Trades: []market.Trade{tr}, Derivatives: []market.Derivative{said("65000", "0.0001", i)}}
		m.Apply(&b)
		if b.Derivatives[0].Marks != 0 {
			t.Fatalf("an ordinary statement is marked %v", b.Derivatives[0].Marks.Names())
		}
	}
	settled := said("0", "0.0001", 1)
	settled.Settled = true
	b := market.Batch{
		Derivatives:  []market.Derivative{said("65001", "0.0001", 12), said("99000", "0.0001", 30), said("65001", "1.25", 31), settled, said("65002", "-0.01", 32)},
		Liquidations: []market.Liquidation{closed("", "60000", 30), closed("", "60000", 30), closed("7", "60000", 30), closed("7", "60000", 30), closed("8", "100", 31)},
	}
	m.Apply(&b)
	var got []string
	for _, d := range b.Derivatives {
		got = append(got, fmt.Sprint(d.Marks.Names()))
	}
	for _, l := range b.Liquidations {
		got = append(got, fmt.Sprint(l.Marks.Names()))
	}
	want := []string{"[out_of_order]", "[outlier]", "[outlier]", "[]", "[]", "[]", "[duplicate]", "[]", "[duplicate]", "[outlier]"}
	if !slices.Equal(got, want) {
		t.Errorf("%v\nwant %v", got, want)
	}
	s, _ := m.Stats(market.Series{Venue: "okx", Pair: "BTC-USDT-PERP"})
	if s.Events[3] != 25 || s.Events[4] != 5 || s.Marks[4][1] != 2 {
		t.Errorf("%+v", s)
	}
}

func BenchmarkTrade(b *testing.B) {
	m := New(Rules{})
	batch := market.Batch{Trades: []market.Trade{trade("1", "65000", 1)}}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		batch.Trades[0].ID = ids[i%len(ids)]
		batch.Trades[0].Marks = 0
		m.Apply(&batch)
	}
}

var ids = func() []string {
	var out []string
	for i := range 100000 {
		out = append(out, fmt.Sprint(i))
	}
	return out
}()

// Where past trades have no ids, one that was seen live is known again by what it says;
// live trades are not judged by that, because two takers may agree in all of it.
func TestATradeWithoutAnIDIsKnownByWhatItSays(t *testing.T) {
	m := New(Rules{Nameless: true})
	past := func(price string, sec int) market.Trade {
		x := trade("", price, sec)
		x.Marks = market.Backfilled
		return x
	}
	for i, c := range []struct {
		trade market.Trade
		again bool
	}{
		{trade("a", "65000.5", 1), false}, {trade("b", "65000.5", 1), false}, {past("65000.50", 1), true}, {past("65000.5", 2), false},
		{past("65000.6", 1), false}, {past("65000.6", 1), true}, {trade("c", "65000.5", 3), false}, {trade("c", "65000.5", 3), true},
	} {
		if got := slices.Contains(marks(m, c.trade), "duplicate"); got != c.again {
			t.Errorf("trade %d: duplicate %v, want %v", i, got, c.again)
		}
	}
	if m := New(Rules{}); slices.Contains(append(marks(m, past("1", 1)), marks(m, past("1", 1))...), "duplicate") {
		t.Error("elsewhere trades are known by their ids alone")
	}
}
