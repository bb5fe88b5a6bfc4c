package venuetest

import (
	"encoding/json"
	"errors"
	"strings"
	"time"

	"github.com/assayhq/assay/fault"
	"github.com/assayhq/assay/market"
	"github.com/assayhq/assay/market/book"
)

// line is one thing that was said, as want.jsonl shows it.
type line struct {
	Line     int           `json:"line"`
	Type     string        `json:"type"`
	Pair     market.Pair   `json:"pair,omitempty"`
	Symbol   string        `json:"symbol,omitempty"`
	ID       string        `json:"id,omitempty"`
	Side     string        `json:"side,omitempty"`
	Price    string        `json:"price,omitempty"`
	Qty      string        `json:"qty,omitempty"`
	Bid      []string      `json:"bid,omitempty"`
	Ask      []string      `json:"ask,omitempty"`
	Snapshot bool          `json:"snapshot,omitempty"`
	Bids     [][2]string   `json:"bids,omitempty"`
	Asks     [][2]string   `json:"asks,omitempty"`
	First    uint64        `json:"first,omitempty"`
	Last     uint64        `json:"last,omitempty"`
	Prev     *int64        `json:"prev,omitempty"`
	Checksum *uint32       `json:"checksum,omitempty"`
	Depth    int           `json:"depth,omitempty"`
	Verdict  string        `json:"verdict,omitempty"` // what the book's machine said
	Interval string        `json:"interval,omitempty"`
	OHLC     []string      `json:"ohlc,omitempty"`
	Volume   string        `json:"volume,omitempty"`
	Turnover string        `json:"turnover,omitempty"`
	Trades   *int64        `json:"trades,omitempty"`
	Complete bool          `json:"complete,omitempty"`
	At       string        `json:"at,omitempty"`
	Marks    []string      `json:"marks,omitempty"`
	REST     string        `json:"rest_symbol,omitempty"`
	Kind     string        `json:"kind,omitempty"`
	Status   market.Status `json:"status,omitempty"`
	Tick     string        `json:"tick,omitempty"`
	Step     string        `json:"step,omitempty"`
	MinQty   string        `json:"min_qty,omitempty"`
	Notional string        `json:"min_notional,omitempty"`
	Contract string        `json:"contract,omitempty"`
	Decimals []int         `json:"decimals,omitempty"`
	Unit     string        `json:"unit,omitempty"`
	Settle   string        `json:"settle,omitempty"`
	Expiry   string        `json:"expiry,omitempty"`
	Mark     string        `json:"mark,omitempty"`
	Index    string        `json:"index,omitempty"`
	Funding  string        `json:"funding,omitempty"`
	Every    string        `json:"every,omitempty"`
	Paid     string        `json:"funding_at,omitempty"`
	Settled  bool          `json:"settled,omitempty"`
	Interest string        `json:"interest,omitempty"`
	Channel  string        `json:"channel,omitempty"`
	Seq      int64         `json:"seq,omitempty"`
	Text     string        `json:"text,omitempty"`
}

func (l line) String() string {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(l); err != nil {
		return err.Error()
	}
	return strings.TrimSuffix(b.String(), "\n")
}

func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339Nano)
}

func levels(ls []market.Level) [][2]string {
	var out [][2]string
	for _, l := range ls {
		out = append(out, [2]string{l.Price.String(), l.Qty.String()})
	}
	return out
}

// unless gives the text of a decimal, or "" for zero.
func unless(d interface {
	IsZero() bool
	String() string
}) string {
	if d.IsZero() {
		return ""
	}
	return d.String()
}

var noticeNames = [...]string{"ack", "refused", "heartbeat", "moving", "info", "strange", "reply"}

var verdictNames = [...]string{"publish", "ignore", "wait", "lost"}

// render shows a batch. verdict says what became of each book update.
func render(n int, b *market.Batch, verdict func(*market.BookUpdate) (book.Verdict, string)) []string {
	var out []string
	add := func(l line) { l.Line = n; out = append(out, l.String()) }
	if b.HasSeq {
		add(line{Type: "sequence", Seq: b.Seq})
	}
	if !b.Clock.IsZero() {
		add(line{Type: "clock", At: stamp(b.Clock)})
	}
	for i := range b.Instruments {
		x := &b.Instruments[i]
		add(line{Type: "instrument", Pair: x.Pair, Symbol: x.Symbol, REST: x.RESTSymbol, Kind: string(x.Kind), Status: x.Status, Tick: unless(x.PriceTick), Step: unless(x.QtyStep),
			MinQty: unless(x.MinQty), Notional: unless(x.MinNotional), Contract: unless(x.Contract), Unit: string(x.Unit), Settle: string(x.Settle), Expiry: stamp(x.Expiry), Decimals: []int{x.PriceDecimals, x.QtyDecimals}})
	}
	for i := range b.Trades {
		x := &b.Trades[i]
		kind := ""
		if x.Aggregate {
			kind = "aggregate"
		}
		add(line{Type: "trade", Pair: x.Pair, Symbol: x.Symbol, ID: x.ID, Side: x.Side.String(), Price: x.Price.String(), Qty: x.Qty.String(), Kind: kind, At: stamp(x.At), Marks: x.Marks.Names()})
	}
	for i := range b.Quotes {
		x := &b.Quotes[i]
		add(line{Type: "quote", Pair: x.Pair, Symbol: x.Symbol, Bid: []string{x.Bid.String(), x.BidQty.String()}, Ask: []string{x.Ask.String(), x.AskQty.String()}, At: stamp(x.At)})
	}
	for i := range b.Books {
		x := &b.Books[i]
		l := line{Type: "book", Pair: x.Pair, Symbol: x.Symbol, Snapshot: x.Snapshot, Bids: levels(x.Bids), Asks: levels(x.Asks), First: x.First, Last: x.Last, Depth: x.Depth, At: stamp(x.At)}
		if x.Prev != market.NoPrev {
			l.Prev = &x.Prev
		}
		if x.HasSum {
			l.Checksum = &x.Checksum
		}
		v, why := verdict(x)
		l.Verdict, l.Text = verdictNames[v], why
		add(l)
	}
	for i := range b.Candles {
		x := &b.Candles[i]
		l := line{Type: "candle", Pair: x.Pair, Interval: string(x.Interval), OHLC: []string{x.O.String(), x.H.String(), x.L.String(), x.C.String()}, Volume: x.Volume.String(), Turnover: unless(x.Turnover), Complete: x.Complete, At: stamp(x.Open)}
		if x.Trades >= 0 {
			l.Trades = &x.Trades
		}
		add(l)
	}
	for i := range b.Derivatives {
		x := &b.Derivatives[i]
		l := line{Type: "derivative", Pair: x.Pair, Symbol: x.Symbol, Settled: x.Settled, Paid: stamp(x.FundingAt), At: stamp(x.At)}
		stated := func(f market.Stated, text *string, v interface{ String() string }) {
			if x.Has&f != 0 {
				*text = v.String()
			}
		}
		stated(market.StatedMark, &l.Mark, x.Mark)
		stated(market.StatedIndex, &l.Index, x.Index)
		stated(market.StatedFunding, &l.Funding, x.Funding)
		stated(market.StatedInterest, &l.Interest, x.Interest)
		if x.Interval > 0 {
			l.Every = x.Interval.String()
		}
		add(l)
	}
	for i := range b.Liquidations {
		x := &b.Liquidations[i]
		add(line{Type: "liquidation", Pair: x.Pair, Symbol: x.Symbol, ID: x.ID, Side: x.Side.String(), Price: x.Price.String(), Qty: x.Qty.String(), At: stamp(x.At)})
	}
	for _, x := range b.Notices {
		add(line{Type: "notice", Kind: noticeNames[x.Kind], Channel: string(x.Channel), Symbol: x.Symbol, Text: x.Text})
	}
	for _, x := range b.Gaps {
		add(line{Type: "gap", Kind: string(x.Kind), Pair: x.Pair, Symbol: x.Symbol, Channel: string(x.Channel), Text: x.Detail})
	}
	return out
}

// failed shows an error. The text of one that is no *fault.Error is for the log and
// may name places in the message, so it is left out.
func failed(n int, err error) string {
	l := line{Line: n, Type: "error", Kind: fault.Of(err).String()}
	var f *fault.Error
	if errors.As(err, &f) {
		l.Text = f.Public
	}
	return l.String()
}
