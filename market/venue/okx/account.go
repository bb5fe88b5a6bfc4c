package okx

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

var complaints = venue.Complaint{Venue: "OKX", Code: "code", Text: "msg", Fine: "0", Kinds: map[string]fault.Kind{
	"50101": fault.Unauthentic, "50103": fault.Unauthentic, "50104": fault.Unauthentic, "50105": fault.Unauthentic, "50106": fault.Unauthentic,
	"50107": fault.Unauthentic, "50111": fault.Unauthentic, "50112": fault.Unauthentic, "50113": fault.Unauthentic, "50114": fault.Unauthentic, "50119": fault.Unauthentic,
	"50110": fault.Denied, "50120": fault.Denied, "50030": fault.Denied, "50011": fault.Exhausted, "50061": fault.Exhausted,
	"50102": fault.Unavailable, "50001": fault.Unavailable, "50004": fault.Unavailable, "50013": fault.Unavailable, "50026": fault.Unavailable,
	"51001": fault.Unknown,
}}

// accountPage is the most rows of one answer.
const accountPage = 100

// fillSections are the kinds of instrument that fills are asked for one by one.
var fillSections = []string{"SPOT", "SWAP", "FUTURES"}

func accountCall(a venue.AccountAsk) (venue.Call, error) {
	n := strconv.Itoa(accountPage)
	switch a.What {
	case venue.AskBalances:
		return venue.Call{Path: "/api/v5/account/balance"}, nil
	case venue.AskOrders:
		return venue.Call{Path: "/api/v5/trade/orders-pending", Query: venue.Form("instId", a.Symbol(), "limit", n, "after", a.Cursor)}, nil
	case venue.AskFills:
		section := fillSections[min(a.Section, len(fillSections)-1)]
		if a.Instrument != nil {
			section = sectionOf(a.Instrument.Kind)
		}
		q := []string{"instType", section, "instId", a.Symbol(), "limit", n, "after", a.Cursor}
		if !a.From.IsZero() {
			q = append(q, "begin", venue.MS(a.From))
		}
		if !a.To.IsZero() {
			q = append(q, "end", venue.MS(a.To))
		}
		return venue.Call{Path: "/api/v5/trade/fills-history", Query: venue.Form(q...)}, nil
	}
	return venue.Call{}, a.Unanswered("OKX", "it is not offered")
}

func sectionOf(k market.Kind) string {
	switch k {
	case market.Perpetual:
		return "SWAP"
	case market.Dated:
		return "FUTURES"
	case market.Option:
		return "OPTION"
	}
	return "SPOT"
}

// accountNext goes back by the ids of a full page, then to the next section of fills.
func accountNext(a venue.AccountAsk, got *trading.Account) (venue.AccountAsk, bool) {
	switch {
	case a.What == venue.AskBalances:
		return a, false
	case got.Rows >= accountPage && (a.What == venue.AskOrders || !a.From.IsZero()):
		return venue.NextCursor(a, got)
	case a.What == venue.AskFills && a.Instrument == nil && a.Section+1 < len(fillSections):
		a.Section, a.Cursor = a.Section+1, ""
		return a, true
	}
	return a, false
}

var orderStatuses = map[string]trading.Status{
	"live": trading.Open, "partially_filled": trading.PartiallyFilled, "filled": trading.Filled, "canceled": trading.Canceled, "mmp_canceled": trading.Canceled,
}

var roles = map[string]trading.Role{"T": trading.Taker, "M": trading.Maker}

var accountBalances = venue.BalanceNames{Path: "data.*.details", Asset: "ccy", Total: "cashBal", Available: "availBal|availEq", Held: "frozenBal", Updated: "uTime"}

var accountOrders = venue.OrderNames{
	Path: "data", ID: "ordId", ClientID: "clOrdId", Symbol: "instId", Side: "side", Kind: "ordType", Price: "px", Qty: "sz", Filled: "accFillSz", Average: "avgPx",
	Status: "state", Created: "cTime", Updated: "uTime", Statuses: orderStatuses, Contracts: true,
	Then: func(r venue.Row, o *trading.Order) bool {
		if r["tgtCcy"] == "quote_ccy" { // a market order that was given in quote
			o.Funds, o.Qty = o.Qty.Decimal, money.Qty{}
		}
		return true
	},
}

var accountSheet = venue.Sheet{
	Refused: &complaints, Cursor: "data.billId|ordId", Balances: accountBalances, Orders: accountOrders,
	Fills: venue.FillNames{
		Path: "data", ID: "tradeId", OrderID: "ordId", ClientID: "clOrdId", Symbol: "instId", Side: "side", Price: "fillPx", Qty: "fillSz",
		Fee: "fee", FeeAsset: "feeCcy", Role: "execType", Roles: roles, At: "ts", Contracts: true,
	},
}

var accountStream = venue.PrivateStream{
	Path: "/ws/v5/private",
	Login: func(p venue.Pass) ([][]byte, error) {
		at := p.Seconds()
		return [][]byte{[]byte(`{"op":"login","args":[{"apiKey":` + strconv.Quote(p.Reveal(venue.FieldKey)) + `,"passphrase":` + strconv.Quote(p.Reveal(venue.FieldPassphrase)) +
			`,"timestamp":"` + at + `","sign":"` + sign.Base256(p.Reveal(venue.FieldSecret), at, "GET", "/users/self/verify") + `"}]}`)}, nil
	},
	Admitted: func(frame []byte) (string, bool, error) {
		r, err := eventOf(frame)
		switch {
		case err != nil:
		case r["event"] == "login" && r["code"] == "0":
			return "", true, nil
		case r["event"] == "error" || r["event"] == "login":
			err = fault.New(fault.Unauthentic, "OKX refused the login: %s %s", r["code"], r["msg"])
		}
		return "", false, err
	},
	Subscribe: func(venue.Pass) ([][]byte, error) {
		return [][]byte{[]byte(`{"op":"subscribe","args":[{"channel":"orders","instType":"ANY"},{"channel":"account"}]}`)}, nil
	},
	Ping: []byte("ping"), PingEvery: 20 * time.Second,
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

// executed is the fill that an order's report carries.
var executed = venue.FillNames{
	ID: "tradeId", OrderID: "ordId", ClientID: "clOrdId", Symbol: "instId", Side: "side", Price: "fillPx", Qty: "fillSz",
	Fee: "fillFee", FeeAsset: "fillFeeCcy", Role: "execType", Roles: roles, At: "fillTime", Contracts: true,
}

// Decode reads {"arg":{"channel":…},"data":[…]}.
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
	case r["event"] == "notice":
		out.Say(market.Moving, "", r["msg"])
	case r["event"] != "":
	case channel == "orders":
		return venue.Rows(frame, "data", "", func(r venue.Row) error {
			if err := accountOrders.Read(r, f.t, out); err != nil || r["tradeId"] == "" {
				return err
			}
			return executed.Read(r, f.t, out)
		})
	case channel == "account":
		return venue.Rows(frame, "data.*.details", "", func(r venue.Row) error { return accountBalances.Read(r, f.t, out) })
	default:
		out.Say(market.Strange, "", "message of channel "+channel)
	}
	return nil
}
