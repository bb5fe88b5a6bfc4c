package bitget

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

var complaints = venue.Complaint{Venue: "Bitget", Code: "code", Text: "msg", Fine: "00000", Kinds: map[string]fault.Kind{
	"40001": fault.Unauthentic, "40002": fault.Unauthentic, "40003": fault.Unauthentic, "40006": fault.Unauthentic, "40009": fault.Unauthentic, "40011": fault.Unauthentic,
	"40012": fault.Unauthentic, "40037": fault.Unauthentic, "40014": fault.Denied, "40016": fault.Denied, "40018": fault.Denied, "40004": fault.Unavailable, "40005": fault.Unavailable,
	"40008": fault.Unavailable, "40200": fault.Unavailable, "45001": fault.Unavailable, "429": fault.Exhausted, "30007": fault.Exhausted, "43001": fault.Unknown, "40034": fault.Unknown,
}}

// accountPage is the most rows of one answer.
const accountPage = 100

func accountCall(a venue.AccountAsk) (venue.Call, error) {
	n := strconv.Itoa(accountPage)
	switch a.What {
	case venue.AskBalances:
		return venue.Call{Path: "/api/v2/spot/account/assets", Query: "assetType=hold_only"}, nil
	case venue.AskOrders:
		return venue.Call{Path: "/api/v2/spot/trade/unfilled-orders", Query: venue.Form("symbol", a.Symbol(), "limit", n, "idLessThan", a.Cursor)}, nil
	case venue.AskFills:
		if a.Instrument == nil {
			return venue.Call{}, a.Unanswered("Bitget", "it tells the fills of one pair at a time")
		}
		q := []string{"symbol", a.Symbol(), "limit", n, "idLessThan", a.Cursor}
		if !a.From.IsZero() {
			q = append(q, "startTime", venue.MS(a.From))
		}
		if !a.To.IsZero() {
			q = append(q, "endTime", strconv.FormatInt(a.To.UnixMilli()-1, 10))
		}
		return venue.Call{Path: "/api/v2/spot/trade/fills", Query: venue.Form(q...)}, nil
	}
	return venue.Call{}, a.Unanswered("Bitget", "it is not offered")
}

// accountNext goes back by the ids of a full page.
func accountNext(a venue.AccountAsk, got *trading.Account) (venue.AccountAsk, bool) {
	if got.Rows < accountPage || a.What == venue.AskBalances || a.What == venue.AskFills && a.From.IsZero() {
		return a, false
	}
	return venue.NextCursor(a, got)
}

var orderStatuses = map[string]trading.Status{
	"init": trading.Pending, "new": trading.Open, "live": trading.Open, "partially_filled": trading.PartiallyFilled, "partial_fill": trading.PartiallyFilled,
	"filled": trading.Filled, "full_fill": trading.Filled, "cancelled": trading.Canceled, "canceled": trading.Canceled, "cancel": trading.Canceled,
	"not_trigger": trading.Waiting, "triggered": trading.Pending, "executed": trading.Filled, "fail_trigger": trading.Rejected, "fail_execute": trading.Rejected,
}

var roles = map[string]trading.Role{"taker": trading.Taker, "maker": trading.Maker}

var accountBalances = venue.BalanceNames{Path: "data", Asset: "coin", Available: "available", Held: "frozen", Updated: "uTime", Then: locked}

// locked: what other products of the venue hold is told apart from what orders hold.
func locked(r venue.Row, b *trading.Balance) bool {
	if d, cut, err := venue.Amount(r["locked"]); err == nil && !d.IsZero() {
		held, e1 := b.Held.Add(d)
		total, e2 := b.Total.Add(d)
		if e1 == nil && e2 == nil {
			b.Held, b.Total, b.Cut = held, total, b.Cut || cut
		}
	}
	return true
}

// inQuote: a market order to buy is given in quote.
func inQuote(_ venue.Row, o *trading.Order) bool {
	if o.Kind == trading.Market && o.Side == market.Buy {
		o.Funds, o.Qty = o.Qty.Decimal, money.Qty{}
	}
	return true
}

// In the list of open orders priceAvg is the price of the order, and basePrice the average
// of its fills.
var accountSheet = venue.Sheet{
	Refused: &complaints, Cursor: "data.tradeId|orderId", Balances: accountBalances,
	Orders: venue.OrderNames{
		Path: "data", ID: "orderId", ClientID: "clientOid", Symbol: "symbol", Side: "side", Kind: "orderType", Price: "priceAvg", Qty: "size", Filled: "baseVolume",
		Average: "basePrice", Spent: "quoteVolume", Status: "status", Created: "cTime", Updated: "uTime", Statuses: orderStatuses, Then: inQuote,
	},
	Fills: venue.FillNames{
		Path: "data", Inside: "feeDetail", ID: "tradeId", OrderID: "orderId", Symbol: "symbol", Side: "side", Price: "priceAvg", Qty: "size",
		Fee: "feeDetail.totalFee", FeeAsset: "feeDetail.feeCoin", Role: "tradeScope", Roles: roles, At: "cTime",
	},
}

var accountStream = venue.PrivateStream{
	Path: "/v2/ws/private",
	Login: func(p venue.Pass) ([][]byte, error) {
		at := p.Seconds()
		return [][]byte{[]byte(`{"op":"login","args":[{"apiKey":` + sign.Quote(p.Reveal(venue.FieldKey)) + `,"passphrase":` + sign.Quote(p.Reveal(venue.FieldPassphrase)) +
			`,"timestamp":"` + at + `","sign":"` + sign.Base256(p.Reveal(venue.FieldSecret), at, "GET", "/user/verify") + `"}]}`)}, nil
	},
	Admitted: func(frame []byte) (string, bool, error) {
		r, err := eventOf(frame)
		switch {
		case err != nil:
		case r["event"] == "login" && r["code"] == "0":
			return "", true, nil
		case r["event"] == "error" || r["event"] == "login":
			err = fault.New(fault.Unauthentic, "Bitget refused the login: %s %s", r["code"], r["msg"])
		}
		return "", false, err
	},
	Subscribe: func(venue.Pass) ([][]byte, error) {
		return [][]byte{[]byte(`{"op":"subscribe","args":[{"instType":"SPOT","channel":"orders","instId":"default"},{"instType":"SPOT","channel":"fill","instId":"default"},` +
			`{"instType":"SPOT","channel":"account","coin":"default"}]}`)}, nil
	},
	Ping: []byte("ping"), PingEvery: 30 * time.Second,
	Open: func(t *venue.Table) venue.AccountFeed { return accountFeed{t} },
}

// eventOf reads a frame as a row; the text "pong" is one without members.
func eventOf(frame []byte) (venue.Row, error) {
	if string(frame) == "pong" {
		return venue.Row{"event": "pong"}, nil
	}
	return venue.OneRow(frame, "arg")
}

type accountFeed struct{ t *venue.Table }

var reported = venue.OrderNames{
	ID: "orderId", ClientID: "clientOid", Symbol: "instId|symbol", Side: "side", Kind: "orderType", Price: "price", Qty: "size|newSize", Filled: "accBaseVolume", Average: "priceAvg",
	Status: "status", Created: "cTime", Updated: "uTime", Statuses: orderStatuses, Then: inQuote,
}

var executed = venue.FillNames{
	ID: "tradeId", OrderID: "orderId", Symbol: "symbol|instId", Side: "side", Price: "priceAvg", Qty: "size", Fee: "feeDetail.totalFee", FeeAsset: "feeDetail.feeCoin",
	Role: "tradeScope", Roles: roles, At: "cTime",
}

// Decode reads {"action":…,"arg":{"channel":…},"data":[…]}.
func (f accountFeed) Decode(frame []byte, out *trading.Account) error {
	r, err := eventOf(frame)
	if err != nil {
		return err
	}
	switch channel := r["arg.channel"]; {
	case r["event"] == "pong":
		out.Say(market.Heartbeat, "", "")
	case r["event"] == "subscribe":
		out.Say(market.Ack, "", channel)
	case r["event"] == "error":
		out.Say(market.Refused, channel, strings.TrimSpace(r["code"]+" "+r["msg"]))
	case r["event"] != "":
	case channel == "orders":
		return venue.Rows(frame, "data", "", func(r venue.Row) error { return reported.Read(r, f.t, out) })
	case channel == "fill":
		return venue.Rows(frame, "data", "feeDetail", func(r venue.Row) error { return executed.Read(r, f.t, out) })
	case channel == "account":
		return venue.Rows(frame, "data", "", func(r venue.Row) error { return accountBalances.Read(r, f.t, out) })
	default:
		out.Say(market.Strange, "", "message of channel "+channel)
	}
	return nil
}
