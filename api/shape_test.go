package api

import (
	"encoding/csv"
	"encoding/json"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
	"testing/quick"
	"time"
	"unicode/utf8"

	"github.com/assayhq/assay/market"
	"github.com/assayhq/assay/money"
)

// Hot rows are written by hand; their shape says the same in every format.
func TestHotRowsSayWhatTheirShapeSays(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	dec := func() money.Decimal { return money.MustNew(r.Int64N(1<<50)>>r.IntN(51), r.IntN(12)) }
	at := func() time.Time {
		if r.IntN(4) == 0 {
			return time.Time{}
		}
		return time.UnixMilli(r.Int64N(2e12)).UTC()
	}
	var candles []market.Candle
	var trades []market.Trade
	var books []market.BookView
	for range 300 {
		c := market.Candle{Open: time.UnixMilli(r.Int64N(2e12)), O: money.Price{Decimal: dec()}, H: money.Price{Decimal: dec()}, L: money.Price{Decimal: dec()}, C: money.Price{Decimal: dec().Neg()},
			Volume: money.Qty{Decimal: dec()}, Turnover: dec(), Trades: r.Int64N(5) - 1, Complete: r.IntN(2) == 0, Revision: r.IntN(3), Marks: market.Mark(r.IntN(1<<12)) * market.Mark(r.IntN(2))}
		if r.IntN(3) == 0 {
			c.Turnover = money.Decimal{}
		}
		candles = append(candles, c)
		trades = append(trades, market.Trade{Venue: []market.VenueID{"kraken", `odd"venue`}[r.IntN(2)], ID: []string{"", "1", `a,"b"`, "=1+1", "ü\n"}[r.IntN(5)], Price: money.Price{Decimal: dec()}, Qty: money.Qty{Decimal: dec()},
			Side: market.Side(r.IntN(3)), Aggregate: r.IntN(2) == 0, At: time.UnixMilli(r.Int64N(2e12)), Received: at(), Marks: market.Mark(r.IntN(1<<12)) * market.Mark(r.IntN(2))})
		b := market.BookView{Venue: "kraken", Pair: "BTC-USD", Seq: r.Uint64(), At: at(), Received: at(), Valid: r.IntN(2) == 0, Integrity: "none", Reason: []string{"", "a \"gap\""}[r.IntN(2)], Marks: market.Mark(r.IntN(4))}
		for range r.IntN(3) {
			b.Bids = append(b.Bids, market.Level{Price: money.Price{Decimal: dec()}, Qty: money.Qty{Decimal: dec()}})
			b.Asks = append(b.Asks, market.Level{Price: money.Price{Decimal: dec()}, Qty: money.Qty{Decimal: dec()}})
		}
		books = append(books, b)
	}
	same := func(what string, hot, cold []byte) {
		t.Helper()
		if string(hot) != string(cold) {
			t.Fatalf("%s\nby hand  %s\nby shape %s", what, hot, cold)
		}
	}
	cf, tf, bs := newCandleForm(), newTradeForm(), shapeOf[Answer[Book]]()
	for _, number := range []bool{false, true} {
		for _, f := range []format{inJSON, inLines, inCSV} {
			hc := &rows[market.Candle, Candle]{list: candles, rowForm: cf}
			cc := &cold[[]Candle]{&Answer[[]Candle]{}, cf.shape}
			for i := range candles {
				cc.a.Data = append(cc.a.Data, candleOf(&candles[i]))
			}
			same("candles", hc.append(nil, f, number), cc.append(nil, f, number))
			ht := &rows[market.Trade, Trade]{list: trades, rowForm: tf}
			ct := &cold[[]Trade]{&Answer[[]Trade]{}, tf.shape}
			for i := range trades {
				ct.a.Data = append(ct.a.Data, tradeOf(&trades[i]))
			}
			same("trades", ht.append(nil, f, number), ct.append(nil, f, number))
			for i := range books {
				if f != inCSV { // a table of levels, on purpose
					cb := &cold[Book]{&Answer[Book]{Data: bookOf(&books[i])}, bs}
					same("book", (&bookAnswer{v: books[i], shape: bs}).append(nil, f, number), cb.append(nil, f, number))
				}
			}
		}
	}
}

// The shape's JSON is what encoding/json would read back as the same value.
func TestTheShapesJSONReadsBack(t *testing.T) {
	s := shapeOf[AssetDetail]()
	c := catalogue(t)
	f := newFixture(t, nil)
	for a := range c.All() {
		ans, err := f.asset(t.Context(), &assetIn{ID: string(a.Code)})
		if err != nil {
			t.Fatal(err)
		}
		b := s.json(nil, reflect.ValueOf(&ans.Data).Elem(), false)
		var back AssetDetail
		if err := json.Unmarshal(b, &back); err != nil {
			t.Fatalf("%v: %s", err, b)
		}
		if again := s.json(nil, reflect.ValueOf(&back).Elem(), false); string(again) != string(b) {
			t.Errorf("%s\nagain\n%s", b, again)
		}
	}
}

func TestAnyTextIsOneStringInEveryFormat(t *testing.T) {
	check := func(s string) bool {
		var back string
		if err := json.Unmarshal(appendJSON(nil, s), &back); err != nil || back != strings.ToValidUTF8(s, "\ufffd") && utf8.ValidString(s) {
			return false
		}
		row, err := csv.NewReader(strings.NewReader(string(appendCSV([]byte("x,"), s)) + "\n")).Read()
		if err != nil || len(row) != 2 {
			return false
		}
		want := strings.ReplaceAll(s, "\r\n", "\n")
		return row[1] == want || row[1] == "'"+want
	}
	for _, s := range []string{"", "a", `"`, `\`, "\x00\x1f", "\u2028", "\xff", "é😀", "a,b", "a\r\nb", "=cmd()", "-1", " x "} {
		if !check(s) {
			t.Errorf("%q: %s %s", s, appendJSON(nil, s), appendCSV(nil, s))
		}
	}
	if err := quick.Check(check, nil); err != nil {
		t.Error(err)
	}
}

func TestDecimalsAreWrittenAsMoneyWritesThem(t *testing.T) {
	check := func(coef int64, scale uint8) bool {
		d := money.MustNew(coef>>(scale%63), int(scale%20))
		return string(appendDecimal(nil, d)) == d.String()
	}
	if err := quick.Check(check, &quick.Config{MaxCount: 200_000}); err != nil {
		t.Error(err)
	}
	for _, s := range []string{"0", "0.00", "-0.5", "9.99", "10", "99", "100", "0.1000000000000000000", "9999999999999999999", "-9999999999.999999999"} {
		if got := string(appendDecimal(nil, money.MustParse(s))); got != money.MustParse(s).String() {
			t.Errorf("%s: %s", s, got)
		}
	}
}
