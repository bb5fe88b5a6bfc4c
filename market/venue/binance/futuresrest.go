package binance

import (
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/assayhq/assay/asset"
	"github.com/assayhq/assay/fault"
	"github.com/assayhq/assay/internal/scan"
	"github.com/assayhq/assay/market"
	"github.com/assayhq/assay/market/venue"
	"github.com/assayhq/assay/money"
)

// The most rows of one answer, and the longest range of candles that COIN-M answers.
const (
	barPage     = 1500
	fundingPage = 1000
	barSpan     = 200 * 24 * time.Hour
)

// bars are the intervals that futures have: those of spot without the second.
var bars = func() map[market.Interval]string {
	m := map[market.Interval]string{}
	for i, name := range intervals {
		if i != "1s" {
			m[i] = name
		}
	}
	return m
}()

func (f *futures) rest() venue.REST {
	return venue.REST{Request: f.ask, Decode: f.answer, Failure: failure, Next: f.next, Intervals: venue.IntervalList(bars), Derivatives: true, Funding: true}
}

// page is the most candles that one request may ask for.
func (f *futures) page(a venue.Ask) int {
	n := venue.PageSize(a, barPage)
	if f.coin && a.Interval.Length() > 0 {
		n = min(n, max(int(barSpan/a.Interval.Length())-1, 1))
	}
	return n
}

func (f *futures) ask(a venue.Ask) (venue.Request, error) {
	of := "?symbol=" + url.QueryEscape(a.Instrument.Symbol)
	switch a.What {
	case venue.AskInstruments:
		return venue.Request{Path: f.api + "exchangeInfo"}, nil
	case venue.AskClock:
		return venue.Request{Path: f.api + "time"}, nil
	case venue.AskBook:
		depth, weight := 1000, 20
		for _, d := range []struct{ most, weight int }{{50, 2}, {100, 5}, {500, 10}} {
			if a.Depth > 0 && a.Depth <= d.most {
				depth, weight = d.most, d.weight
				break
			}
		}
		return venue.Request{Path: f.api + "depth" + of + "&limit=" + strconv.Itoa(depth), Weight: weight}, nil
	case venue.AskTrades:
		return f.askTrades(a, of)
	case venue.AskCandles:
		name, err := venue.IntervalName("Binance Futures", bars, a.Interval)
		if err != nil {
			return venue.Request{}, err
		}
		n := f.page(a)
		path := f.api + "klines" + of + "&interval=" + name + "&limit=" + strconv.Itoa(n)
		from, to := venue.Window(a, n)
		if !from.IsZero() {
			path += "&startTime=" + venue.MS(from)
		}
		if !to.IsZero() {
			path += "&endTime=" + venue.MS(to.Add(-time.Millisecond))
		}
		return venue.Request{Path: path, Weight: 10}, nil
	case venue.AskDerivative:
		if a.Section == 0 {
			return venue.Request{Path: f.api + "premiumIndex" + of}, nil
		}
		return venue.Request{Path: f.api + "openInterest" + of}, nil
	case venue.AskFunding:
		path := f.api + "fundingRate" + of + "&limit=" + strconv.Itoa(venue.PageSize(a, fundingPage))
		if !a.From.IsZero() {
			path += "&startTime=" + venue.MS(a.From)
		}
		if !a.To.IsZero() {
			path += "&endTime=" + venue.MS(a.To.Add(-time.Millisecond))
		}
		return venue.Request{Path: path, Budget: "funding"}, nil
	}
	return venue.Request{}, fault.New(fault.Invalid, "Binance Futures cannot be asked that")
}

// askTrades asks for aggregates, by number where one is known. An end is not sent: with
// both ends the range may be an hour only.
func (f *futures) askTrades(a venue.Ask, of string) (venue.Request, error) {
	path := f.api + "aggTrades" + of + "&limit=" + strconv.Itoa(venue.PageSize(a, page))
	switch {
	case a.Cursor != "":
		path += "&fromId=" + url.QueryEscape(a.Cursor)
	case a.AfterID != "":
		id, err := strconv.ParseInt(a.AfterID, 10, 64)
		if err != nil {
			return venue.Request{}, fault.At(fault.Invalid, "after_id", "%q is no trade id of Binance: they are numbers", a.AfterID)
		}
		path += "&fromId=" + strconv.FormatInt(id+1, 10)
	case !a.From.IsZero():
		path += "&startTime=" + venue.MS(a.From)
	}
	return venue.Request{Path: path, Weight: 20}, nil
}

// next pages candles by windows, trades by number, funding by time; what a contract is
// now stands in two answers.
func (f *futures) next(a venue.Ask, got *market.Batch) (venue.Ask, bool) {
	switch a.What {
	case venue.AskCandles:
		return venue.NextWindow(a, f.page(a), got)
	case venue.AskDerivative:
		a.Section++
		return a, a.Section < 2
	case venue.AskFunding:
		n := len(got.Derivatives)
		if a.From.IsZero() || n < venue.PageSize(a, fundingPage) {
			return a, false
		}
		last := got.Derivatives[n-1].FundingAt
		if last.Before(a.From) || !a.To.IsZero() && !last.Before(a.To) {
			return a, false
		}
		a.From = last.Add(time.Millisecond)
		return a, true
	case venue.AskTrades:
		n := len(got.Trades)
		if a.AfterID == "" && a.From.IsZero() || n < venue.PageSize(a, page) {
			return a, false
		}
		last := got.Trades[n-1]
		id, err := strconv.ParseInt(last.ID, 10, 64)
		known, _ := strconv.ParseInt(a.Cursor, 10, 64)
		if err != nil || id < known || !a.To.IsZero() && !last.At.Before(a.To) {
			return a, false
		}
		a.Cursor = strconv.FormatInt(id+1, 10)
		return a, true
	}
	return a, false
}

// answer reads the body that came from u.
func (f *futures) answer(u *url.URL, body []byte, t *venue.Table, out *market.Batch) error {
	what, ok := strings.CutPrefix(u.Path, f.api)
	q := u.Query()
	symbol, i := q.Get("symbol"), venue.IntervalOf(bars, q.Get("interval"))
	switch {
	case !ok:
		return fault.New(fault.Invalid, "no decoder for %s", u.Path)
	case what == "klines" && i == "":
		return fault.New(fault.Invalid, "candles of %q are not read", q.Get("interval"))
	case symbol == "" && (what == "depth" || what == "klines" || strings.HasSuffix(what, "rades")):
		return fault.New(fault.Invalid, "the address does not say which symbol the answer is of")
	}
	c := scan.New(body)
	switch what {
	case "exchangeInfo":
		f.instruments(&c, t, out)
	case "depth":
		in := t.Find([]byte(symbol))
		snapshot(&c, in, out)
		if b := &out.Books[len(out.Books)-1]; f.coin {
			b.Bids, b.Asks = venue.WorthLevels(in, b.Bids), venue.WorthLevels(in, b.Asks)
		}
	case "trades", "historicalTrades", "aggTrades":
		in := t.Find([]byte(symbol))
		for ok := c.Arr(); ok && c.NextItem(); {
			past(&c, in, out, what == "aggTrades")
			if x := &out.Trades[len(out.Trades)-1]; f.coin {
				x.Qty = venue.Worth(in, x.Qty)
			}
		}
	case "klines":
		layout := "mohlcv-qn"
		if f.coin {
			layout = "mohlc--vn" // contracts, then base
		}
		in := t.Find([]byte(symbol))
		for ok := c.Arr(); ok && c.NextItem(); {
			venue.ReadRow(&c, venue.Candle(out, in, i, zero), layout)
		}
		venue.Settle(out, zero)
	case "premiumIndex", "openInterest", "fundingRate":
		if c.Peek() != '[' {
			f.derivative(&c, t, out, false)
			break
		}
		for ok := c.Arr(); ok && c.NextItem(); {
			f.derivative(&c, t, out, what == "fundingRate")
		}
	case "time":
		venue.Clock(&c, out, "serverTime", (*scan.Cursor).Millis)
	case "ping", "fundingInfo":
		c.Skip()
	default:
		return fault.New(fault.Invalid, "no decoder for %s", u.Path)
	}
	return c.End()
}

// derivative reads a row of premiumIndex, openInterest or fundingRate; settled says that
// the funding was paid.
func (f *futures) derivative(c *scan.Cursor, t *venue.Table, out *market.Batch, settled bool) {
	d, in := venue.Derivative(out, nobody), nobody
	interest := false
	for ok := c.Obj(); ok && c.NextKey(); {
		switch string(c.K) {
		case "symbol":
			if s := c.Str(); len(s) > 0 {
				in = t.Find(s)
				d.Venue, d.Pair, d.Symbol = in.Venue, in.Pair, in.Symbol
			}
		case "markPrice":
			d.Mark = money.Price{Decimal: c.Rounded()}
		case "indexPrice":
			d.Index = money.Price{Decimal: c.Rounded()}
		case "lastFundingRate", "fundingRate":
			d.Funding = c.Rounded()
		case "nextFundingTime", "fundingTime":
			d.FundingAt = c.Millis()
		case "openInterest":
			d.Interest, interest = money.Qty{Decimal: c.Rounded()}, true
		case "time":
			d.At = c.Millis()
		default:
			c.Skip()
		}
	}
	if d.Symbol == "" {
		c.Fail("row without symbol")
	}
	if state(d); interest {
		d.Has |= market.StatedInterest
		if f.coin {
			d.Interest = venue.Worth(in, d.Interest)
		}
	}
	if settled {
		d.Settled, d.At = true, d.FundingAt
	}
}

var contractStatuses = map[string]market.Status{
	"TRADING": market.Trading, "PENDING_TRADING": market.PreTrading, "PRE_DELIVERING": market.Halted, "DELIVERING": market.Halted, "DELIVERED": market.Delisted,
	"PRE_SETTLE": market.Halted, "SETTLING": market.Halted, "CLOSE": market.Delisted, "BREAK": market.Halted, "HALT": market.Halted,
}

func (f *futures) instruments(c *scan.Cursor, t *venue.Table, out *market.Batch) {
	for ok := c.Obj(); ok && c.NextKey(); {
		if !c.Is("symbols") {
			c.Skip()
			continue
		}
		for ok := c.Arr(); ok && c.NextItem(); {
			if in, ok := f.instrument(c, t); ok {
				out.Instruments = append(out.Instruments, *t.Learn(in))
			}
		}
	}
}

// instrument reads one contract. What has no type yet is not traded yet, and a perpetual.
func (f *futures) instrument(c *scan.Cursor, t *venue.Table) (market.Instrument, bool) {
	in := market.Instrument{Kind: market.Dated, PriceDecimals: -1, QtyDecimals: -1, Contract: money.MustParse("1")}
	for ok := c.Obj(); ok && c.NextKey(); {
		switch string(c.K) {
		case "symbol":
			in.Symbol = string(c.Str())
		case "contractType":
			if kind := string(c.Str()); kind == "" || strings.Contains(kind, "PERPETUAL") {
				in.Kind = market.Perpetual
			}
		case "status", "contractStatus":
			in.Status = contractStatuses[string(c.Str())]
		case "deliveryDate":
			in.Expiry = c.Millis()
		case "baseAsset":
			in.Base = asset.Code(t.Code(string(c.Str())))
		case "quoteAsset":
			in.Quote = asset.Code(t.Code(string(c.Str())))
		case "marginAsset":
			in.Settle = asset.Code(t.Code(string(c.Str())))
		case "contractSize":
			in.Contract = c.Decimal()
		case "filters":
			filters(c, &in)
		default:
			c.Skip()
		}
	}
	if c.Err() != nil || in.Symbol == "" || in.Base == "" || in.Quote == "" {
		return in, false
	}
	if in.Kind == market.Perpetual {
		in.Expiry, in.Pair = time.Time{}, market.Perp(in.Base, in.Quote)
	} else {
		in.Pair = market.Future(in.Base, in.Quote, in.Expiry)
	}
	if f.coin {
		in.Unit = market.InQuote
		in.QtyStep, in.MinQty = worth(&in, in.QtyStep), worth(&in, in.MinQty)
	}
	return in, true
}

func worth(in *market.Instrument, d money.Decimal) money.Decimal {
	return venue.Worth(in, money.Qty{Decimal: d}).Decimal
}
