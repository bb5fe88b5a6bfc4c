package okx

import (
	"net/url"
	"slices"
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

// The most rows of one answer.
const (
	candlePage = 300
	tradePage  = 100
	latestPage = 500
	paidPage   = 100
)

// sections are the parts of the instrument list; options are not read.
var sections = []string{"SPOT", "SWAP", "FUTURES"}

func ask(a venue.Ask) (venue.Request, error) {
	id := "?instId=" + url.QueryEscape(a.Instrument.RESTSymbol)
	switch a.What {
	case venue.AskInstruments:
		if a.Section < 0 || a.Section >= len(sections) {
			return venue.Request{}, fault.New(fault.Invalid, "OKX lists instruments in %d parts", len(sections))
		}
		return venue.Request{Path: "/api/v5/public/instruments?instType=" + sections[a.Section], Budget: "instruments"}, nil
	case venue.AskClock:
		return venue.Request{Path: "/api/v5/public/time", Budget: "clock"}, nil
	case venue.AskBook:
		n := 400
		if a.Depth > 0 && a.Depth < n {
			n = a.Depth
		}
		return venue.Request{Path: "/api/v5/market/books" + id + "&sz=" + strconv.Itoa(n), Budget: "book"}, nil
	case venue.AskTrades:
		return askTrades(a, id)
	case venue.AskDerivative, venue.AskFunding:
		return askTerms(a, id)
	case venue.AskCandles:
		name, err := venue.IntervalName("OKX", intervals, a.Interval)
		if err != nil {
			return venue.Request{}, err
		}
		n := venue.PageSize(a, candlePage)
		from, to := venue.Window(a, n)
		path, budget := "/api/v5/market/candles", "candles"
		if !from.IsZero() {
			path, budget = "/api/v5/market/history-candles", "old candles"
		}
		path += id + "&bar=" + name + "&limit=" + strconv.Itoa(n)
		if !to.IsZero() {
			path += "&after=" + venue.MS(to) // older than
		}
		if !from.IsZero() {
			path += "&before=" + venue.MS(from.Add(-time.Millisecond)) // newer than
		}
		return venue.Request{Path: path, Budget: budget}, nil
	}
	return venue.Request{}, fault.New(fault.Invalid, "OKX cannot be asked that")
}

// askTrades goes backwards from the newest trade wanted: by time to find the first
// page (type 2), by id from there (type 1).
func askTrades(a venue.Ask, id string) (venue.Request, error) {
	if a.AfterID == "" && a.From.IsZero() {
		return venue.Request{Path: "/api/v5/market/trades" + id + "&limit=" + strconv.Itoa(venue.PageSize(a, latestPage)), Budget: "trades"}, nil
	}
	path := "/api/v5/market/history-trades" + id + "&limit=" + strconv.Itoa(venue.PageSize(a, tradePage))
	if a.AfterID != "" {
		if _, err := strconv.ParseUint(a.AfterID, 10, 64); err != nil {
			return venue.Request{}, fault.At(fault.Invalid, "after_id", "%q is no trade id of OKX: they are numbers", a.AfterID)
		}
	}
	switch {
	case a.Cursor != "":
		path += "&type=1&after=" + url.QueryEscape(a.Cursor)
	case !a.To.IsZero():
		path += "&type=2&after=" + venue.MS(a.To)
	}
	return venue.Request{Path: path, Budget: "old trades"}, nil
}

// next goes through the parts of the instrument list, the windows of candles, and
// trades backwards until the beginning or the last known id is reached. Rows from
// before it come with the last page.
func next(a venue.Ask, got *market.Batch) (venue.Ask, bool) {
	switch a.What {
	case venue.AskInstruments:
		a.Section++
		return a, a.Section < len(sections)
	case venue.AskCandles:
		return venue.NextWindow(a, venue.PageSize(a, candlePage), got)
	case venue.AskDerivative, venue.AskFunding:
		return nextTerms(a, got)
	case venue.AskTrades:
		if a.AfterID == "" && a.From.IsZero() || len(got.Trades) < venue.PageSize(a, tradePage) {
			return a, false
		}
		oldest := got.Trades[0] // pages are turned round
		id, err := strconv.ParseUint(oldest.ID, 10, 64)
		known, _ := strconv.ParseUint(a.AfterID, 10, 64)
		if err != nil || oldest.ID == a.Cursor || id <= known+1 || oldest.At.Before(a.From) {
			return a, false
		}
		a.Cursor = oldest.ID
		return a, true
	}
	return a, false
}

// answer reads {"code":"0","msg":"","data":[…]}; rows come newest first and are
// turned round.
func answer(u *url.URL, body []byte, t *venue.Table, out *market.Batch) error {
	code, msg, data, err := envelope(body)
	if err != nil {
		return err
	}
	if code != "0" {
		return faultOf(code, msg)
	}
	c := &data
	q := u.Query()
	path, ours := strings.CutPrefix(u.Path, "/api/v5/")
	if !ours {
		return fault.New(fault.Invalid, "no decoder for %s", u.Path)
	}
	if (strings.HasPrefix(path, "market/") || strings.HasPrefix(path, "public/funding-rate")) && q.Get("instId") == "" {
		return fault.New(fault.Invalid, "the address does not say which instrument the answer is of")
	}
	in := func() *market.Instrument { return t.Find([]byte(q.Get("instId"))) }
	switch path {
	case "public/instruments":
		for ok := c.Arr(); ok && c.NextItem(); {
			instrument(c, t, out)
		}
	case "market/books", "market/books-full":
		for ok := c.Arr(); ok && c.NextItem(); {
			readBook(c, in(), out, true)
		}
	case "market/trades", "market/history-trades":
		for ok := c.Arr(); ok && c.NextItem(); {
			readTrade(c, in(), out)
			out.Trades[len(out.Trades)-1].Marks = market.Backfilled
		}
		slices.Reverse(out.Trades)
	case "market/candles", "market/history-candles":
		i := venue.IntervalOf(intervals, q.Get("bar"))
		if i == "" && q.Get("bar") == "" {
			i = "1m"
		}
		if i == "" {
			return fault.New(fault.Invalid, "candles of %q are not read", q.Get("bar"))
		}
		for ok := c.Arr(); ok && c.NextItem(); {
			readCandle(c, in(), i, out)
		}
		slices.Reverse(out.Candles)
	case "public/mark-price", "public/funding-rate", "public/funding-rate-history", "public/open-interest":
		for ok := c.Arr(); ok && c.NextItem(); {
			readRow(c, t, out, strings.HasSuffix(path, "history"))
		}
		slices.Reverse(out.Derivatives)
	case "market/index-tickers":
		for ok := c.Arr(); ok && c.NextItem(); {
			readIndex(c, contracts(t, q.Get("instId")), out)
		}
	case "public/time":
		for ok := c.Arr(); ok && c.NextItem(); {
			venue.Clock(c, out, "ts", (*scan.Cursor).Millis)
		}
	case "system/status":
		c.Skip()
	default:
		return fault.New(fault.Invalid, "no decoder for %s", u.Path)
	}
	return c.Err()
}

func envelope(body []byte) (code, msg string, data scan.Cursor, err error) {
	c := scan.New(body)
	has := false
	for ok := c.Obj(); ok && c.NextKey(); {
		switch string(c.K) {
		case "code":
			code = string(c.Raw())
		case "msg":
			msg = string(c.Str())
		case "data":
			data, has = c, true
			c.Skip()
		default:
			c.Skip()
		}
	}
	if code == "" || code == "0" && !has {
		c.Fail("answer without code and data")
	}
	return code, msg, data, c.End()
}

// kinds maps its codes. https://www.okx.com/docs-v5/en/#error-code
var kinds = map[string]fault.Kind{
	"50011": fault.Exhausted, "50061": fault.Exhausted, "50013": fault.Unavailable, "50026": fault.Unavailable,
	"50001": fault.Unavailable, "50004": fault.Unavailable, "50005": fault.Unavailable,
	"51001": fault.Unknown, "51014": fault.Unknown, "51015": fault.Unknown,
}

func faultOf(code, msg string) error {
	kind, ok := kinds[code]
	if !ok {
		kind = fault.Invalid
		if strings.HasPrefix(code, "5000") {
			kind = fault.Unavailable
		}
	}
	return fault.New(kind, "OKX answered code %s: %s", code, msg)
}

func failure(_ int, body []byte) error {
	code, msg, _, err := envelope(body)
	if err != nil || code == "0" {
		return nil // no error of its own making: the feed judges by status
	}
	return faultOf(code, msg)
}

var statuses = map[string]market.Status{
	"live": market.Trading, "suspend": market.Halted, "rebase": market.Halted, "preopen": market.PreTrading,
	"post_only": market.PreTrading, "expired": market.Delisted, "test": market.PreTrading,
}

// instrument takes base, quote and kind from the name, where they always stand; the
// list leaves them empty for contracts. The day of a future is that of its expiry.
func instrument(c *scan.Cursor, t *venue.Table, out *market.Batch) {
	var d market.Instrument
	times, inverse := money.MustParse("1"), false
	for ok := c.Obj(); ok && c.NextKey(); {
		switch string(c.K) {
		case "instId":
			d.Symbol = string(c.Str())
		case "state":
			d.Status = statuses[string(c.Str())]
		case "tickSz":
			d.PriceTick = c.Decimal()
		case "lotSz":
			d.QtyStep = c.Decimal()
		case "minSz":
			d.MinQty = c.Decimal()
		case "ctVal":
			d.Contract = c.Decimal()
		case "ctMult":
			if m := c.Decimal(); !m.IsZero() {
				times = m
			}
		case "ctType":
			inverse = string(c.Str()) == "inverse"
		case "settleCcy":
			d.Settle = asset.Code(c.Str())
		case "expTime":
			d.Expiry = c.Millis()
		default:
			c.Skip()
		}
	}
	in, ok := guess(d.Symbol)
	if c.Err() != nil || !ok || in.Kind == market.Option {
		return
	}
	in.Status, in.PriceTick, in.QtyStep, in.MinQty = d.Status, d.PriceTick, d.QtyStep, d.MinQty
	if in.Kind == market.Dated {
		in.Base, in.Quote = asset.Code(t.Code(string(in.Base))), asset.Code(t.Code(string(in.Quote)))
		if in.Pair = market.Future(in.Base, in.Quote, in.Expiry); !d.Expiry.IsZero() {
			in.Expiry, in.Pair = d.Expiry, market.Future(in.Base, in.Quote, d.Expiry)
		}
	}
	if worth, err := d.Contract.Mul(times); in.Kind != market.Spot && err == nil && !worth.IsZero() {
		in.Contract, in.Unit, in.Settle = worth.Trim(), market.InBase, asset.Code(t.Code(string(d.Settle)))
		if inverse {
			in.Unit = market.InQuote
		}
		in.QtyStep = venue.Worth(&in, money.Qty{Decimal: in.QtyStep}).Decimal
		in.MinQty = venue.Worth(&in, money.Qty{Decimal: in.MinQty}).Decimal
	}
	out.Instruments = append(out.Instruments, *t.Learn(in))
}
