package binance

import (
	"strconv"
	"time"

	"github.com/assayhq/assay/fault"
	"github.com/assayhq/assay/market"
	"github.com/assayhq/assay/market/venue"
	"github.com/assayhq/assay/money"
	"github.com/assayhq/assay/trading"
)

var complaints = venue.Complaint{Venue: "Binance", Code: "code", Text: "msg", Kinds: map[string]fault.Kind{
	"-1022": fault.Unauthentic, "-2014": fault.Unauthentic, "-2015": fault.Unauthentic, "-1002": fault.Denied,
	"-1003": fault.Exhausted, "-1015": fault.Exhausted, "-1121": fault.Unknown, "-2013": fault.Unknown,
	"-1021": fault.Unavailable, "-1007": fault.Unavailable, "-1001": fault.Unavailable, // the time is measured anew
}}

func accountCall(a venue.AccountAsk) (venue.Call, error) {
	switch a.What {
	case venue.AskBalances:
		return venue.Call{Path: "/api/v3/account", Query: "omitZeroBalances=true", Weight: 20}, nil
	case venue.AskOrders:
		c := venue.Call{Path: "/api/v3/openOrders", Query: venue.Form("symbol", a.Symbol()), Weight: 6}
		if a.Instrument == nil {
			c.Weight = 80
		}
		return c, nil
	case venue.AskFills:
		return fillsCall(a, "/api/v3/myTrades")
	}
	return venue.Call{}, a.Unanswered("Binance", "it is not offered")
}

func usdmCall(a venue.AccountAsk) (venue.Call, error) {
	switch a.What {
	case venue.AskBalances:
		return venue.Call{Path: "/fapi/v3/account", Weight: 5}, nil
	case venue.AskOrders:
		return venue.Call{Path: "/fapi/v1/openOrders", Query: venue.Form("symbol", a.Symbol()), Weight: 40}, nil
	case venue.AskFills:
		c, err := fillsCall(a, "/fapi/v1/userTrades")
		if err == nil && a.Cursor == "" && !a.From.IsZero() {
			end := a.From.Add(usdmWindow)
			if !a.To.IsZero() && a.To.Before(end) {
				end = a.To
			}
			c.Query += "&endTime=" + strconv.FormatInt(end.UnixMilli()-1, 10)
		}
		return c, err
	}
	return venue.Call{}, a.Unanswered("Binance", "it is not offered")
}

func fillsCall(a venue.AccountAsk, path string) (venue.Call, error) {
	if a.Instrument == nil {
		return venue.Call{}, a.Unanswered("Binance", "it tells the fills of one pair at a time")
	}
	q := []string{"symbol", a.Symbol(), "limit", strconv.Itoa(page)}
	switch {
	case a.Cursor != "":
		q = append(q, "fromId", a.Cursor)
	case !a.From.IsZero():
		q = append(q, "startTime", venue.MS(a.From))
	}
	return venue.Call{Path: path, Query: venue.Form(q...), Weight: 20}, nil
}

// accountNext pages fills by their ids, oldest first.
func accountNext(a venue.AccountAsk, got *trading.Account) (venue.AccountAsk, bool) {
	n := len(got.Fills)
	if a.What != venue.AskFills || a.From.IsZero() || got.Rows < page || n == 0 {
		return a, false
	}
	id, err := strconv.ParseInt(got.Fills[n-1].ID, 10, 64)
	before, _ := strconv.ParseInt(a.Cursor, 10, 64)
	a.Cursor = strconv.FormatInt(id+1, 10)
	return a, err == nil && id >= before
}

// usdmWindow is the longest span of fills that USD-M tells at once.
const usdmWindow = 7 * 24 * time.Hour

// usdmNext goes week by week up to To, until a page is full; from there on by ids.
func usdmNext(a venue.AccountAsk, got *trading.Account) (venue.AccountAsk, bool) {
	if next, more := accountNext(a, got); more {
		return next, true
	}
	if a.What != venue.AskFills || a.From.IsZero() || a.Cursor != "" || !a.From.Add(usdmWindow).Before(a.To) {
		return a, false
	}
	a.From = a.From.Add(usdmWindow)
	return a, true
}

var orderStatuses = map[string]trading.Status{
	"NEW": trading.Open, "PENDING_NEW": trading.Pending, "PARTIALLY_FILLED": trading.PartiallyFilled, "FILLED": trading.Filled,
	"CANCELED": trading.Canceled, "PENDING_CANCEL": trading.Canceling, "REJECTED": trading.Rejected,
	"EXPIRED": trading.Expired, "EXPIRED_IN_MATCH": trading.Expired,
}

var makers = map[string]trading.Role{"true": trading.Maker, "false": trading.Taker}

var accountSheet = venue.Sheet{
	Balances: venue.BalanceNames{Path: "balances", Asset: "asset", Available: "free", Held: "locked"},
	Orders: venue.OrderNames{
		ID: "orderId", ClientID: "clientOrderId", Symbol: "symbol", Side: "side", Kind: "type", Price: "price", Qty: "origQty",
		Funds: "origQuoteOrderQty", Filled: "executedQty", Spent: "cummulativeQuoteQty", Status: "status", Created: "time", Updated: "updateTime",
		Statuses: orderStatuses, Then: waiting,
	},
	Fills: venue.FillNames{
		ID: "id", OrderID: "orderId", Symbol: "symbol", Price: "price", Qty: "qty", Fee: "commission", FeeAsset: "commissionAsset",
		Role: "isMaker", At: "time", Roles: makers, Paid: true, Then: buyer,
	},
}

// waiting: a conditional order is NEW from the beginning, and works when its trigger came.
func waiting(r venue.Row, o *trading.Order) bool {
	if r["isWorking"] == "false" && o.Status == trading.Open {
		o.Status = trading.Waiting
	}
	return true
}

func buyer(r venue.Row, x *trading.Fill) bool {
	switch r["isBuyer"] {
	case "true":
		x.Side = market.Buy
	case "false":
		x.Side = market.Sell
	}
	return true
}

var usdmSheet = venue.Sheet{
	Balances: venue.BalanceNames{Path: "assets", Asset: "asset", Total: "walletBalance", Available: "availableBalance", Updated: "updateTime", Then: unburdened},
	Orders: venue.OrderNames{
		ID: "orderId", ClientID: "clientOrderId", Symbol: "symbol", Side: "side", Kind: "type", Price: "price", Qty: "origQty",
		Filled: "executedQty", Average: "avgPrice", Spent: "cumQuote", Status: "status", Created: "time", Updated: "updateTime", Statuses: orderStatuses,
	},
	Fills: venue.FillNames{
		ID: "id", OrderID: "orderId", Symbol: "symbol", Side: "side", Price: "price", Qty: "qty", Fee: "commission", FeeAsset: "commissionAsset",
		Role: "maker", At: "time", Roles: makers, Paid: true,
	},
}

// unburdened: open profit can make more available than there is; nothing is held then.
func unburdened(_ venue.Row, b *trading.Balance) bool {
	if b.Held.IsNeg() {
		b.Held = money.Decimal{}
	}
	return true
}

// accountStream is that of the WebSocket API, which subscribes with a signature; listen
// keys of spot are gone from the documents since 2026.
var accountStream = venue.PrivateStream{
	Stream: "wss://ws-api.binance.com:443", Path: "/ws-api/v3",
	Login: func(p venue.Pass) ([][]byte, error) {
		query := "apiKey=" + p.Reveal(venue.FieldKey) + "&timestamp=" + p.Millis() // in order of names
		s, err := sealed(p.Reveal(venue.FieldSecret), query)
		return [][]byte{[]byte(`{"id":"login","method":"userDataStream.subscribe.signature","params":{"apiKey":` + strconv.Quote(p.Reveal(venue.FieldKey)) +
			`,"timestamp":` + p.Millis() + `,"signature":` + strconv.Quote(s) + `}}`)}, err
	},
	Admitted: func(frame []byte) (string, bool, error) {
		r, err := venue.OneRow(frame, "error")
		if err == nil && r["id"] == "login" && r["status"] != "200" {
			err = complaintOf(r)
		}
		return "", err == nil && r["id"] == "login", err
	},
	Open: func(t *venue.Table) venue.AccountFeed { return accountFeed{t} },
}

func complaintOf(r venue.Row) error {
	return complaints.Failure(401, []byte(`{"code":`+strconv.Quote(r["error.code"])+`,"msg":`+strconv.Quote(r["error.msg"])+`}`))
}

type accountFeed struct{ t *venue.Table }

var reported = venue.OrderNames{
	ID: "i", ClientID: "c", Symbol: "s", Side: "S", Kind: "o", Price: "p", Qty: "q", Funds: "Q", Filled: "z", Average: "ap", Spent: "Z",
	Status: "X", Created: "O", Updated: "T", Statuses: orderStatuses,
	Then: func(r venue.Row, o *trading.Order) bool {
		if r["C"] != "" { // a cancellation has an id of its own; this is the order's
			o.ClientID = r["C"]
		}
		if r["w"] == "false" && o.Status == trading.Open {
			o.Status = trading.Waiting
		}
		return true
	},
}

var executed = venue.FillNames{
	ID: "t", OrderID: "i", ClientID: "c", Symbol: "s", Side: "S", Price: "L", Qty: "l", Fee: "n", FeeAsset: "N", Role: "m", At: "T", Roles: makers, Paid: true,
}

var positioned = venue.BalanceNames{Asset: "a", Available: "f", Held: "l", Updated: "u"}

var moved = venue.BalanceNames{Asset: "a", Total: "d", Updated: "T", Then: func(_ venue.Row, b *trading.Balance) bool { b.Change = true; return true }}

// Decode reads {"subscriptionId":0,"event":{"e":…}}.
func (f accountFeed) Decode(frame []byte, out *trading.Account) error {
	n := 0
	err := venue.Rows(frame, "event", "", func(r venue.Row) error {
		n++
		switch r["e"] {
		case "executionReport":
			return report(r, f.t, out)
		case "outboundAccountPosition":
			return venue.Rows(frame, "event.B", "", func(b venue.Row) error {
				b["u"] = r["u"] // the event's time is that of each
				return positioned.Read(b, f.t, out)
			})
		case "balanceUpdate":
			return moved.Read(r, f.t, out)
		case "eventStreamTerminated":
			out.Say(market.Moving, "", "the stream ends")
		case "listStatus", "externalLockUpdate":
		default:
			out.Say(market.Strange, "", "event "+r["e"])
		}
		return nil
	})
	if err != nil || n > 0 {
		return err
	}
	r, err := venue.OneRow(frame, "error")
	switch {
	case err != nil:
		return err
	case r["status"] == "200":
		out.Say(market.Ack, "", "")
	default:
		out.Say(market.Refused, "", r["error.msg"])
	}
	return nil
}

// report reads an order's report, and its execution if it is one.
func report(r venue.Row, t *venue.Table, out *trading.Account) error {
	if err := reported.Read(r, t, out); err != nil || r["x"] != "TRADE" {
		return err
	}
	return executed.Read(r, t, out)
}

// usdmStream is that of USD-M futures, by a listen key of an hour.
var usdmStream = venue.PrivateStream{
	Stream: "wss://fstream.binance.com",
	Ticket: &venue.PrivateTicket{
		Call: venue.Call{Method: "POST", Path: "/fapi/v1/listenKey"},
		Read: func(answer []byte) (string, string, error) {
			r, err := venue.OneRow(answer, "")
			if err == nil && r["listenKey"] == "" {
				err = fault.New(fault.Unavailable, "Binance gave no listen key")
			}
			return "/ws/" + r["listenKey"], r["listenKey"], err
		},
	},
	Keep: &venue.Keep{Every: 30 * time.Minute, Call: func(string) venue.Call { return venue.Call{Method: "PUT", Path: "/fapi/v1/listenKey"} }},
	Open: func(t *venue.Table) venue.AccountFeed { return usdmFeed{t} },
}

type usdmFeed struct{ t *venue.Table }

var walletBalances = venue.BalanceNames{Asset: "a", Total: "wb"}

// Decode reads {"e":"ORDER_TRADE_UPDATE","o":{…}} and {"e":"ACCOUNT_UPDATE","a":{"B":[…]}}.
func (f usdmFeed) Decode(frame []byte, out *trading.Account) error {
	r, err := venue.OneRow(frame, "")
	if err != nil {
		return err
	}
	switch r["e"] {
	case "ORDER_TRADE_UPDATE":
		return venue.Rows(frame, "o", "", func(r venue.Row) error { return report(r, f.t, out) })
	case "ACCOUNT_UPDATE":
		return venue.Rows(frame, "a.B", "", func(r venue.Row) error { return walletBalances.Read(r, f.t, out) })
	case "listenKeyExpired":
		out.Say(market.Moving, "", "the listen key has expired")
	case "TRADE_LITE", "ALGO_UPDATE", "MARGIN_CALL", "ACCOUNT_CONFIG_UPDATE", "STRATEGY_UPDATE", "GRID_UPDATE", "CONDITIONAL_ORDER_TRIGGER_REJECT":
	default:
		out.Say(market.Strange, "", "event "+r["e"])
	}
	return nil
}
