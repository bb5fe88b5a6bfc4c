package kraken

import (
	"strconv"
	"strings"
	"time"

	"github.com/assayhq/assay/fault"
	"github.com/assayhq/assay/market"
	"github.com/assayhq/assay/market/venue"
	"github.com/assayhq/assay/money"
	"github.com/assayhq/assay/trading"
)

// fillPage is the fills of one answer.
const fillPage = 50

func accountCall(a venue.AccountAsk) (venue.Call, error) {
	switch a.What {
	case venue.AskBalances:
		return venue.Call{Method: "POST", Path: "/0/private/BalanceEx"}, nil
	case venue.AskOrders:
		return venue.Call{Method: "POST", Path: "/0/private/OpenOrders"}, nil
	case venue.AskFills:
		var start, end string
		if !a.From.IsZero() {
			start = strconv.FormatInt(a.From.Unix()-1, 10) // it is exclusive
		}
		if !a.To.IsZero() {
			end = venue.Sec(a.To, true)
		}
		return venue.Call{Method: "POST", Path: "/0/private/TradesHistory", Form: true, Body: venue.Form("start", start, "end", end, "ofs", a.Cursor), Weight: 2}, nil
	}
	return venue.Call{}, a.Unanswered("Kraken", "it is not offered")
}

// accountNext goes on at the next fifty fills.
func accountNext(a venue.AccountAsk, got *trading.Account) (venue.AccountAsk, bool) {
	if a.What != venue.AskFills || a.From.IsZero() || got.Rows < fillPage {
		return a, false
	}
	at, _ := strconv.Atoi(a.Cursor)
	a.Cursor = strconv.Itoa(at + got.Rows)
	return a, true
}

func accountAnswer(a venue.AccountAsk, body []byte, t *venue.Table, out *trading.Account) error {
	if err := failure(200, body); err != nil {
		return err
	}
	return accountSheet.Decode(a, body, t, out)
}

// accountFailure takes what the answer says, or else its status.
func accountFailure(status int, body []byte) error {
	if err := failure(status, body); err != nil {
		return err
	}
	plain := venue.Complaint{Venue: "Kraken"}
	return plain.Failure(status, nil)
}

var orderStatuses = map[string]trading.Status{
	"pending": trading.Pending, "open": trading.Open, "closed": trading.Filled, "canceled": trading.Canceled, "expired": trading.Expired,
	"pending_new": trading.Pending, "new": trading.Open, "partially_filled": trading.PartiallyFilled, "filled": trading.Filled, // of the stream
}

var accountSheet = venue.Sheet{
	Balances: venue.BalanceNames{Path: "result.*", Asset: "#", Total: "balance", Held: "hold_trade", Trim: plainAsset, Then: apart},
	Orders: venue.OrderNames{
		Path: "result.open.*", Inside: "descr",
		ID: "#", ClientID: "cl_ord_id", Symbol: "descr.pair", Side: "descr.type", Kind: "descr.ordertype", Price: "descr.price", Qty: "vol",
		Filled: "vol_exec", Average: "price", Status: "status", Created: "opentm", Updated: "closetm", Clock: venue.InSeconds, Statuses: orderStatuses,
		Then: func(r venue.Row, o *trading.Order) bool {
			if o.Kind == trading.Conditional { // its first price is the trigger
				p, _, err := venue.Amount(r["descr.price2"])
				o.Price = money.Price{}
				if err == nil {
					o.Price.Decimal = p
				}
			}
			return true
		},
	},
	Fills: venue.FillNames{
		Path: "result.trades.*",
		ID:   "#", OrderID: "ordertxid", ClientID: "cl_ord_id", Symbol: "pair", Side: "type", Price: "price", Qty: "vol", Fee: "fee", Paid: true, FeeInQuote: true,
		Role: "maker", Roles: map[string]trading.Role{"true": trading.Maker, "false": trading.Taker}, At: "time", Clock: venue.InSeconds,
	},
}

// plainAsset gives the name of an asset without the class before it (XXBT, ZUSD) and the
// wallet behind it (XBT.F). Only the oldest assets have a class.
func plainAsset(symbol string) string {
	name, _, _ := strings.Cut(symbol, ".")
	switch name {
	case "XXBT", "XETH", "XLTC", "XXRP", "XXDG", "XXLM", "XETC", "XXMR", "XZEC", "XREP", "XMLN",
		"ZUSD", "ZEUR", "ZGBP", "ZCAD", "ZJPY", "ZAUD":
		return name[1:]
	}
	return name
}

// apart: what is staked or earns a reward lies in a wallet of its own and cannot trade.
func apart(_ venue.Row, b *trading.Balance) bool {
	_, b.Wallet, _ = strings.Cut(b.Symbol, ".")
	return true
}

// accountStream is that of version 2, by a token that has to be shown within a quarter of
// an hour.
var accountStream = venue.PrivateStream{
	Stream: "wss://ws-auth.kraken.com", Path: "/v2",
	Ticket: &venue.PrivateTicket{
		Call: venue.Call{Method: "POST", Path: "/0/private/GetWebSocketsToken"},
		Read: func(answer []byte) (string, string, error) {
			if err := failure(200, answer); err != nil {
				return "", "", err
			}
			token := ""
			err := venue.Rows(answer, "result", "", func(r venue.Row) error { token = r["token"]; return nil })
			if err == nil && token == "" {
				err = fault.New(fault.Unavailable, "Kraken gave no token for the stream")
			}
			return "", token, err
		},
	},
	Subscribe: func(p venue.Pass) ([][]byte, error) {
		sub := func(params string, id int) []byte {
			return []byte(`{"method":"subscribe","params":{` + params + `,"token":` + strconv.Quote(p.Ticket) + `},"req_id":` + strconv.Itoa(id) + `}`)
		}
		return [][]byte{sub(`"channel":"executions","snap_orders":true,"snap_trades":false`, 1), sub(`"channel":"balances","snapshot":true`, 2)}, nil
	},
	Ping: []byte(`{"method":"ping"}`), PingEvery: 10 * time.Second,
	Open: func(t *venue.Table) venue.AccountFeed { return &accountFeed{t: t, orders: map[string]venue.Row{}} },
}

// accountFeed remembers the rows of open orders, since an update tells only what changed.
type accountFeed struct {
	t      *venue.Table
	orders map[string]venue.Row
}

// mostOrders bounds what a stream that never ends its orders makes us keep.
const mostOrders = 10000

var reported = venue.OrderNames{
	ID: "order_id", ClientID: "cl_ord_id", Symbol: "symbol", Side: "side", Kind: "order_type", Price: "limit_price", Qty: "order_qty", Filled: "cum_qty",
	Average: "avg_price", Spent: "cum_cost", Status: "order_status", Created: "created", Updated: "timestamp", Clock: venue.InText, Statuses: orderStatuses,
}

var executed = venue.FillNames{
	ID: "exec_id", OrderID: "order_id", ClientID: "cl_ord_id", Symbol: "symbol", Side: "side", Price: "last_price", Qty: "last_qty",
	Fee: "fees.qty", FeeAsset: "fees.asset", Paid: true, Role: "liquidity_ind", At: "timestamp", Clock: venue.InText,
	Roles: map[string]trading.Role{"m": trading.Maker, "t": trading.Taker},
}

var streamed = venue.BalanceNames{Asset: "asset", Total: "balance", Updated: "timestamp", Clock: venue.InText, Trim: plainAsset, Then: apart}

// Decode reads one message of the channels executions and balances.
func (f *accountFeed) Decode(frame []byte, out *trading.Account) error {
	r, err := venue.OneRow(frame, "")
	if err != nil {
		return err
	}
	switch r["channel"] {
	case "executions":
		return venue.Rows(frame, "data", "fees", func(r venue.Row) error { return f.execution(r, out) })
	case "balances":
		out.Snapshot = r["type"] == "snapshot"
		return venue.Rows(frame, "data", "", func(r venue.Row) error { return streamed.Read(r, f.t, out) })
	case "heartbeat", "status":
		out.Say(market.Heartbeat, "", "")
		return nil
	}
	switch {
	case r["method"] == "pong":
		out.Say(market.Heartbeat, "", "")
	case r["success"] == "true":
		out.Say(market.Ack, "", "")
	case r["success"] == "false":
		out.Say(market.Refused, "", r["error"])
	default:
		out.Say(market.Strange, "", "message of channel "+r["channel"])
	}
	return nil
}

func (f *accountFeed) execution(r venue.Row, out *trading.Account) error {
	id := r["order_id"]
	whole := f.orders[id]
	if whole == nil {
		whole = venue.Row{"created": r["timestamp"]}
		if len(f.orders) < mostOrders {
			f.orders[id] = whole
		}
	}
	for name, v := range r {
		whole[name] = v
	}
	if err := reported.Read(whole, f.t, out); err != nil {
		return err
	}
	if n := len(out.Orders); n > 0 && out.Orders[n-1].Status.Final() {
		delete(f.orders, id)
	}
	if r["exec_type"] != "trade" {
		return nil
	}
	fill := venue.Row{"symbol": whole["symbol"], "side": whole["side"], "cl_ord_id": whole["cl_ord_id"]}
	for name, v := range r {
		fill[name] = v
	}
	return executed.Read(fill, f.t, out)
}
