package bithumb

import (
	"strconv"
	"time"

	"github.com/assayhq/assay/fault"
	"github.com/assayhq/assay/market"
	"github.com/assayhq/assay/market/venue"
	"github.com/assayhq/assay/money"
	"github.com/assayhq/assay/trading"
)

var complaints = venue.Complaint{Venue: "Bithumb", Inside: "error", Code: "error.name", Text: "error.message", Kinds: map[string]fault.Kind{
	"invalid_access_key": fault.Unauthentic, "invalid_jwt": fault.Unauthentic, "jwt_verification": fault.Unauthentic, "expired_jwt": fault.Unavailable,
	"invalid_query_payload": fault.Unauthentic, "NotAllowIP": fault.Denied, "out_of_scope": fault.Denied, "not_found_order": fault.Unknown, "order_not_found": fault.Unknown,
	"too_many_requests": fault.Exhausted,
}}

// accountPage is the most rows of one answer.
const accountPage = 100

func accountCall(a venue.AccountAsk) (venue.Call, error) {
	switch a.What {
	case venue.AskBalances:
		return venue.Call{Path: "/v1/accounts"}, nil
	case venue.AskOrders:
		return venue.Call{Path: "/v1/orders", Query: venue.Form("market", a.Symbol(), "state", openState(a), "page", orderPage(a), "limit", strconv.Itoa(accountPage))}, nil
	}
	return venue.Call{}, a.Unanswered("Bithumb", "it tells fills with each order alone; the stream tells them as they come")
}

// openStates are asked for one by one.
var openStates = []string{"wait", "watch"}

func openState(a venue.AccountAsk) string { return openStates[min(a.Section, len(openStates)-1)] }

// orderPage counts from 1, and stands in the cursor.
func orderPage(a venue.AccountAsk) string {
	if a.Cursor == "" {
		return "1"
	}
	return a.Cursor
}

// accountNext turns the page, then goes to the next state.
func accountNext(a venue.AccountAsk, got *trading.Account) (venue.AccountAsk, bool) {
	switch {
	case a.What != venue.AskOrders:
		return a, false
	case got.Rows >= accountPage:
		n, _ := strconv.Atoi(orderPage(a))
		a.Cursor = strconv.Itoa(n + 1)
		return a, true
	case a.Section+1 < len(openStates):
		a.Section, a.Cursor = a.Section+1, ""
		return a, true
	}
	return a, false
}

var orderStatuses = map[string]trading.Status{
	"wait": trading.Open, "watch": trading.Waiting, "done": trading.Filled, "cancel": trading.Canceled, "trade": trading.Open, "prevented": trading.Canceled,
}

// A market order to buy has the kind "price", which is what it spends.
var orderKinds = map[string]trading.OrderKind{"price": trading.Market, "best": trading.Limit}

var accountSheet = venue.Sheet{
	Balances: venue.BalanceNames{Asset: "currency", Available: "balance", Held: "locked"},
	Orders: venue.OrderNames{
		ID: "uuid", ClientID: "identifier", Symbol: "market|code", Side: "side|ask_bid", Kind: "ord_type|order_type", Kinds: orderKinds, Price: "price", Qty: "volume",
		Filled: "executed_volume", Spent: "executed_funds", Status: "state", Created: "created_at", Clock: venue.InText, Statuses: orderStatuses, Then: spending,
	},
}

// spending: what a market order to buy left over is canceled; what it bought is all that it
// was for.
func spending(r venue.Row, o *trading.Order) bool {
	if r.Get("ord_type|order_type") == "price" {
		o.Funds, o.Price = o.Price.Decimal, money.Price{}
		if o.Status == trading.Canceled && o.Filled.Sign() > 0 {
			o.Status = trading.Filled
		}
	}
	return true
}

func accountAnswer(a venue.AccountAsk, body []byte, t *venue.Table, out *trading.Account) error {
	if err := complaints.In(body); err != nil {
		return err
	}
	return accountSheet.Decode(a, body, t, out)
}

// accountStream is entered with the token of a request.
var accountStream = venue.PrivateStream{
	Path: "/websocket/v2/private",
	Header: func(k venue.Credentials, m venue.Moment) (map[string]string, error) {
		return map[string]string{"Authorization": "Bearer " + passport(k, m, "")}, nil
	},
	Subscribe: func(p venue.Pass) ([][]byte, error) {
		return [][]byte{[]byte(`[{"ticket":"` + p.UUID() + `"},{"type":"myOrder"},{"type":"myAsset"}]`)}, nil
	},
	Ping: []byte("PING"), PingEvery: time.Minute,
	Open: func(t *venue.Table) venue.AccountFeed { return accountFeed{t} },
}

type accountFeed struct{ t *venue.Table }

// A report of a trade tells price and volume of the trade, so the order's own volume is
// what is executed and what is left.
var reported = venue.OrderNames{
	ID: "uuid", ClientID: "identifier", Symbol: "code", Side: "ask_bid", Kind: "order_type", Kinds: orderKinds, Price: "@price", Filled: "executed_volume", Left: "remaining_volume",
	Average: "avg_price", Spent: "executed_funds", Status: "state", Created: "order_timestamp", Updated: "timestamp", Statuses: orderStatuses, Then: spending,
}

var executed = venue.FillNames{
	ID: "trade_uuid", OrderID: "uuid", ClientID: "identifier", Symbol: "code", Side: "ask_bid", Price: "price", Qty: "volume", Fee: "trade_fee", Paid: true, FeeInQuote: true,
	Role: "is_maker", Roles: map[string]trading.Role{"true": trading.Maker, "false": trading.Taker}, At: "trade_timestamp",
}

// Decode reads {"type":"myOrder",…} and {"type":"myAsset","assets":[…]}.
func (f accountFeed) Decode(frame []byte, out *trading.Account) error {
	r, err := venue.OneRow(frame, "error")
	if err != nil {
		return err
	}
	switch {
	case r["type"] == "myOrder":
		trade := r["state"] == "trade"
		if !trade {
			r["@price"] = r["price"]
		}
		if err := reported.Read(r, f.t, out); err != nil || !trade || r["trade_uuid"] == "" {
			return err
		}
		return executed.Read(r, f.t, out)
	case r["type"] == "myAsset":
		n := accountSheet.Balances
		n.Updated = "@at"
		return venue.Rows(frame, "assets", "", func(b venue.Row) error {
			b["@at"] = r["asset_timestamp"]
			return n.Read(b, f.t, out)
		})
	case r["status"] == "UP":
		out.Say(market.Heartbeat, "", "")
	case r["error.name"] != "":
		out.Say(market.Refused, "", r["error.name"])
	default:
		out.Say(market.Strange, "", "message of type "+r["type"])
	}
	return nil
}
