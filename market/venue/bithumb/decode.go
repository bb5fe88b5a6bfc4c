package bithumb

import (
	"net/url"
	"strings"
	"time"

	"github.com/assayhq/assay/fault"
	"github.com/assayhq/assay/internal/scan"
	"github.com/assayhq/assay/market"
	"github.com/assayhq/assay/market/venue"
)

// feed reads the stream before version 2: {"status":…,"resmsg":…} and
// {"type":…,"content":…}.
type feed struct{ t *venue.Table }

// seoul is what its wall clocks are ahead of UTC.
const seoul = 9 * time.Hour

// Decode reads one message. Of its types transaction is read; tickers have no best bid
// and ask, and the changes of books no beginning.
func (f *feed) Decode(frame []byte, out *market.Batch) error {
	c := scan.New(frame)
	var kind, status, said []byte
	var content scan.Cursor
	has := false
	for ok := c.Obj(); ok && c.NextKey(); {
		switch string(c.K) {
		case "type":
			kind = c.Str()
		case "status":
			status = c.Raw()
		case "resmsg":
			said = c.Str()
		case "content":
			content, has = c, true
			c.Skip()
		default:
			c.Skip()
		}
	}
	if err := c.End(); err != nil {
		return err
	}
	switch {
	case string(status) == "0000" && strings.HasPrefix(string(said), "Filter"):
		venue.Say(out, market.Ack, "", "", string(said))
	case string(status) == "0000":
		venue.Say(out, market.Info, "", "", string(said))
	case status != nil:
		venue.Say(out, market.Refused, "", "", string(status)+": "+string(said))
	case string(kind) == "transaction" && has:
		for ok := content.Obj(); ok && content.NextKey(); {
			if !content.Is("list") {
				content.Skip()
				continue
			}
			for ok := content.Arr(); ok && content.NextItem(); {
				f.trade(&content, out)
			}
		}
		return content.Err()
	case string(kind) == "ticker", string(kind) == "orderbookdepth", string(kind) == "orderbooksnapshot":
	default:
		venue.Say(out, market.Strange, "", "", "message of type "+string(kind))
	}
	return nil
}

// trade reads one transaction; buySellGb is the taker's side: 1 sold, 2 bought.
func (f *feed) trade(c *scan.Cursor, out *market.Batch) {
	t := venue.Trade(out, nobody)
	for ok := c.Obj(); ok && c.NextKey(); {
		switch string(c.K) {
		case "symbol":
			if s := c.Str(); len(s) > 0 {
				in := f.t.Find(s)
				t.Venue, t.Pair, t.Symbol = in.Venue, in.Pair, in.Symbol
			}
		case "buySellGb":
			switch string(c.Raw()) {
			case "1":
				t.Side = market.Sell
			case "2":
				t.Side = market.Buy
			}
		case "contPrice":
			t.Price = c.Price()
		case "contQty":
			t.Qty = c.Qty()
		case "contDtm":
			at, err := time.Parse("2006-01-02 15:04:05", string(c.Str()))
			if err != nil {
				c.Fail("expected a time")
			}
			t.At = at.Add(-seoul)
		default:
			c.Skip()
		}
	}
	if t.Symbol == "" || t.Price.IsZero() {
		c.Fail("trade without symbol or price")
	}
	if t.Side == market.NoSide {
		venue.Say(out, market.Strange, market.Trades, t.Symbol, "trade without a known side")
	}
}

// nobody stands in until the symbol has been read.
var nobody = &market.Instrument{}

// answer reads the list of a quote's markets before version 2, whose members are the
// bases: /public/ticker/ALL_KRW.
func answer(u *url.URL, body []byte, t *venue.Table, out *market.Batch) error {
	quote, ok := strings.CutPrefix(u.Path, "/public/ticker/ALL_")
	if !ok || quote == "" {
		return fault.New(fault.Invalid, "no decoder for %s", u.Path)
	}
	c := scan.New(body)
	var status, said []byte
	for ok := c.Obj(); ok && c.NextKey(); {
		switch {
		case c.Is("status"):
			status = c.Raw()
		case c.Is("message"):
			said = c.Str()
		case c.Is("data") && c.Peek() == '{':
			for ok := c.Obj(); ok && c.NextKey(); {
				base := string(c.K)
				if c.Peek() == '{' { // date is a number beside them
					if in, ok := guess(base + "_" + quote); ok {
						in.Status = market.Trading
						out.Instruments = append(out.Instruments, *t.Learn(in))
					}
				}
				c.Skip()
			}
		default:
			c.Skip()
		}
	}
	if c.Err() == nil && string(status) != "0000" {
		return fault.New(fault.Invalid, "Bithumb answered %s: %s", status, said)
	}
	return c.End()
}
