package dump

import (
	"bufio"
	"bytes"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/assayhq/assay/market"
)

// A Hint is what a file says about itself by its name, its columns and its first
// rows. It can be wrong: whoever uses it says so.
type Hint struct {
	Venue    market.VenueID
	Symbol   string      // the venue's name, as it stands in the file or its name
	Pair     market.Pair // "" when Symbol can be read in several ways
	Interval market.Interval
	Doubt    string // why Venue or Pair is empty, where there is more to say
}

// look makes the hint of a file that begins with head.
func (f *File) look(head []byte) Hint {
	h := Hint{}
	var doubts []string
	words := strings.FieldsFunc(strings.ToUpper(f.name), func(c rune) bool { return c == '-' || c == '_' || c == '.' || c == ' ' })
	first, opens := f.firstRows(head)
	if f.layout.channel == market.Candles {
		h.Interval = intervalIn(f.name)
		if h.Interval == "" && f.Format != BinanceKlines { // their rows say how long they last
			h.Interval = spacing(opens)
		}
	}
	future := false
	for _, w := range words {
		future = future || derivatives[w]
	}
	h.Venue = venueIn(words)
	exchange := first["exchange"]
	switch own := venueOf(f.Format, head); {
	case exchange != "":
		v, ok := tardisSpot[exchange]
		h.Venue, future = v, !ok
		if !ok {
			doubts = append(doubts, "the file is of "+exchange)
		}
	case h.Venue == "":
		h.Venue = own
	case own != "" && h.Venue != own:
		doubts = append(doubts, fmt.Sprintf("its name says %s, its columns say %s", h.Venue, own))
		h.Venue = ""
	}
	h.Symbol = first["symbol"]
	if h.Symbol == "" {
		h.Symbol = symbolIn(words)
	}
	pairs := readings(h.Symbol)
	switch {
	case len(pairs) > 1:
		doubts = append(doubts, fmt.Sprintf("%s can be %s or %s", h.Symbol, pairs[0], pairs[1]))
	case len(pairs) == 0:
	case f.Format == BybitTicks:
		h.Pair = pairs[0] + "-PERP"
	case future || futuresColumns(f.Format, head):
		doubts = append(doubts, fmt.Sprintf("%s can be %s-PERP or a future with a day of expiry", h.Symbol, pairs[0]))
	default:
		h.Pair = pairs[0]
	}
	h.Doubt = strings.Join(doubts, "; ")
	return h
}

// firstRows reads the whole rows in head: the texts of the first, and the times
// at which candles begin.
func (f *File) firstRows(head []byte) (first map[string]string, opens []time.Time) {
	first = map[string]string{}
	if len(head) == headBytes {
		head = head[:bytes.LastIndexByte(head, '\n')+1]
	}
	peek := &File{Format: f.Format, layout: f.layout, name: f.name, in: bufio.NewReaderSize(bytes.NewReader(head), headBytes)}
	if f.Format == FreqtradeJSON {
		return first, nil
	}
	src, w := peek.source(), &row{f: peek}
	for n := 0; ; n++ {
		w.err = nil
		if err := src.next(w); err != nil {
			if _, bad := err.(*RowError); bad {
				continue
			}
			return first, opens
		}
		if len(first) == 0 {
			for _, c := range f.layout.columns {
				first[c] = strings.Clone(w.get(c))
			}
		}
		if f.layout.channel != market.Candles {
			return first, nil
		}
		if at := w.time(f.layout.columns[0]); w.err == nil {
			opens = append(opens, at)
		}
	}
}

// spacing gives the interval that most rows are apart by: the shortest distance
// that an interval has.
func spacing(opens []time.Time) (best market.Interval) {
	for i := 1; i < len(opens); i++ {
		d := opens[i].Sub(opens[i-1]).Abs() // some files begin with the newest
		if at := intervalOf(d); at != "" && (best == "" || at.Length() < best.Length()) {
			best = at
		}
	}
	return best
}

// intervalIn takes 1m out of a name such as BTCUSDT-1m-2024-01-01.zip.
func intervalIn(name string) market.Interval {
	for _, part := range strings.FieldsFunc(name, func(c rune) bool { return c == '-' || c == '_' || c == '.' || c == ' ' }) {
		switch part {
		case "1mo":
			return "1M"
		case "24h":
			return "1d"
		}
		if i, err := market.ParseInterval(part); err == nil {
			return i
		}
	}
	return ""
}

// Words of file names.
var (
	venueWords  = map[string]market.VenueID{"BINANCE": "binance", "BYBIT": "bybit", "OKX": "okx", "OKEX": "okx", "KRAKEN": "kraken", "COINBASE": "coinbase", "BITSTAMP": "bitstamp"}
	derivatives = map[string]bool{"FUTURES": true, "SWAP": true, "PERP": true, "PERPETUAL": true, "LINEAR": true, "INVERSE": true, "UM": true, "CM": true}
	otherWords  = map[string]bool{"TRADES": true, "AGGTRADES": true, "KLINES": true, "CANDLES": true, "QUOTES": true, "TICKS": true, "SPOT": true, "HISTORY": true, "TARDIS": true, "FREQTRADE": true}
	// tardisSpot are the exchanges as Tardis names their spot markets.
	tardisSpot = map[string]market.VenueID{"binance": "binance", "bitstamp": "bitstamp", "coinbase": "coinbase", "kraken": "kraken", "okex": "okx", "bybit-spot": "bybit"}
	// quoteCodes are what a symbol without a hyphen can end in.
	quoteCodes = []string{"USDT", "USDC", "FDUSD", "BUSD", "TUSD", "USD", "EUR", "GBP", "JPY", "AUD", "CAD", "CHF", "TRY", "BRL", "KRW", "BTC", "XBT", "ETH", "BNB"}
)

func venueIn(words []string) market.VenueID {
	for _, w := range words {
		if v := venueWords[w]; v != "" {
			return v
		}
	}
	return ""
}

// venueOf gives the venue whose format it is.
func venueOf(f Format, head []byte) market.VenueID {
	switch f {
	case BinanceKlines, BinanceAggTrades, BinanceTrades:
		return "binance"
	case BybitSpot, BybitTicks:
		return "bybit"
	case OKXTrades:
		if bytes.HasPrefix(head, []byte("trade_id")) { // without a header others look the same
			return "okx"
		}
	}
	return ""
}

// futuresColumns tells Binance's futures from its spot: only their files name
// their columns so, or leave out the best match.
func futuresColumns(f Format, head []byte) bool {
	line, _, _ := bytes.Cut(head, []byte("\n"))
	switch f {
	case BinanceKlines:
		return bytes.Contains(line, []byte(",count,taker_buy_volume"))
	case BinanceAggTrades:
		return bytes.Count(line, []byte(",")) == 6
	}
	return false
}

// symbolIn takes BTCUSDT or BTC-USDT out of the words of a file's name. Of three
// words such as CANDLES, BTC and USD the last two are meant.
func symbolIn(words []string) string {
	quote := func(i int) bool { return i < len(words) && slices.Contains(quoteCodes, words[i]) }
	for i, w := range words {
		if venueWords[w] != "" || otherWords[w] {
			continue
		}
		if quote(i+1) && !quote(i+2) && len(readings(w+"-"+words[i+1])) > 0 {
			return w + "-" + words[i+1]
		}
		if len(readings(w)) > 0 {
			return w
		}
	}
	return ""
}

// readings gives the pairs that a symbol can mean, in our codes.
func readings(symbol string) (out []market.Pair) {
	symbol = strings.ToUpper(symbol)
	base, quote, split := strings.Cut(strings.NewReplacer("_", "-", "/", "-").Replace(symbol), "-")
	for _, q := range quoteCodes {
		b, ends := base, split && quote == q
		if !split {
			b, ends = strings.CutSuffix(symbol, q)
		}
		least := 2
		if !split && len(q) > 3 && strings.HasSuffix(q, "USD") {
			least = 3 // BNBUSD is no BN-BUSD
		}
		if !ends || len(b) < least || len(b) > 12 || strings.Trim(b, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789") != "" || strings.Trim(b, "0123456789") == "" {
			continue
		}
		if p, err := market.ParsePair(ours(b) + "-" + ours(q)); err == nil {
			out = append(out, p)
		}
	}
	return out
}

func ours(code string) string {
	switch code {
	case "XBT":
		return "BTC"
	case "XDG":
		return "DOGE"
	}
	return code
}
