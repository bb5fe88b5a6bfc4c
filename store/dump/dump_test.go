package dump_test

import (
	"archive/zip"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"iter"
	"strings"
	"testing"
	"time"

	"github.com/assayhq/assay/fault"
	"github.com/assayhq/assay/market"
	"github.com/assayhq/assay/store/dump"
)

var into = dump.Options{Venue: "binance", Pair: "ADA-USDT", Known: time.Date(2024, 6, 1, 0, 0, 0, 0, time.UTC)}

func file(t *testing.T, name, text string) *dump.File {
	t.Helper()
	f, err := dump.New(name, strings.NewReader(text), int64(len(text)))
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// drain gives the values in words and the errors of the rows.
func drain(t *testing.T, f *dump.File, into dump.Options) (rows, bad []string) {
	t.Helper()
	for b, err := range f.Read(into) {
		var row *dump.RowError
		switch {
		case errors.As(err, &row):
			bad = append(bad, row.Error())
			continue
		case err != nil:
			t.Fatal(err)
		}
		for _, v := range b.Trades {
			rows = append(rows, sayTrade(v))
		}
		for _, v := range b.Quotes {
			rows = append(rows, sayQuote(v))
		}
		for _, v := range b.Candles {
			rows = append(rows, sayCandle(v))
		}
	}
	return rows, bad
}

func sayTrade(v market.Trade) string {
	return fmt.Sprintf("%s %s %s #%s %s x %s %s agg=%v %s %s %v", v.Venue, v.Pair, v.Symbol, v.ID, v.Price, v.Qty, v.Side, v.Aggregate, v.At.Format(time.RFC3339Nano), v.Received.Format(time.RFC3339Nano), v.Marks.Names())
}

func sayCandle(v market.Candle) string {
	return fmt.Sprintf("%s %s %s %s %s %s %s %s v%s t%s n%d %v r%d %s %v", v.Venue, v.Pair, v.Interval, v.Open.Format(time.RFC3339Nano), v.O, v.H, v.L, v.C, v.Volume, v.Turnover, v.Trades, v.Complete, v.Revision, v.Known.Format(time.DateOnly), v.Marks.Names())
}

func sayQuote(v market.Quote) string {
	return fmt.Sprintf("%s %s %s %s x %s / %s x %s %s %s", v.Venue, v.Pair, v.Symbol, v.Bid, v.BidQty, v.Ask, v.AskQty, v.At.Format(time.RFC3339Nano), v.Received.Format(time.RFC3339Nano))
}

func TestEveryFormatIsKnownAndReadExactly(t *testing.T) {
	const never = "0001-01-01T00:00:00Z"
	for _, c := range []struct {
		name, text string
		format     dump.Format
		want       string
	}{
		{"ADAUSDT-1m-2024-05-06.csv", "1714953600000,0.4500,0.4510,0.4490,0.4505,1000.0,1714953659999,450.25,17,1,1,0\n", dump.BinanceKlines,
			"binance ADA-USDT 1m 2024-05-06T00:00:00Z 0.4500 0.4510 0.4490 0.4505 v1000.0 t450.25 n17 true r0 2024-06-01 [imported]"},
		{"ADAUSDT-1h-2025-05-06.csv", "open_time,open,high,low,close,volume,close_time,quote_volume,count,taker_buy_volume,taker_buy_quote_volume,ignore\n1746489600000000,0.45,0.46,0.44,0.45,1,1746493199999999,0.45,1,1,1,0\n", dump.BinanceKlines,
			"binance ADA-USDT 1h 2025-05-06T00:00:00Z 0.45 0.46 0.44 0.45 v1 t0.45 n1 true r0 2024-06-01 [imported]"},
		{"klines.csv", "1706745600000,0.45,0.46,0.44,0.45,1,1709251199999,0.45,1,1,1,0\n", dump.BinanceKlines,
			"binance ADA-USDT 1M 2024-02-01T00:00:00Z 0.45 0.46 0.44 0.45 v1 t0.45 n1 true r0 2024-06-01 [imported]"},
		{"ADAUSDT-aggTrades-2024-05-06.csv", "77,0.45000000,12.10000000,101,103,1714953600123,True,True\n", dump.BinanceAggTrades,
			"binance ADA-USDT ADAUSDT #77 0.45000000 x 12.10000000 sell agg=true 2024-05-06T00:00:00.123Z " + never + " [imported]"},
		{"ADAUSDT-aggTrades-2025-05.csv", "agg_trade_id,price,quantity,first_trade_id,last_trade_id,transact_time,is_buyer_maker\n77,0.45,12,101,103,1746489600123456,false\n", dump.BinanceAggTrades,
			"binance ADA-USDT ADAUSDT #77 0.45 x 12 buy agg=true 2025-05-06T00:00:00.123456Z " + never + " [imported]"},
		{"ADAUSDT-trades-2024-05-06.csv", "9,0.45,12,5.4,1714953600123,False,True\n", dump.BinanceTrades,
			"binance ADA-USDT ADAUSDT #9 0.45 x 12 buy agg=false 2024-05-06T00:00:00.123Z " + never + " [imported]"},
		{"t.csv", "timestamp,symbol,side,size,price,tickDirection,trdMatchID,grossValue,homeNotional,foreignNotional\n1714953600.4922,ADAUSDT,Sell,0.86,0.4500,MinusTick,aaaa-1,4e+08,0.86,0.387\n", dump.BybitTicks,
			"binance ADA-USDT ADAUSDT #aaaa-1 0.4500 x 0.86 sell agg=false 2024-05-06T00:00:00.4922Z " + never + " [imported]"},
		{"ADAUSDT_2024-05-06.csv", "id,timestamp,price,volume,side\n1,1714953600001,0.45,7,buy\n", dump.BybitSpot,
			"binance ADA-USDT ADAUSDT #1 0.45 x 7 buy agg=false 2024-05-06T00:00:00.001Z " + never + " [imported]"},
		{"ADA-USDT-trades.csv", "trade_id/\xbd\xbb\xd2\xd7id,side/\xbd\xbb,size/\xca\xfd,price/\xbc\xdb,created_time/\xb3\xc9\n450372093,buy,0.00418025,35910.6,1714953600042\n", dump.OKXTrades,
			"binance ADA-USDT  #450372093 35910.6 x 0.00418025 buy agg=false 2024-05-06T00:00:00.042Z " + never + " [imported]"},
		{"x.csv", "1,sell,25.30000000,7.50300000,1714953600042\n", dump.OKXTrades,
			"binance ADA-USDT  #1 7.50300000 x 25.30000000 sell agg=false 2024-05-06T00:00:00.042Z " + never + " [imported]"},
		{"x.csv", "exchange,symbol,timestamp,local_timestamp,id,side,price,amount\nbitmex,XBTUSD,1714953600042000,1714953600099123,u-1,buy,8531.5,2152\n", dump.TardisTrades,
			"binance ADA-USDT XBTUSD #u-1 8531.5 x 2152 buy agg=false 2024-05-06T00:00:00.042Z 2024-05-06T00:00:00.099123Z [imported]"},
		{"x.csv", "exchange,symbol,timestamp,local_timestamp,ask_amount,ask_price,bid_price,bid_amount\nhuobi,BTC-USD,1714953600042000,1714953600099123,,,8629.2,806\n", dump.TardisQuotes,
			"binance ADA-USDT BTC-USD 8629.2 x 806 / 0 x 0 2024-05-06T00:00:00.042Z 2024-05-06T00:00:00.099123Z"},
		{"x.csv", ",timestamp,id,type,side,price,amount,cost,date\n0,1714953600042,5,,buy,1666.8,26.062,43440.1416,2024-05-06 00:00:00.042000+00:00\n", dump.FreqtradeCSV,
			"binance ADA-USDT  #5 1666.8 x 26.062 buy agg=false 2024-05-06T00:00:00.042Z " + never + " [imported]"},
		{"ADA_USDT-trades.json", `[[1714953600042,"5",null,"sell",0.00141342,23.0,0.0325]]`, dump.FreqtradeJSON,
			"binance ADA-USDT  #5 0.00141342 x 23.0 sell agg=false 2024-05-06T00:00:00.042Z " + never + " [imported]"},
		{"x.csv", "1714953600,15993.5,0.026472,ANY\n", dump.GCTTrades,
			"binance ADA-USDT  # 15993.5 x 0.026472  agg=false 2024-05-06T00:00:00Z " + never + " [imported]"},
		{"x_24h.csv", "1714953600,23741.687033,3701.23,3797.14,3642,3797.14\n", dump.GCTCandles,
			"binance ADA-USDT 1d 2024-05-06T00:00:00Z 3701.23 3797.14 3642 3797.14 v23741.687033 t0 n-1 true r0 2024-06-01 [imported]"},
		{"x.csv", "\xef\xbb\xbfts_ms,open,high,low,close,volume\r\n1714953600000,1,2,0.5,1.50,9\r\n", dump.AssayCandles,
			"binance ADA-USDT 1d 2024-05-06T00:00:00Z 1 2 0.5 1.50 v9 t0 n-1 true r0 2024-06-01 [imported]"},
	} {
		t.Run(string(c.format), func(t *testing.T) {
			about := about
			if c.format == dump.GCTCandles || c.format == dump.AssayCandles {
				about.Interval = "1d"
			}
			for _, packed := range []string{"", ".gz", ".zip"} {
				data := pack(t, c.name, c.text, packed)
				r, err := dump.New(c.name+packed, bytes.NewReader(data), int64(len(data)), about)
				if err != nil {
					t.Fatal(err)
				}
				if r.Format != c.format {
					t.Fatalf("taken for %s", r.Format)
				}
				var rows, bad []string
				switch r.Channel() {
				case market.Trades:
					rows, bad = drain(t, r.Trades(), sayTrade)
				case market.Quotes:
					rows, bad = drain(t, r.Quotes(), sayQuote)
				default:
					rows, bad = drain(t, r.Candles(), sayCandle)
				}
				if len(bad) > 0 || len(rows) != 1 || rows[0] != c.want {
					t.Errorf("%s: got\n  %s\nwant\n  %s\nbad rows: %q", packed, strings.Join(rows, "\n  "), c.want, bad)
				}
				if r.Good != 1 || r.Bad != 0 {
					t.Errorf("counted %d good, %d bad", r.Good, r.Bad)
				}
				if err := r.Close(); err != nil {
					t.Error(err)
				}
			}
		})
	}
}

func pack(t *testing.T, name, text, how string) []byte {
	t.Helper()
	var out bytes.Buffer
	var err error
	switch how {
	case "":
		return []byte(text)
	case ".gz":
		w := gzip.NewWriter(&out)
		_, err = w.Write([]byte(text))
		err = errors.Join(err, w.Close())
	default:
		z := zip.NewWriter(&out)
		w, e := z.Create(name)
		if e != nil {
			t.Fatal(e)
		}
		_, err = w.Write([]byte(text))
		err = errors.Join(err, z.Close())
	}
	if err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func TestBadRowsAreReportedCountedAndPassed(t *testing.T) {
	r := reader(t, "bad.csv", strings.Join([]string{
		"1,buy,0.5,100.10,1714953600000",
		"2,buy,lots,100.10,1714953600001",
		"3,long,0.5,100.10,1714953600002",
		"4,buy,0.5",
		"5,buy,0.5,123456789012345678901,1714953600003",
		"6,buy,0.5,100.10,1.71495E+12",
		"7,buy,0.5,100.10,42",
		",buy,0.5,100.10,1714953600004",
		"8,sell,0.5,,1714953600004",
		"9,sell,0.5,100.20,1714953600005",
	}, "\n"), about)
	rows, bad := drain(t, r.Trades(), func(t market.Trade) string { return t.ID })
	if fmt.Sprint(rows) != "[1 9]" || r.Good != 2 || r.Bad != 8 {
		t.Errorf("rows %v, %d good, %d bad", rows, r.Good, r.Bad)
	}
	for i, want := range []string{
		`bad.csv:2:7: size: "lots" is not a number; write a plain decimal number`,
		`bad.csv:3:3: side: "long" is no side; write buy or sell`,
		`bad.csv:4: 3 columns; okx-trades has at least 5: trade_id,side,size,price,created_time; the file may have been cut off`,
		`bad.csv:5:11: price: 123456789012345678901 has too many digits; a value holds at most 19 digits and 19 decimals`,
		`bad.csv:6:18: created_time: "1.71495E+12" is not exact; a spreadsheet has rounded it; download the file again`,
		`bad.csv:7:18: created_time: 42 would be 1970-01-01T00:00:42Z; times are Unix seconds, milli-, micro- or nanoseconds`,
		`bad.csv:8:1: trade_id: there is no id; the row may have been cut off`,
		`bad.csv:9:12: price: there is no value; the row may have been cut off`,
	} {
		if i >= len(bad) || bad[i] != want {
			t.Errorf("error %d is\n  %v\nwant\n  %s", i, bad[min(i, len(bad)-1)], want)
		}
	}
}

func TestCandlesThatCannotBeAreBadRows(t *testing.T) {
	about := about
	about.Interval = "1m"
	r := reader(t, "c.csv", "ts_ms,open,high,low,close,volume\n1714953600000,1,2,0.5,3,9\n1714953600500,1,2,0.5,1,9\n1714953660000,1,2,0.5,1,9\n", about)
	rows, bad := drain(t, r.Candles(), sayCandle)
	if len(rows) != 1 || len(bad) != 2 || !strings.Contains(bad[0], "not between low 0.5 and high 2") || !strings.Contains(bad[1], "no start of an interval of 1m") {
		t.Errorf("rows %q, bad %q", rows, bad)
	}
	mixed := reader(t, "k.csv", "1714953600000,1,2,0.5,1,9,1714953659999,1,1,1,1,0\n1714953660000,1,2,0.5,1,9,1714953959999,1,1,1,1,0\n", dump.About{Venue: "binance", Pair: "A-B"})
	if _, bad := drain(t, mixed.Candles(), sayCandle); len(bad) != 1 || !strings.Contains(bad[0], "this candle lasts 5m0s, those of the file 1m") {
		t.Errorf("bad %q", bad)
	}
	if _, bad := drain(t, reader(t, "x.csv", "1714953600,1,1,2,0.5,1\n", dump.About{Venue: "v", Pair: "A-B"}).Candles(), sayCandle); len(bad) != 1 || !strings.Contains(bad[0], "say which interval it is") {
		t.Errorf("bad %q", bad)
	}
}

func TestSymbolsDoNotMix(t *testing.T) {
	const head = "exchange,symbol,timestamp,local_timestamp,id,side,price,amount\n"
	const row = "e,%s,1714953600042000,1714953600099123,1,buy,1,1\n"
	text := head + fmt.Sprintf(row, "AAA") + fmt.Sprintf(row, "BBB")
	rows, bad := drain(t, reader(t, "x.csv", text, about).Trades(), sayTrade)
	if len(rows) != 1 || len(bad) != 1 || !strings.Contains(bad[0], "this row is of BBB, the file of AAA") {
		t.Errorf("rows %q, bad %q", rows, bad)
	}
	many := dump.About{Venue: "v", PairOf: func(s string) (market.Pair, error) {
		if s == "BBB" {
			return "", errors.New("never heard of it")
		}
		return market.Pair(s + "-USD"), nil
	}}
	rows, bad = drain(t, reader(t, "x.csv", text, many).Trades(), func(t market.Trade) string { return string(t.Pair) })
	if fmt.Sprint(rows) != "[AAA-USD]" || len(bad) != 1 || !strings.Contains(bad[0], "never heard of it") {
		t.Errorf("rows %q, bad %q", rows, bad)
	}
}

func TestFilesThatAreNoDumpsAreRefused(t *testing.T) {
	for name, text := range map[string]string{
		"empty":        "",
		"words":        "once upon a time\n",
		"book":         "exchange,symbol,timestamp,local_timestamp,is_snapshot,side,price,amount\n",
		"book updates": "symbol,timestamp,first_update_id,last_update_id,side,update_type,price,qty,pu\n",
		"json lines":   `{"topic":"orderbook.500"}`,
	} {
		_, err := dump.New(name, strings.NewReader(text), int64(len(text)), about)
		if fault.Of(err) != fault.Invalid {
			t.Errorf("%s: %v", name, err)
		}
		if strings.HasPrefix(name, "book") && !strings.Contains(err.Error(), "books are not imported") {
			t.Errorf("%s: %v", name, err)
		}
	}
	text := "1714953600,1,2,BUY\n"
	for field, a := range map[string]dump.About{"venue": {Pair: "A-B"}, "pair": {Venue: "v"}} {
		if _, err := dump.New("x", strings.NewReader(text), int64(len(text)), a); fault.Field(err) != field {
			t.Errorf("without a %s: %v", field, err)
		}
	}
	r := reader(t, "x", text, about)
	for _, err := range r.Candles() {
		if fault.Of(err) != fault.Invalid {
			t.Errorf("candles out of trades: %v", err)
		}
	}
}

func TestDamageEndsReading(t *testing.T) {
	whole := pack(t, "x.csv", strings.Repeat("1,sell,25.3,7.5,1714953600042\n", 20000), ".gz")
	half := whole[:len(whole)/2]
	r, err := dump.New("x.csv.gz", bytes.NewReader(half), int64(len(half)), about)
	if err != nil {
		t.Fatal(err)
	}
	var last error
	for _, err := range r.Trades() {
		last = err
	}
	if fault.Of(last) != fault.Invalid || !strings.Contains(last.Error(), "damaged") {
		t.Errorf("half a file ends with %v", last)
	}
	j := reader(t, "x.json", `[[1714953600042,"5",null,"sell",1,2,3],[1714953600042,"6",nul`, about)
	last = nil
	for _, err := range j.Trades() {
		last = err
	}
	if j.Good != 1 || fault.Of(last) != fault.Invalid {
		t.Errorf("half a list: %d good, %v", j.Good, last)
	}
}

func TestUnitsOfTimeAreToldApart(t *testing.T) {
	for text, want := range map[string]string{
		"1714953600": "2024-05-06T00:00:00Z", "1714953600123": "2024-05-06T00:00:00.123Z", "1714953600123456": "2024-05-06T00:00:00.123456Z",
		"1714953600123456789": "2024-05-06T00:00:00.123456789Z", "1714953600.5": "2024-05-06T00:00:00.5Z", "1714953600123.25": "2024-05-06T00:00:00.12325Z",
		"1714953600.0000000001": "2024-05-06T00:00:00Z",
	} {
		rows, bad := drain(t, reader(t, "x", text+",1,2,BUY\n", about).Trades(), func(t market.Trade) string { return t.At.Format(time.RFC3339Nano) })
		if len(bad) > 0 || rows[0] != want {
			t.Errorf("%s is %v %v, want %s", text, rows, bad, want)
		}
	}
}

func FuzzRead(f *testing.F) {
	for _, s := range []string{"1714953600,1,2,BUY\n", `[[1714953600042,"5",null,"sell",1,2,3]]`, "ts_ms,open,high,low,close,volume\n1714953600000,1,2,0.5,1,9\n", "1,buy,\"0.5,1\n2,sell,1,1,1714953600042\n", "\x1f\x8b", "PK\x03\x04"} {
		for i := range dump.Formats() {
			f.Add([]byte(s), uint8(i))
		}
	}
	f.Fuzz(func(t *testing.T, data []byte, n uint8) {
		formats := dump.Formats()
		about := dump.About{Venue: "v", Pair: "A-B", Format: formats[int(n)%len(formats)], Interval: "1m"}
		if n >= 128 {
			about.Format = ""
		}
		r, err := dump.New("fuzz", bytes.NewReader(data), int64(len(data)), about)
		if err != nil {
			return
		}
		var good, bad int64
		count := func(err error) {
			var row *dump.RowError
			switch {
			case err == nil:
				good++
			case errors.As(err, &row):
				if bad++; row.What == "" || row.Fix == "" {
					t.Errorf("an error without words: %+v", row)
				}
			}
		}
		for tr, err := range r.Trades() {
			if count(err); err == nil && (tr.At.IsZero() || tr.Pair == "") {
				t.Errorf("half a trade: %+v", tr)
			}
		}
		for _, err := range r.Quotes() {
			count(err)
		}
		for _, err := range r.Candles() {
			count(err)
		}
		if good != r.Good || bad != r.Bad {
			t.Errorf("%d good and %d bad came, %d and %d were counted", good, bad, r.Good, r.Bad)
		}
	})
}
