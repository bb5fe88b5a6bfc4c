package mexc

import (
	"strconv"
	"time"

	"github.com/assayhq/assay/fault"
	"github.com/assayhq/assay/market"
	"github.com/assayhq/assay/market/venue"
	"github.com/assayhq/assay/trading"
)

var complaints = venue.Complaint{Venue: "MEXC", Code: "code", Text: "msg|message", Kinds: map[string]fault.Kind{
	"401": fault.Unauthentic, "402": fault.Unauthentic, "602": fault.Unauthentic, "700001": fault.Unauthentic, "700002": fault.Unauthentic, "10072": fault.Unauthentic, "10073": fault.Unauthentic,
	"403": fault.Denied, "700006": fault.Denied, "700007": fault.Denied, "700013": fault.Denied, "140002": fault.Denied, "700003": fault.Unavailable, "700005": fault.Unavailable,
	"500": fault.Unavailable, "503": fault.Unavailable, "504": fault.Unavailable, "429": fault.Exhausted, "-1121": fault.Unknown, "10007": fault.Unknown, "-2013": fault.Unknown,
}}

// fillPage is the most fills of one answer.
const fillPage = 1000

func accountCall(a venue.AccountAsk) (venue.Call, error) {
	if a.What != venue.AskBalances && a.Instrument == nil {
		return venue.Call{}, a.Unanswered("MEXC", "it tells the orders and fills of one pair at a time")
	}
	switch a.What {
	case venue.AskBalances:
		return venue.Call{Path: "/api/v3/account", Weight: 10}, nil
	case venue.AskOrders:
		return venue.Call{Path: "/api/v3/openOrders", Query: venue.Form("symbol", a.Symbol()), Weight: 3}, nil
	case venue.AskFills:
		q := []string{"symbol", a.Symbol(), "limit", strconv.Itoa(fillPage)}
		if !a.From.IsZero() {
			q = append(q, "startTime", venue.MS(a.From))
		}
		if !a.To.IsZero() {
			q = append(q, "endTime", strconv.FormatInt(a.To.UnixMilli()-1, 10))
		}
		return venue.Call{Path: "/api/v3/myTrades", Query: venue.Form(q...), Weight: 10}, nil
	}
	return venue.Call{}, a.Unanswered("MEXC", "it is not offered")
}

// accountNext goes back in time: the newest fills come first.
func accountNext(a venue.AccountAsk, got *trading.Account) (venue.AccountAsk, bool) {
	return venue.NextOlder(a, got, fillPage)
}

var accountSheet = venue.Sheet{
	Balances: venue.BalanceNames{Path: "balances", Asset: "asset", Available: "free", Held: "locked"},
	Orders: venue.OrderNames{
		ID: "orderId", ClientID: "clientOrderId", Symbol: "symbol", Side: "side", Kind: "type", Price: "price", Qty: "origQty", Funds: "origQuoteOrderQty", Filled: "executedQty",
		Spent: "cummulativeQuoteQty", Status: "status", Created: "time", Updated: "updateTime",
		Statuses: map[string]trading.Status{
			"NEW": trading.Open, "PARTIALLY_FILLED": trading.PartiallyFilled, "FILLED": trading.Filled, "CANCELED": trading.Canceled, "PARTIALLY_CANCELED": trading.Canceled,
			"REJECTED": trading.Rejected, "EXPIRED": trading.Expired,
		},
		Kinds: map[string]trading.OrderKind{"IMMEDIATE_OR_CANCEL": trading.Limit, "FILL_OR_KILL": trading.Limit},
	},
	Fills: venue.FillNames{
		ID: "id", OrderID: "orderId", ClientID: "clientOrderId", Symbol: "symbol", Price: "price", Qty: "qty", Fee: "commission", FeeAsset: "commissionAsset", Paid: true,
		Role: "isMaker", Roles: map[string]trading.Role{"true": trading.Maker, "false": trading.Taker}, At: "time",
		Then: func(r venue.Row, x *trading.Fill) bool {
			switch r["isBuyer"] {
			case "true":
				x.Side = market.Buy
			case "false":
				x.Side = market.Sell
			}
			return true
		},
	},
}

const listenKeys = "/api/v3/userDataStream"

// accountStream is entered by a listen key. Its messages are protocol buffers, which are
// not read yet.
var accountStream = venue.PrivateStream{
	Stream: "wss://wbs-api.mexc.com", Path: "/ws",
	Ticket: &venue.PrivateTicket{
		Call: venue.Call{Method: "POST", Path: listenKeys},
		Read: func(answer []byte) (string, string, error) {
			r, err := venue.OneRow(answer, "")
			if err == nil && r["listenKey"] == "" {
				err = fault.New(fault.Unavailable, "MEXC gave no listen key")
			}
			return "/ws?" + venue.Form("listenKey", r["listenKey"]), r["listenKey"], err
		},
	},
	Keep: &venue.Keep{Every: 30 * time.Minute, Call: func(key string) venue.Call {
		return venue.Call{Method: "PUT", Path: listenKeys, Query: venue.Form("listenKey", key)}
	}},
	Subscribe: func(venue.Pass) ([][]byte, error) {
		return [][]byte{[]byte(`{"method":"SUBSCRIPTION","params":["spot@private.orders.v3.api.pb","spot@private.deals.v3.api.pb","spot@private.account.v3.api.pb"]}`)}, nil
	},
	Ping: []byte(`{"method":"PING"}`), PingEvery: 30 * time.Second,
}
