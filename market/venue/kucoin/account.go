package kucoin

import (
	"strconv"
	"strings"
	"time"

	"github.com/assayhq/assay/fault"
	"github.com/assayhq/assay/market"
	"github.com/assayhq/assay/market/venue"
	"github.com/assayhq/assay/trading"
)

var complaints = venue.Complaint{Venue: "KuCoin", Code: "code", Text: "msg", Fine: "200000", Kinds: map[string]fault.Kind{
	"400001": fault.Unauthentic, "400003": fault.Unauthentic, "400004": fault.Unauthentic, "400005": fault.Unauthentic, "400006": fault.Denied, "400007": fault.Denied,
	"400002": fault.Unavailable, "411100": fault.Denied, "429000": fault.Exhausted, "500000": fault.Unavailable, "900001": fault.Unknown, "400100": fault.Invalid,
}}

const (
	accountPage = 500                // the most rows of one answer
	fillWindow  = 7 * 24 * time.Hour // the longest span of fills that is told at once
)

func accountCall(a venue.AccountAsk) (venue.Call, error) {
	page := strconv.Itoa(max(a.Section, 0) + 1)
	n := strconv.Itoa(accountPage)
	switch a.What {
	case venue.AskBalances:
		return venue.Call{Path: "/api/v1/accounts", Query: "type=trade", Weight: 5}, nil
	case venue.AskOrders:
		return venue.Call{Path: "/api/v1/orders", Query: venue.Form("status", "active", "tradeType", "TRADE", "symbol", a.Symbol(), "currentPage", page, "pageSize", n), Weight: 2}, nil
	case venue.AskFills:
		return venue.Call{Path: "/api/v1/fills", Query: fillQuery(a, "TRADE", page, n), Weight: 10}, nil
	}
	return venue.Call{}, a.Unanswered("KuCoin", "it is not offered")
}

// fillQuery asks for the week from From, or for the latest one.
func fillQuery(a venue.AccountAsk, trade, page, n string) string {
	q := []string{"symbol", a.Symbol(), "tradeType", trade, "currentPage", page, "pageSize", n}
	if !a.From.IsZero() {
		end := a.From.Add(fillWindow)
		if !a.To.IsZero() && a.To.Before(end) {
			end = a.To
		}
		q = append(q, "startAt", venue.MS(a.From), "endAt", strconv.FormatInt(end.UnixMilli()-1, 10))
	}
	return venue.Form(q...)
}

// accountNext turns the page, and then the week: up to To, which the caller has to give
// for more than one.
func accountNext(a venue.AccountAsk, got *trading.Account) (venue.AccountAsk, bool) {
	switch {
	case a.What == venue.AskBalances:
		return a, false
	case got.Rows >= accountPage && (a.What == venue.AskOrders || !a.From.IsZero()):
		a.Section++
		return a, true
	case a.What == venue.AskFills && !a.From.IsZero() && a.From.Add(fillWindow).Before(a.To):
		a.From, a.Section = a.From.Add(fillWindow), 0
		return a, true
	}
	return a, false
}

var roles = map[string]trading.Role{"maker": trading.Maker, "taker": trading.Taker}

var accountSheet = venue.Sheet{
	Refused:  &complaints,
	Balances: venue.BalanceNames{Path: "data", Asset: "currency", Wallet: "type", Total: "balance", Available: "available", Held: "holds"},
	Orders: venue.OrderNames{
		Path: "data.items", ID: "id", ClientID: "clientOid", Symbol: "symbol", Side: "side", Kind: "type", Price: "price", Qty: "size", Funds: "funds",
		Filled: "dealSize", Spent: "dealFunds", Created: "createdAt", Then: standing,
	},
	Fills: venue.FillNames{
		Path: "data.items", ID: "tradeId", OrderID: "orderId", Symbol: "symbol", Side: "side", Price: "price", Qty: "size", Fee: "fee", FeeAsset: "feeCurrency", Paid: true,
		Role: "liquidity", Roles: roles, At: "createdAt",
	},
}

// standing: an order has no word for how it stands, but two members that tell.
func standing(r venue.Row, o *trading.Order) bool {
	switch {
	case r["isActive"] == "true" || r["status"] == "open":
		o.Status = trading.Open
	case r["cancelExist"] == "true":
		o.Status = trading.Canceled
	case r["isActive"] == "false" || r["status"] == "done":
		o.Status = trading.Filled
	default:
		o.Status = trading.StatusUnknown
	}
	if r["stop"] != "" && r["stopTriggered"] == "false" {
		o.Kind = trading.Conditional
		if o.Status == trading.Open {
			o.Status = trading.Waiting
		}
	}
	return true
}

func futuresAccountCall(a venue.AccountAsk) (venue.Call, error) {
	page, n := strconv.Itoa(max(a.Section, 0)+1), strconv.Itoa(accountPage)
	switch a.What {
	case venue.AskBalances:
		return venue.Call{Path: "/api/v1/account-overview", Query: "currency=USDT", Weight: 5}, nil
	case venue.AskOrders:
		return venue.Call{Path: "/api/v1/orders", Query: venue.Form("status", "active", "symbol", a.Symbol(), "currentPage", page, "pageSize", n), Weight: 2}, nil
	case venue.AskFills:
		return venue.Call{Path: "/api/v1/fills", Query: fillQuery(a, "", page, n), Weight: 5}, nil
	}
	return venue.Call{}, a.Unanswered("KuCoin", "it is not offered")
}

var futuresAccountSheet = venue.Sheet{
	Refused:  &complaints,
	Balances: venue.BalanceNames{Path: "data", Asset: "currency", Total: "marginBalance", Available: "availableBalance"},
	Orders: venue.OrderNames{
		Path: "data.items", ID: "id", ClientID: "clientOid", Symbol: "symbol", Side: "side", Kind: "type", Price: "price", Qty: "size", Contracts: true,
		Filled: "dealSize|filledSize", Created: "createdAt", Updated: "updatedAt", Then: standing,
	},
	Fills: venue.FillNames{
		Path: "data.items", ID: "tradeId", OrderID: "orderId", Symbol: "symbol", Side: "side", Price: "price", Qty: "size", Fee: "fee", FeeAsset: "feeCurrency", Paid: true,
		Contracts: true, Role: "liquidity", Roles: roles, At: "createdAt",
	},
}

// accountStream is entered like the public one, by a token.
var accountStream = venue.PrivateStream{
	Ticket: &venue.PrivateTicket{Call: venue.Call{Method: "POST", Path: "/api/v1/bullet-private", Weight: 10}, Read: readTicket},
	Admitted: func(frame []byte) (string, bool, error) {
		r, err := venue.OneRow(frame, "")
		if err == nil && r["type"] == "error" {
			err = fault.New(fault.Unauthentic, "KuCoin refused the connection: %s", r["data"])
		}
		return "", err == nil && r["type"] == "welcome", err
	},
	Subscribe: func(venue.Pass) ([][]byte, error) {
		return [][]byte{topicFrame("1", "/spotMarket/tradeOrdersV2"), topicFrame("2", "/account/balance")}, nil
	},
	Ping: []byte(`{"id":"ping","type":"ping"}`), PingEvery: 18 * time.Second,
	Open: func(t *venue.Table) venue.AccountFeed { return accountFeed{t} },
}

// futuresAccountStream subscribes to what futures call alike.
var futuresAccountStream = venue.PrivateStream{
	Ticket: accountStream.Ticket, Admitted: accountStream.Admitted, Ping: accountStream.Ping, PingEvery: accountStream.PingEvery,
	Subscribe: func(venue.Pass) ([][]byte, error) {
		return [][]byte{topicFrame("1", "/contractMarket/tradeOrders"), topicFrame("2", "/contractAccount/wallet")}, nil
	},
}

func topicFrame(id, topic string) []byte {
	return []byte(`{"id":"` + id + `","type":"subscribe","topic":"` + topic + `","privateChannel":true,"response":true}`)
}

// readTicket gives where to connect: the first server that is told, with the token.
func readTicket(answer []byte) (string, string, error) {
	if err := complaints.In(answer); err != nil {
		return "", "", err
	}
	var server, token string
	if err := venue.Rows(answer, "data", "", func(r venue.Row) error { token = r["token"]; return nil }); err != nil {
		return "", "", err
	}
	err := venue.Rows(answer, "data.instanceServers", "", func(r venue.Row) error {
		if server == "" {
			server = r["endpoint"]
		}
		return nil
	})
	switch {
	case err != nil:
		return "", "", err
	case token == "" || !strings.HasPrefix(server, "wss://"):
		return "", "", fault.New(fault.Unavailable, "KuCoin gave no token for the stream")
	}
	return strings.TrimRight(server, "/") + "?" + venue.Form("token", token), token, nil
}

type accountFeed struct{ t *venue.Table }

var streamedOrders = venue.OrderNames{
	ID: "orderId", ClientID: "clientOid", Symbol: "symbol", Side: "side", Kind: "orderType", Price: "price", Qty: "originSize|size", Funds: "originFunds|funds", Filled: "filledSize",
	Status: "@status", Created: "orderTime", Updated: "ts", Clock: inMillisOrNanos,
	Statuses: map[string]trading.Status{
		"received": trading.Pending, "open": trading.Open, "match": trading.Open, "update": trading.Open, "filled": trading.Filled, "canceled": trading.Canceled,
	},
}

var streamedFills = venue.FillNames{
	ID: "tradeId", OrderID: "orderId", ClientID: "clientOid", Symbol: "symbol", Side: "side", Price: "matchPrice", Qty: "matchSize", Role: "liquidity", Roles: roles,
	At: "ts", Clock: inMillisOrNanos, Paid: true,
}

// inMillisOrNanos: the stream tells times in either, and they are six digits apart.
func inMillisOrNanos(text string) (time.Time, bool) {
	if len(text) > 16 {
		return venue.InNanos(text)
	}
	return venue.InMillis(text)
}

// Decode reads {"type":"message","topic":…,"data":{…}}.
func (f accountFeed) Decode(frame []byte, out *trading.Account) error {
	r, err := venue.OneRow(frame, "")
	if err != nil {
		return err
	}
	switch {
	case r["type"] == "pong" || r["type"] == "welcome":
		out.Say(market.Heartbeat, "", "")
	case r["type"] == "ack":
		out.Say(market.Ack, "", "")
	case r["type"] == "error":
		out.Say(market.Refused, "", r["data"])
	case strings.HasPrefix(r["topic"], "/spotMarket/tradeOrders"):
		return venue.Rows(frame, "data", "", func(r venue.Row) error { return f.order(r, out) })
	case r["topic"] == "/account/balance":
		n := venue.BalanceNames{Asset: "currency", Total: "total", Available: "available", Held: "hold", Updated: "time"}
		return venue.Rows(frame, "data", "", func(r venue.Row) error { return n.Read(r, f.t, out) })
	default:
		out.Say(market.Strange, "", "message of topic "+r["topic"])
	}
	return nil
}

// order reads an order's event, and its fill if it is one. Of a match the fee is not told.
func (f accountFeed) order(r venue.Row, out *trading.Account) error {
	r["@status"] = r["type"]
	if err := streamedOrders.Read(r, f.t, out); err != nil || r["type"] != "match" {
		return err
	}
	return streamedFills.Read(r, f.t, out)
}
