package gate

import (
	"strconv"
	"strings"
	"time"

	"github.com/assayhq/assay/fault"
	"github.com/assayhq/assay/market"
	"github.com/assayhq/assay/market/venue"
	"github.com/assayhq/assay/market/venue/sign"
	"github.com/assayhq/assay/money"
	"github.com/assayhq/assay/trading"
)

var complaints = venue.Complaint{Venue: "Gate", Code: "label", Text: "message|detail", Kinds: map[string]fault.Kind{
	"INVALID_KEY": fault.Unauthentic, "INVALID_SIGNATURE": fault.Unauthentic, "INVALID_CREDENTIALS": fault.Unauthentic, "AUTHENTICATION_FAILED": fault.Unauthentic,
	"MISSING_REQUIRED_HEADER": fault.Unauthentic, "IP_FORBIDDEN": fault.Denied, "FORBIDDEN": fault.Denied, "READ_ONLY": fault.Denied, "ACCOUNT_LOCKED": fault.Denied,
	"TOO_MANY_REQUESTS": fault.Exhausted, "TOO_FAST": fault.Exhausted, "REQUEST_EXPIRED": fault.Unavailable, "SERVER_ERROR": fault.Unavailable, "INTERNAL": fault.Unavailable,
	"ORDER_NOT_FOUND": fault.Unknown, "INVALID_CURRENCY_PAIR": fault.Unknown, "CONTRACT_NOT_FOUND": fault.Unknown, "USER_NOT_FOUND": fault.Denied,
}}

const (
	accountPage = 100                 // the most open orders of one answer
	fillPage    = 1000                // the most fills of one answer
	fillWindow  = 30 * 24 * time.Hour // the longest span of fills that is told at once
)

func accountCall(a venue.AccountAsk) (venue.Call, error) {
	page := strconv.Itoa(a.Section + 1)
	switch a.What {
	case venue.AskBalances:
		return venue.Call{Path: "/api/v4/spot/accounts"}, nil
	case venue.AskOrders:
		if a.Instrument != nil {
			return venue.Call{Path: "/api/v4/spot/orders", Query: venue.Form("currency_pair", a.Symbol(), "status", "open", "page", page, "limit", strconv.Itoa(accountPage))}, nil
		}
		return venue.Call{Path: "/api/v4/spot/open_orders", Query: venue.Form("page", page, "limit", strconv.Itoa(accountPage))}, nil
	case venue.AskFills:
		from, to := fillSpan(a)
		return venue.Call{Path: "/api/v4/spot/my_trades", Query: venue.Form("currency_pair", a.Symbol(), "limit", strconv.Itoa(fillPage), "page", page, "from", from, "to", to)}, nil
	}
	return venue.Call{}, a.Unanswered("Gate", "it is not offered")
}

// fillSpan is the month from From in seconds, or nothing for the latest.
func fillSpan(a venue.AccountAsk) (from, to string) {
	if a.From.IsZero() {
		return "", ""
	}
	end := a.From.Add(fillWindow)
	if !a.To.IsZero() && a.To.Before(end) {
		end = a.To
	}
	return venue.Sec(a.From, false), venue.Sec(end, true)
}

// accountNext turns the page, and then the month: up to To, which the caller has to give
// for more than one. Section counts pages here.
func accountNext(a venue.AccountAsk, got *trading.Account) (venue.AccountAsk, bool) {
	switch {
	case a.What == venue.AskOrders && got.Rows >= accountPage:
		a.Section++
		return a, true
	case a.What != venue.AskFills || a.From.IsZero():
		return a, false
	case got.Rows >= fillPage:
		a.Section++
		return a, true
	case a.From.Add(fillWindow).Before(a.To):
		a.From, a.Section = a.From.Add(fillWindow), 0
		return a, true
	}
	return a, false
}

// Of an order that has ended, finish_as says how.
var orderStatuses = map[string]trading.Status{
	"open": trading.Open, "closed": trading.Filled, "filled": trading.Filled, "cancelled": trading.Canceled, "canceled": trading.Canceled, "expired": trading.Expired, "failed": trading.Rejected,
	"ioc": trading.Expired, "fok": trading.Expired, "poc": trading.Rejected, "stp": trading.Canceled, "liquidated": trading.Filled, "auto_deleveraged": trading.Canceled,
	"auto_deleveraging": trading.Canceled, "reduce_only": trading.Canceled, "position_closed": trading.Canceled, "position_close": trading.Canceled, "reduce_out": trading.Canceled,
	"liquidate_cancelled": trading.Canceled, "small": trading.Canceled, "depth_not_enough": trading.Canceled, "trader_not_enough": trading.Canceled,
	"_new": trading.Open, "_update": trading.Open,
}

var roles = map[string]trading.Role{"maker": trading.Maker, "taker": trading.Taker}

var (
	accountBalances = venue.BalanceNames{Asset: "currency", Available: "available", Held: "locked"}
	accountOrders   = venue.OrderNames{
		ID: "id", ClientID: "text", Symbol: "currency_pair", Side: "side", Kind: "type", Price: "price", Qty: "amount", Filled: "filled_amount", Left: "left",
		Average: "avg_deal_price", Spent: "filled_total", Status: "@status", Created: "create_time_ms", Updated: "update_time_ms", Statuses: orderStatuses, Then: inQuote,
	}
	accountFills = venue.FillNames{
		ID: "id", OrderID: "order_id", ClientID: "text", Symbol: "currency_pair", Side: "side", Price: "price", Qty: "amount", Fee: "fee", FeeAsset: "fee_currency", Paid: true,
		Role: "role", Roles: roles, At: "create_time_ms", Then: otherwisePaid,
	}
)

// inQuote: a market order to buy is given in quote, and so is what is left of it.
func inQuote(r venue.Row, o *trading.Order) bool {
	o.ClientID = own(o.ClientID)
	if o.Kind == trading.Market && o.Side == market.Buy {
		o.Funds, o.Qty = o.Qty.Decimal, money.Qty{}
		if r["filled_amount"] == "" {
			o.Filled, o.Average = money.Qty{}, money.Price{}
		}
	}
	return true
}

// own: a text is its owner's where it begins with t-; others tell where the order came from.
func own(text string) string {
	if strings.HasPrefix(text, "t-") {
		return text
	}
	return ""
}

// otherwisePaid: a fee can be paid in GT.
func otherwisePaid(r venue.Row, x *trading.Fill) bool {
	x.ClientID = own(x.ClientID)
	if gt, cut, err := venue.Amount(r["gt_fee"]); err == nil && x.Fee.IsZero() && !gt.IsZero() {
		x.Fee, x.FeeAsset, x.Cut = gt, "GT", x.Cut || cut
	}
	return true
}

// readOrder looks at how an order ended before at whether it did.
func readOrder(n *venue.OrderNames, r venue.Row, t *venue.Table, out *trading.Account) error {
	r["@status"] = r["status"]
	if how := r["finish_as"]; how != "" && how != "-" && how != "unknown" {
		r["@status"] = how
	}
	return n.Read(r, t, out)
}

func accountAnswer(a venue.AccountAsk, body []byte, t *venue.Table, out *trading.Account) error {
	switch a.What {
	case venue.AskBalances:
		out.Snapshot = true
		return venue.Rows(body, "", "", func(r venue.Row) error { return accountBalances.Read(r, t, out) })
	case venue.AskFills:
		return venue.Rows(body, "", "", func(r venue.Row) error { return accountFills.Read(r, t, out) })
	}
	path := ""
	if a.Instrument == nil {
		path = "*.orders" // by pair
	}
	return venue.Rows(body, path, "", func(r venue.Row) error { return readOrder(&accountOrders, r, t, out) })
}

func futuresAccountCall(a venue.AccountAsk) (venue.Call, error) {
	switch a.What {
	case venue.AskBalances:
		return venue.Call{Path: "/api/v4/futures/usdt/accounts"}, nil
	case venue.AskOrders:
		return venue.Call{Path: "/api/v4/futures/usdt/orders", Query: venue.Form("status", "open", "contract", a.Symbol(), "limit", strconv.Itoa(accountPage), "offset", skipped(a, accountPage))}, nil
	case venue.AskFills:
		from, to := fillSpan(a)
		return venue.Call{Path: "/api/v4/futures/usdt/my_trades_timerange", Query: venue.Form("contract", a.Symbol(), "from", from, "to", to, "limit", strconv.Itoa(fillPage), "offset", skipped(a, fillPage))}, nil
	}
	return venue.Call{}, a.Unanswered("Gate", "it is not offered")
}

// skipped is how many rows the pages before had; "" for none.
func skipped(a venue.AccountAsk, page int) string {
	if a.Section == 0 {
		return ""
	}
	return strconv.Itoa(a.Section * page)
}

var (
	futuresBalances = venue.BalanceNames{Asset: "currency", Total: "total", Available: "available"}
	futuresOrders   = venue.OrderNames{
		ID: "id", ClientID: "text", Symbol: "contract", Side: "@side", Kind: "@kind", Price: "price", Qty: "@qty", Left: "@left", Average: "fill_price", Status: "@status",
		Created: "create_time", Updated: "finish_time", Clock: venue.InSeconds, Statuses: orderStatuses, Contracts: true,
		Then: func(_ venue.Row, o *trading.Order) bool { o.ClientID = own(o.ClientID); return true },
	}
	futuresFills = venue.FillNames{
		ID: "trade_id|id", OrderID: "order_id", ClientID: "text", Symbol: "contract", Side: "@side", Price: "price", Qty: "@qty", Fee: "fee", Paid: true, FeeInQuote: true, Contracts: true,
		Role: "role", Roles: roles, At: "create_time", Clock: venue.InSeconds,
		Then: func(_ venue.Row, x *trading.Fill) bool { x.ClientID = own(x.ClientID); return true },
	}
)

// futuresAccountAnswer: the sign of a size is the side.
func futuresAccountAnswer(a venue.AccountAsk, body []byte, t *venue.Table, out *trading.Account) error {
	out.Snapshot = a.What == venue.AskBalances
	return venue.Rows(body, "", "", func(r venue.Row) error {
		side, qty := "buy", r["size"]
		if rest, sold := strings.CutPrefix(qty, "-"); sold {
			side, qty = "sell", rest
		}
		r["@side"], r["@qty"], r["@left"] = side, qty, strings.TrimPrefix(r["left"], "-")
		r["@kind"] = "limit"
		if p, _, err := venue.Amount(r["price"]); err == nil && p.IsZero() {
			r["@kind"] = "market"
		}
		switch a.What {
		case venue.AskBalances:
			return futuresBalances.Read(r, t, out)
		case venue.AskOrders:
			return readOrder(&futuresOrders, r, t, out)
		}
		return futuresFills.Read(r, t, out)
	})
}

// accountStream is the public stream with channels of one's own; each subscription is
// signed.
var accountStream = venue.PrivateStream{
	Path: "/ws/v4/",
	Subscribe: func(p venue.Pass) ([][]byte, error) {
		return [][]byte{channelFrame(p, "spot.orders_v2", `"!all"`), channelFrame(p, "spot.usertrades_v2", `"!all"`), channelFrame(p, "spot.balances", "")}, nil
	},
	Ping: []byte(`{"channel":"spot.ping"}`), PingEvery: 15 * time.Second,
	Open: func(t *venue.Table) venue.AccountFeed { return accountFeed{t} },
}

func channelFrame(p venue.Pass, channel, payload string) []byte {
	at := p.Seconds()
	s := sign.Hex512(p.Reveal(venue.FieldSecret), "channel=", channel, "&event=subscribe&time=", at)
	if payload != "" {
		payload = `,"payload":[` + payload + `]`
	}
	return []byte(`{"time":` + at + `,"channel":"` + channel + `","event":"subscribe"` + payload + `,"auth":{"method":"api_key","KEY":` + sign.Quote(p.Reveal(venue.FieldKey)) + `,"SIGN":"` + s + `"}}`)
}

type accountFeed struct{ t *venue.Table }

var streamedBalances = venue.BalanceNames{Asset: "currency", Total: "total", Available: "available", Held: "freeze", Updated: "timestamp_ms"}

// Decode reads {"channel":…,"event":"update","result":[…]}.
func (f accountFeed) Decode(frame []byte, out *trading.Account) error {
	r, err := venue.OneRow(frame, "error")
	if err != nil {
		return err
	}
	each := func(read func(venue.Row) error) error { return venue.Rows(frame, "result", "", read) }
	switch channel := r["channel"]; {
	case channel == "spot.pong":
		out.Say(market.Heartbeat, "", "")
	case r["error.message"] != "":
		out.Say(market.Refused, channel, r["error.message"])
	case r["event"] == "subscribe":
		out.Say(market.Ack, "", channel)
	case channel == "spot.orders_v2" || channel == "spot.orders":
		return each(func(r venue.Row) error { return readOrder(&accountOrders, r, f.t, out) })
	case channel == "spot.usertrades_v2" || channel == "spot.usertrades":
		return each(func(r venue.Row) error { return accountFills.Read(r, f.t, out) })
	case channel == "spot.balances":
		return each(func(r venue.Row) error { return streamedBalances.Read(r, f.t, out) })
	default:
		out.Say(market.Strange, "", "message of channel "+channel)
	}
	return nil
}
