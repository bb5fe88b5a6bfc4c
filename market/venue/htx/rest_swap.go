package htx

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
)

// fundings is the rows of a page of funding history.
const fundings = 50

// The parts of AskDerivative, which the exchange answers one by one.
var parts = []string{"mark", "index", "interest", "funding"}

func askSwap(a venue.Ask) (venue.Request, error) {
	kind, code := section(a.Instrument.Symbol), "contract_code="+url.QueryEscape(a.Instrument.Symbol)
	api, market := "/"+kind+"-api/v1/", "/"+kind+"-ex/market/"
	switch a.What {
	case venue.AskInstruments:
		if a.Section > 0 {
			return venue.Request{Path: "/" + inverse + "-api/v1/swap_contract_info"}, nil
		}
		return venue.Request{Path: "/" + linear + "-api/v1/swap_contract_info?business_type=all"}, nil
	case venue.AskClock:
		return venue.Request{Path: "/api/v1/timestamp"}, nil
	case venue.AskBook:
		step := "step0"
		if a.Depth > 0 && a.Depth <= 20 {
			step = "step6" // as step0, of 20 levels
		}
		return venue.Request{Path: market + "depth?" + code + "&type=" + step}, nil
	case venue.AskTrades:
		return venue.Request{Path: market + "history/trade?" + code + "&size=" + strconv.Itoa(venue.PageSize(a, page))}, nil
	case venue.AskCandles:
		name, err := venue.IntervalName("HTX Contracts", intervals, a.Interval)
		if err != nil {
			return venue.Request{}, err
		}
		path := market + "history/kline?" + code + "&period=" + name
		n := venue.PageSize(a, page)
		from, to := venue.Window(a, n)
		if from.IsZero() && !to.IsZero() {
			from = to.Add(-time.Duration(n) * a.Interval.Length()) // one is not taken without the other
		}
		if from.IsZero() {
			return venue.Request{Path: path + "&size=" + strconv.Itoa(n)}, nil
		}
		return venue.Request{Path: path + "&from=" + venue.Sec(from, true) + "&to=" + venue.Sec(to.Add(-time.Nanosecond), false)}, nil
	case venue.AskDerivative:
		switch a.Cursor {
		case "", "mark":
			if kind == linear {
				kind = "linear_swap"
			}
			return venue.Request{Path: "/index/market/history/" + kind + "_mark_price_kline?" + code + "&period=1min&size=1"}, nil
		case "index":
			return venue.Request{Path: api + "swap_index?" + code}, nil
		case "interest":
			return venue.Request{Path: api + "swap_open_interest?" + code}, nil
		case "funding":
			return venue.Request{Path: api + "swap_funding_rate?" + code}, nil
		}
	case venue.AskFunding:
		n := a.Cursor
		if n == "" {
			n = "1"
		}
		return venue.Request{Path: api + "swap_historical_funding_rate?" + code + "&page_index=" + url.QueryEscape(n) + "&page_size=" + strconv.Itoa(fundings)}, nil
	}
	return venue.Request{}, fault.New(fault.Invalid, "HTX Contracts cannot be asked that")
}

func nextSwap(a venue.Ask, got *market.Batch) (venue.Ask, bool) {
	switch a.What {
	case venue.AskInstruments:
		a.Section++
		return a, a.Section < 2
	case venue.AskCandles:
		return venue.NextWindow(a, venue.PageSize(a, page), got)
	case venue.AskDerivative:
		of := parts
		if a.Instrument.Kind == market.Dated {
			of = parts[:len(parts)-1] // it has no funding
		}
		for i, p := range of {
			if (p == a.Cursor || a.Cursor == "" && i == 0) && i+1 < len(of) {
				a.Cursor = of[i+1]
				return a, true
			}
		}
	case venue.AskFunding: // newest first
		n, _ := strconv.Atoi(a.Cursor)
		rows := len(got.Derivatives)
		if rows < fundings || a.From.IsZero() || got.Derivatives[rows-1].FundingAt.Before(a.From) {
			return a, false
		}
		a.Cursor = strconv.Itoa(max(n, 1) + 1)
		return a, true
	}
	return a, false
}

// answerSwap reads the body that came from u.
func answerSwap(u *url.URL, body []byte, t *venue.Table, out *market.Batch) error {
	code := u.Query().Get("contract_code")
	what := u.Path[strings.LastIndexByte(u.Path, '/')+1:]
	if code == "" && what != "swap_contract_info" && what != "timestamp" {
		return fault.New(fault.Invalid, "the address %s does not name a contract", u.Path)
	}
	r, err := unwrap(body)
	if err != nil {
		return err
	}
	f := &feed{t: t, swap: true}
	marks := len(out.Derivatives)
	switch what {
	case "timestamp":
		out.Clock = r.at
		return nil
	case "swap_contract_info":
		return r.rows(func(c *scan.Cursor) { contract(c, t, out) })
	case "linear_swap_mark_price_kline", "swap_mark_price_kline":
		if !r.has {
			return errNoData
		}
		f.price(&r.body, t.Find([]byte(code)), false, out)
		err = r.body.Err()
	case "swap_index", "swap_open_interest":
		err = r.rows(func(c *scan.Cursor) { figures(c, t.Find([]byte(code)), out) })
	case "swap_funding_rate":
		if !r.has {
			return errNoData
		}
		funding(&r.body, t.Find([]byte(code)), false, out)
		err = r.body.Err()
	case "swap_historical_funding_rate":
		return history(&r, t.Find([]byte(code)), out)
	default:
		return past(f, u, t.Find([]byte(code)), &r, out)
	}
	for i := marks; i < len(out.Derivatives); i++ {
		if out.Derivatives[i].At.IsZero() {
			out.Derivatives[i].At = r.at
		}
	}
	return err
}

// figures reads {index_price,index_ts} or {volume} of the open interest.
func figures(c *scan.Cursor, in *market.Instrument, out *market.Batch) {
	d := venue.Derivative(out, in)
	for ok := c.Obj(); ok && c.NextKey(); {
		switch string(c.K) {
		case "index_price":
			d.Index, d.Has = c.Price(), d.Has|market.StatedIndex
		case "index_ts":
			d.At = c.Millis()
		case "volume":
			d.Interest, d.Has = size(in, half(c.Qty())), d.Has|market.StatedInterest
		default:
			c.Skip()
		}
	}
	if d.Has == 0 {
		c.Fail("neither index nor open interest")
	}
}

// funding reads {funding_rate,funding_time,next_funding_time}, of the present period or
// of one that was paid.
func funding(c *scan.Cursor, in *market.Instrument, settled bool, out *market.Batch) {
	d := venue.Derivative(out, in)
	d.Settled = settled
	var after time.Time
	for ok := c.Obj(); ok && c.NextKey(); {
		switch string(c.K) {
		case "funding_rate":
			if t := c.Peek(); t == 'n' {
				c.Skip()
			} else {
				d.Funding, d.Has = c.Decimal(), market.StatedFunding
			}
		case "funding_time":
			d.FundingAt = c.Millis()
		case "next_funding_time":
			after = c.Millis()
		default:
			c.Skip()
		}
	}
	if settled {
		d.At = d.FundingAt
	} else if after.After(d.FundingAt) {
		d.Interval = after.Sub(d.FundingAt)
	}
	if d.Has == 0 || d.FundingAt.IsZero() {
		c.Fail("funding without a rate or a time")
	}
}

// history reads {total_page,data:[…]}.
func history(r *reply, in *market.Instrument, out *market.Batch) error {
	if !r.has {
		return errNoData
	}
	c := &r.body
	for ok := c.Obj(); ok && c.NextKey(); {
		if !c.Is("data") {
			c.Skip()
			continue
		}
		for ok := c.Arr(); ok && c.NextItem(); {
			funding(c, in, true, out)
		}
	}
	return c.Err()
}

// contractStates are the words of contract_status; what is not listed is being settled or
// delivered.
var contractStates = map[int64]market.Status{0: market.Delisted, 1: market.Trading, 2: market.PreTrading, 8: market.Delisted}

// contract reads {contract_code,contract_size,price_tick,contract_status,delivery_time,…}.
func contract(c *scan.Cursor, t *venue.Table, out *market.Batch) {
	var in market.Instrument
	var expiry time.Time
	for ok := c.Obj(); ok && c.NextKey(); {
		switch string(c.K) {
		case "contract_code":
			in.Symbol = string(c.Str())
		case "contract_size":
			in.Contract = c.Decimal().Trim()
		case "price_tick":
			in.PriceTick = c.Decimal().Trim()
		case "contract_status":
			var ok bool
			if in.Status, ok = contractStates[c.Int()]; !ok {
				in.Status = market.Halted
			}
		case "delivery_time":
			expiry = c.Millis()
		default:
			c.Skip()
		}
	}
	if in.Symbol == "" || c.Err() != nil {
		return
	}
	known, ok := guessSwap(in.Symbol)
	if !ok {
		venue.Say(out, market.Strange, "", in.Symbol, "contract "+in.Symbol+" has a name of another kind")
		return
	}
	known.Contract, known.PriceTick, known.Status, known.PriceDecimals, known.QtyDecimals = in.Contract, in.PriceTick, in.Status, -1, -1
	known.QtyStep, known.MinQty, known.Unit = in.Contract, in.Contract, market.InBase
	if section(in.Symbol) == inverse {
		known.Unit = market.InQuote
	}
	if known.Kind == market.Dated {
		if !expiry.IsZero() {
			known.Expiry = expiry
		}
		known.Base, known.Quote = asset.Code(t.Code(string(known.Base))), asset.Code(t.Code(string(known.Quote)))
		known.Pair = market.Future(known.Base, known.Quote, known.Expiry)
	}
	known.Settle = asset.Code(t.Code(string(known.Settle)))
	out.Instruments = append(out.Instruments, *t.Learn(known))
}
