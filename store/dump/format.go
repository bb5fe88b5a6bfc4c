package dump

import (
	"bytes"
	"slices"
	"strings"

	"github.com/assayhq/assay/fault"
	"github.com/assayhq/assay/market"
	"github.com/assayhq/assay/money"
)

// Format names a way in which dumps are written.
type Format string

// The formats.
const (
	BinanceKlines    Format = "binance-klines"    // data.binance.vision, with or without header
	BinanceAggTrades Format = "binance-aggtrades" // data.binance.vision
	BinanceTrades    Format = "binance-trades"    // data.binance.vision
	BybitTicks       Format = "bybit-ticks"       // public.bybit.com, derivatives
	BybitSpot        Format = "bybit-spot"        // public.bybit.com, spot
	OKXTrades        Format = "okx-trades"        // id, side, size, price, time
	TardisTrades     Format = "tardis-trades"
	TardisQuotes     Format = "tardis-quotes"
	FreqtradeCSV     Format = "freqtrade-csv"
	FreqtradeJSON    Format = "freqtrade-json"
	GCTTrades        Format = "gct-trades"    // time, price, size, side
	GCTCandles       Format = "gct-candles"   // time, volume, open, high, low, close
	AssayCandles     Format = "assay-candles" // our exports, and whatever has time, open, high, low, close, volume
)

// A layout is a format as data: the columns in the order they stand in when there
// is no header, and how a row of them is understood.
type layout struct {
	format   Format
	channel  market.Channel
	columns  []string
	optional int  // so many of the last columns may be missing
	bare     bool // there never is one
	other    map[string]string
	trade    func(*row) market.Trade
	quote    func(*row) market.Quote
	candle   func(*row) market.Candle
}

func (l *layout) has(column string) bool { return slices.Contains(l.columns, column) }

func layouts() []layout {
	return []layout{
		{format: BinanceKlines, channel: market.Candles, candle: binanceCandle, optional: 3,
			columns: []string{"open_time", "open", "high", "low", "close", "volume", "close_time", "quote_volume", "count", "taker_buy_volume", "taker_buy_quote_volume", "ignore"},
			other:   map[string]string{"quote_asset_volume": "quote_volume", "number_of_trades": "count", "taker_buy_base_asset_volume": "taker_buy_volume", "taker_buy_quote_asset_volume": "taker_buy_quote_volume", "open time": "open_time", "close time": "close_time"}},
		{format: BinanceAggTrades, channel: market.Trades, trade: binanceAggTrade, optional: 1,
			columns: []string{"agg_trade_id", "price", "quantity", "first_trade_id", "last_trade_id", "transact_time", "is_buyer_maker", "is_best_match"},
			other:   map[string]string{"was_the_buyer_the_maker": "is_buyer_maker", "timestamp": "transact_time"}},
		{format: BinanceTrades, channel: market.Trades, trade: binanceTrade, optional: 1,
			columns: []string{"id", "price", "qty", "quote_qty", "time", "is_buyer_maker", "is_best_match"}},
		{format: BybitTicks, channel: market.Trades, trade: bybitTick, optional: 3,
			columns: []string{"timestamp", "symbol", "side", "size", "price", "tickdirection", "trdmatchid", "grossvalue", "homenotional", "foreignnotional"}},
		{format: BybitSpot, channel: market.Trades, trade: bybitSpot,
			columns: []string{"id", "timestamp", "price", "volume", "side"}},
		{format: OKXTrades, channel: market.Trades, trade: okxTrade,
			columns: []string{"trade_id", "side", "size", "price", "created_time"}},
		{format: TardisTrades, channel: market.Trades, trade: tardisTrade,
			columns: []string{"exchange", "symbol", "timestamp", "local_timestamp", "id", "side", "price", "amount"}},
		{format: TardisQuotes, channel: market.Quotes, quote: tardisQuote,
			columns: []string{"exchange", "symbol", "timestamp", "local_timestamp", "ask_amount", "ask_price", "bid_price", "bid_amount"}},
		{format: FreqtradeCSV, channel: market.Trades, trade: freqtradeTrade, optional: 1,
			columns: []string{"timestamp", "id", "type", "side", "price", "amount", "cost"}},
		{format: FreqtradeJSON, channel: market.Trades, trade: freqtradeTrade, optional: 1,
			columns: []string{"timestamp", "id", "type", "side", "price", "amount", "cost"}},
		{format: GCTTrades, channel: market.Trades, bare: true, trade: gctTrade,
			columns: []string{"timestamp", "price", "amount", "side"}},
		{format: GCTCandles, channel: market.Candles, bare: true, candle: gctCandle,
			columns: []string{"timestamp", "volume", "open", "high", "low", "close"}},
		{format: AssayCandles, channel: market.Candles, candle: assayCandle, optional: 5,
			columns: []string{"ts", "open", "high", "low", "close", "volume", "turnover", "trades", "complete", "revision", "marks"},
			other:   map[string]string{"ts_ms": "ts", "timestamp": "ts", "time": "ts", "open_time": "ts"}},
	}
}

func layoutOf(f Format) *layout {
	for _, l := range layouts() {
		if l.format == f {
			return &l
		}
	}
	return nil
}

// Formats lists the formats.
func Formats() []Format {
	var out []Format
	for _, l := range layouts() {
		out = append(out, l.format)
	}
	return out
}

func formatNames() []string {
	var out []string
	for _, f := range Formats() {
		out = append(out, string(f))
	}
	return out
}

// cell brings the name of a column to one form. Some files have it in two
// languages, as in trade_id/…: the first counts.
func cell(s string) string {
	s, _, _ = strings.Cut(s, "/")
	return strings.ToLower(strings.TrimSpace(s))
}

// find gives the place of each of the layout's columns in a header, and whether
// all that are needed are there.
func (l *layout) find(header []string) (places []int, ok bool) {
	at := map[string]int{}
	for i, h := range header {
		h = cell(h)
		if o, known := l.other[h]; known && l.has(o) {
			h = o
		}
		if _, dup := at[h]; !dup {
			at[h] = i
		}
	}
	for i, c := range l.columns {
		p, found := at[c]
		if !found {
			p = -1
			if i < len(l.columns)-l.optional {
				return nil, false
			}
		}
		places = append(places, p)
	}
	return places, true
}

// Sniff tells the format of a file from its first bytes, unpacked. name is for
// the message.
func Sniff(name string, head []byte) (Format, error) {
	head = bytes.TrimPrefix(head, []byte("\xef\xbb\xbf"))
	text := bytes.TrimLeft(head, " \t\r\n")
	unknown := func(why string) (Format, error) {
		return "", fault.At(fault.Invalid, "format", "%s is no dump that can be read: %s; the formats are %s", name, why, strings.Join(formatNames(), ", "))
	}
	switch {
	case len(text) == 0:
		return unknown("it is empty")
	case bytes.HasPrefix(head, []byte("\x1f\x8b")) || bytes.HasPrefix(head, []byte("PK\x03\x04")):
		return unknown("it is packed, and its content is packed again")
	case text[0] == '[':
		return FreqtradeJSON, nil
	case text[0] == '{':
		return unknown("it holds JSON objects, perhaps an order book; books are not imported")
	}
	line, _, _ := bytes.Cut(text, []byte("\n"))
	cells, _, closed := cut(string(bytes.TrimRight(line, "\r")), nil, nil)
	if !closed {
		return unknown("its first line is no row of a table")
	}
	if isHeader(cells) {
		for _, c := range cells {
			if c = cell(c); c == "is_snapshot" || c == "update_type" || strings.HasPrefix(c, "asks[") {
				return unknown("it is an order book; books are not imported")
			}
		}
		for _, l := range layouts() {
			if l.format == FreqtradeJSON || l.bare {
				continue
			}
			if _, ok := l.find(cells); ok {
				return l.format, nil
			}
		}
		return unknown("its columns are " + strings.Join(cells, ","))
	}
	if f := sniffCells(cells); f != "" {
		return f, nil
	}
	return unknown("its first row is " + clip(string(line), 80))
}

// isHeader tells whether a first row is names. Numbers may have any form.
func isHeader(cells []string) bool {
	for _, c := range cells {
		if isNumber(c) {
			return false
		}
	}
	return true
}

func isNumber(s string) bool {
	s = strings.TrimSpace(s)
	return s != "" && strings.Trim(s, "0123456789.eE+-") == "" && strings.ContainsAny(s, "0123456789")
}

func isBool(s string) bool { s = cell(s); return s == "true" || s == "false" }

func isSide(s string) bool {
	s = cell(s)
	return s == "buy" || s == "sell" || s == "any"
}

// sniffCells knows the formats without header by the shape of a row.
func sniffCells(c []string) Format {
	n := len(c)
	switch {
	case n == 12 || n == 9 && isNumber(c[8]):
		return BinanceKlines
	case n == 8 && isBool(c[6]) && isBool(c[7]), n == 7 && isBool(c[6]) && isNumber(c[5]):
		return BinanceAggTrades
	case n == 7 && isBool(c[5]) && isBool(c[6]), n == 6 && isBool(c[5]):
		return BinanceTrades
	case n == 7 && isSide(c[3]):
		return FreqtradeCSV
	case n == 5 && isSide(c[1]):
		return OKXTrades
	case n == 4 && isSide(c[3]):
		return GCTTrades
	case n == 6 && inOrder(c[1], c[2], c[3], c[4]):
		return AssayCandles
	case n == 6 && inOrder(c[2], c[3], c[4], c[5]):
		return GCTCandles
	case n == 6 && isNumber(c[5]):
		return AssayCandles
	}
	return ""
}

// inOrder tells whether texts can be the open, high, low and close of a candle.
func inOrder(open, high, low, close string) bool {
	var d [4]money.Decimal
	for i, s := range []string{open, high, low, close} {
		var err error
		if d[i], err = money.Parse([]byte(strings.TrimSpace(s))); err != nil {
			return false
		}
	}
	return d[2].Cmp(d[0]) <= 0 && d[2].Cmp(d[3]) <= 0 && d[1].Cmp(d[0]) >= 0 && d[1].Cmp(d[3]) >= 0
}

func clip(s string, n int) string {
	if len(s) > n {
		return strings.ToValidUTF8(s[:n], "") + "…"
	}
	return s
}
