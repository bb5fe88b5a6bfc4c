package htx

import (
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/assayhq/assay/asset"
	"github.com/assayhq/assay/fault"
	"github.com/assayhq/assay/market"
	"github.com/assayhq/assay/market/venue"
	"github.com/assayhq/assay/market/venue/sign"
	"github.com/assayhq/assay/money"
	"github.com/assayhq/assay/trading"
)

var complaints = venue.Complaint{Venue: "HTX", Code: "err-code|err_code|code", Text: "err-msg|err_msg|message|msg", Fine: "200", Kinds: map[string]fault.Kind{
	"api-signature-not-valid": fault.Unauthentic, "api-signature-check-failed": fault.Unauthentic, "1003": fault.Unauthentic, "403": fault.Unauthentic, "2002": fault.Unauthentic,
	"api-not-support-temp-addr": fault.Denied, "gateway-internal-error": fault.Unavailable, "timeout": fault.Unavailable, "system-maintenance": fault.Unavailable,
	"base-request-exceed-frequency-limit": fault.Exhausted, "rate-too-many-requests": fault.Exhausted, "base-symbol-error": fault.Unknown, "invalid symbol": fault.Unknown,
	"base-record-invalid": fault.Unknown, "1013": fault.Unknown, "1017": fault.Unknown, "1061": fault.Unknown, "1220": fault.Denied, "1010": fault.Denied,
}}

const (
	accountPage = 500            // the most rows of one answer
	fillWindow  = 48 * time.Hour // the longest span of fills that is told at once
)

// accountCall: balances are asked for by the number of an account, which has to be asked
// for first.
func accountCall(a venue.AccountAsk) (venue.Call, error) {
	switch a.What {
	case venue.AskBalances:
		if a.Wallet == "" {
			return venue.Call{Path: "/v1/account/accounts"}, nil
		}
		return venue.Call{Path: "/v1/account/accounts/" + url.PathEscape(a.Wallet) + "/balance"}, nil
	case venue.AskOrders: // by pair it wants the account's number too, so all are asked for
		return venue.Call{Path: "/v1/order/openOrders", Query: venue.Form("size", strconv.Itoa(accountPage))}, nil
	case venue.AskFills:
		if a.Instrument == nil {
			return venue.Call{}, a.Unanswered("HTX", "it tells the fills of one pair at a time")
		}
		q := []string{"symbol", a.Symbol(), "size", strconv.Itoa(accountPage)}
		if !a.From.IsZero() {
			q = append(q, "start-time", venue.MS(a.From), "end-time", venue.MS(windowEnd(a)))
		}
		if a.Cursor != "" {
			q = append(q, "from", a.Cursor, "direct", "next")
		}
		return venue.Call{Path: "/v1/order/matchresults", Query: venue.Form(q...)}, nil
	}
	return venue.Call{}, a.Unanswered("HTX", "it is not offered")
}

func windowEnd(a venue.AccountAsk) time.Time {
	end := a.From.Add(fillWindow)
	if !a.To.IsZero() && a.To.Before(end) {
		return a.To
	}
	return end
}

// accountNext goes from the account's number to its balances; of fills, back by their ids,
// and then to the next two days: up to To, which the caller has to give for more.
func accountNext(a venue.AccountAsk, got *trading.Account) (venue.AccountAsk, bool) {
	switch {
	case a.What == venue.AskBalances && a.Wallet == "" && len(got.Wallets) > 0:
		a.Wallet = got.Wallets[0]
		return a, true
	case a.What != venue.AskFills || a.From.IsZero():
		return a, false
	case got.Rows >= accountPage && got.Cursor != a.Cursor:
		return venue.NextCursor(a, got)
	case a.From.Add(fillWindow).Before(a.To):
		a.From, a.Cursor = a.From.Add(fillWindow), ""
		return a, true
	}
	return a, false
}

var orderStatuses = map[string]trading.Status{
	"created": trading.Pending, "submitted": trading.Open, "partial-filled": trading.PartiallyFilled, "filled": trading.Filled, "partial-canceled": trading.Canceled,
	"canceling": trading.Canceling, "canceled": trading.Canceled, "rejected": trading.Rejected,
}

var roles = map[string]trading.Role{"maker": trading.Maker, "taker": trading.Taker, "Maker": trading.Maker, "Taker": trading.Taker}

// The type of an order is its side and its kind, as in buy-limit.
var accountSheet = venue.Sheet{
	Refused: &complaints, Cursor: "data.id",
	Balances: venue.BalanceNames{Asset: "currency", Available: "trade", Held: "frozen", Trim: strings.ToUpper},
	Orders: venue.OrderNames{
		Path: "data", ID: "id", ClientID: "client-order-id", Symbol: "symbol", Kind: "type", Price: "price", Qty: "amount", Filled: "filled-amount|field-amount",
		Spent: "filled-cash-amount|field-cash-amount", Status: "state", Created: "created-at", Updated: "finished-at", Statuses: orderStatuses, Then: inQuote,
	},
	Fills: venue.FillNames{
		Path: "data", ID: "trade-id", OrderID: "order-id", Symbol: "symbol", Price: "price", Qty: "filled-amount", Fee: "filled-fees", Paid: true,
		Role: "role", Roles: roles, At: "created-at",
	},
}

// sideOfType is what an order's type begins with, as in buy-limit.
func sideOfType(kind string) market.Side {
	side, _, _ := strings.Cut(kind, "-")
	return venue.SideOf([]byte(side))
}

// inQuote: a market order to buy is given in quote.
func inQuote(r venue.Row, o *trading.Order) bool {
	o.Side = sideOfType(r["type"])
	if r["type"] == "buy-market" {
		o.Funds, o.Qty = o.Qty.Decimal, money.Qty{}
	}
	return true
}

func accountAnswer(a venue.AccountAsk, body []byte, t *venue.Table, out *trading.Account) error {
	if a.What != venue.AskBalances {
		s := accountSheet
		s.Fills.Then = func(r venue.Row, x *trading.Fill) bool {
			x.Side, x.FeeAsset = sideOfType(r["type"]), asset.Code(t.Code(strings.ToUpper(r["fee-currency"])))
			return true
		}
		s.Orders.Then = func(r venue.Row, o *trading.Order) bool {
			return inQuote(r, o) && (a.Instrument == nil || a.Symbol() == o.Symbol)
		}
		return s.Decode(a, body, t, out)
	}
	if err := complaints.In(body); err != nil {
		return err
	}
	if a.Wallet == "" {
		return venue.AllRows(body, "data", "", func(r venue.Row) error {
			if r["type"] == "spot" && r["state"] == "working" {
				out.Wallets = append(out.Wallets, r["id"])
			}
			return nil
		})
	}
	return balancesByType(body, t, out)
}

// balancesByType: what is available and what is held stand in rows of their own.
func balancesByType(body []byte, t *venue.Table, out *trading.Account) error {
	var rows []venue.Row
	at := map[string]venue.Row{}
	err := venue.AllRows(body, "data.list", "", func(r venue.Row) error {
		whole := at[r["currency"]]
		if whole == nil {
			whole = venue.Row{"currency": r["currency"]}
			at[r["currency"]], rows = whole, append(rows, whole)
		}
		whole[r["type"]] = r["balance"]
		return nil
	})
	if err != nil {
		return err
	}
	out.Snapshot = true
	for _, r := range rows {
		if err := accountSheet.Balances.Read(r, t, out); err != nil {
			return err
		}
	}
	return nil
}

// swapPage is the most orders of one answer of the swaps.
const swapPage = 50

func swapAccountCall(a venue.AccountAsk) (venue.Call, error) {
	if a.What != venue.AskBalances && a.Instrument == nil {
		return venue.Call{}, a.Unanswered("HTX", "it tells the orders and fills of one contract at a time")
	}
	contract := sign.Quote(a.Symbol())
	switch a.What {
	case venue.AskBalances:
		return venue.Call{Method: "POST", Path: "/linear-swap-api/v1/swap_cross_account_info", Body: `{"margin_account":"USDT"}`}, nil
	case venue.AskOrders:
		return venue.Call{Method: "POST", Path: "/linear-swap-api/v1/swap_cross_openorders",
			Body: `{"contract_code":` + contract + `,"page_index":` + strconv.Itoa(a.Section+1) + `,"page_size":` + strconv.Itoa(swapPage) + `}`}, nil
	case venue.AskFills:
		body := `{"contract":` + contract + `,"trade_type":0,"direct":"prev"`
		if !a.From.IsZero() {
			body += `,"start_time":` + venue.MS(a.From) + `,"end_time":` + venue.MS(windowEnd(a))
		}
		if id, err := strconv.ParseUint(a.Cursor, 10, 64); err == nil {
			body += `,"from_id":` + strconv.FormatUint(id, 10)
		}
		return venue.Call{Method: "POST", Path: "/linear-swap-api/v3/swap_cross_matchresults", Body: body + "}"}, nil
	}
	return venue.Call{}, a.Unanswered("HTX", "it is not offered")
}

func swapAccountNext(a venue.AccountAsk, got *trading.Account) (venue.AccountAsk, bool) {
	switch {
	case a.What == venue.AskOrders && got.Rows >= swapPage:
		a.Section++
		return a, true
	case a.What != venue.AskFills || a.From.IsZero():
		return a, false
	case got.Rows >= swapPage:
		return venue.NextCursor(a, got)
	case a.From.Add(fillWindow).Before(a.To):
		a.From, a.Cursor = a.From.Add(fillWindow), ""
		return a, true
	}
	return a, false
}

var swapAccountSheet = venue.Sheet{
	Refused: &complaints, Cursor: "data.query_id",
	Balances: venue.BalanceNames{Path: "data", Asset: "margin_asset", Wallet: "margin_account", Total: "margin_static", Available: "withdraw_available"},
	Orders: venue.OrderNames{
		Path: "data.orders", ID: "order_id_str|order_id", ClientID: "client_order_id", Symbol: "contract_code", Side: "direction", Kind: "order_price_type", Price: "price", Qty: "volume",
		Filled: "trade_volume", Average: "trade_avg_price", Status: "status", Created: "created_at", Updated: "update_time", Contracts: true,
		Kinds: map[string]trading.OrderKind{"opponent": trading.Market, "optimal_5": trading.Market, "optimal_10": trading.Market, "optimal_20": trading.Market},
		Statuses: map[string]trading.Status{
			"1": trading.Pending, "2": trading.Pending, "3": trading.Open, "4": trading.PartiallyFilled, "5": trading.Canceled, "6": trading.Filled, "7": trading.Canceled, "11": trading.Canceling,
		},
	},
	Fills: venue.FillNames{
		Path: "data", ID: "id|match_id", OrderID: "order_id_str|order_id", Symbol: "contract_code", Side: "direction", Price: "trade_price", Qty: "trade_volume", Fee: "trade_fee",
		FeeAsset: "fee_asset", Role: "role", Roles: roles, At: "create_date", Contracts: true,
	},
}

var accountStream = venue.PrivateStream{
	Path: "/ws/v2",
	Login: func(p venue.Pass) ([][]byte, error) {
		key, at := p.Reveal(venue.FieldKey), p.Time.UTC().Format("2006-01-02T15:04:05")
		query := venue.Form("accessKey", key, "signatureMethod", "HmacSHA256", "signatureVersion", "2.1", "timestamp", at)
		return [][]byte{[]byte(`{"action":"req","ch":"auth","params":{"authType":"api","accessKey":` + sign.Quote(key) + `,"signatureMethod":"HmacSHA256","signatureVersion":"2.1","timestamp":"` + at +
			`","signature":"` + sign.Base256(p.Reveal(venue.FieldSecret), "GET\n", p.Host, "\n/ws/v2\n", query) + `"}}`)}, nil
	},
	Admitted: func(frame []byte) (string, bool, error) {
		r, err := venue.OneRow(frame, "")
		switch {
		case err != nil || r["ch"] != "auth":
			return "", false, err
		case r["code"] == "200":
			return "", true, nil
		}
		return "", false, fault.New(fault.Unauthentic, "HTX refused the login: %s %s", r["code"], r["message"])
	},
	Subscribe: func(venue.Pass) ([][]byte, error) {
		return [][]byte{[]byte(`{"action":"sub","ch":"orders#*"}`), []byte(`{"action":"sub","ch":"trade.clearing#*#0"}`), []byte(`{"action":"sub","ch":"accounts.update#2"}`)}, nil
	},
	Open: func(t *venue.Table) venue.AccountFeed { return accountFeed{t} },
}

// swapAccountStream is that of the swaps, whose frames are gzip. It is entered and not read.
var swapAccountStream = venue.PrivateStream{
	Stream: "wss://api.hbdm.com", Path: "/linear-swap-notification",
	Login: func(p venue.Pass) ([][]byte, error) {
		key, at := p.Reveal(venue.FieldKey), p.Time.UTC().Format("2006-01-02T15:04:05")
		query := venue.Form("AccessKeyId", key, "SignatureMethod", "HmacSHA256", "SignatureVersion", "2", "Timestamp", at)
		return [][]byte{[]byte(`{"op":"auth","type":"api","AccessKeyId":` + sign.Quote(key) + `,"SignatureMethod":"HmacSHA256","SignatureVersion":"2","Timestamp":"` + at +
			`","Signature":"` + sign.Base256(p.Reveal(venue.FieldSecret), "GET\n", p.Host, "\n/linear-swap-notification\n", query) + `"}`)}, nil
	},
	Admitted: func(frame []byte) (string, bool, error) {
		r, err := venue.OneRow(frame, "")
		switch {
		case err != nil || r["op"] != "auth":
			return "", false, err
		case r["err-code"] == "0":
			return "", true, nil
		}
		return "", false, fault.New(fault.Unauthentic, "HTX refused the login: %s %s", r["err-code"], r["err-msg"])
	},
	Subscribe: func(venue.Pass) ([][]byte, error) {
		return [][]byte{[]byte(`{"op":"sub","cid":"1","topic":"orders_cross.*"}`), []byte(`{"op":"sub","cid":"2","topic":"accounts_cross.USDT"}`)}, nil
	},
}

type accountFeed struct{ t *venue.Table }

var reported = venue.OrderNames{
	ID: "orderId", ClientID: "clientOrderId", Symbol: "symbol", Kind: "type", Price: "orderPrice", Qty: "orderSize", Funds: "orderValue", Filled: "execAmt",
	Status: "orderStatus", Created: "orderCreateTime", Updated: "tradeTime|lastActTime", Statuses: orderStatuses,
	Then: func(r venue.Row, o *trading.Order) bool {
		if o.Side = sideOfType(r["type"]); r["orderSide"] != "" { // a conditional order has it apart
			o.Side = venue.SideOf([]byte(r["orderSide"]))
		}
		return true
	},
}

var executed = venue.FillNames{
	ID: "tradeId", OrderID: "orderId", ClientID: "clientOrderId", Symbol: "symbol", Side: "orderSide", Price: "tradePrice", Qty: "tradeVolume", Fee: "transactFee", Paid: true,
	Role: "aggressor", Roles: map[string]trading.Role{"true": trading.Taker, "false": trading.Maker}, At: "tradeTime",
}

// Decode reads {"action":"push","ch":"orders#btcusdt","data":{…}}.
func (f accountFeed) Decode(frame []byte, out *trading.Account) error {
	r, err := venue.OneRow(frame, "data")
	if err != nil {
		return err
	}
	channel, _, _ := strings.Cut(r["ch"], "#")
	each := func(read func(venue.Row) error) error { return venue.Rows(frame, "data", "", read) }
	switch {
	case r["action"] == "ping":
		out.Say(market.Reply, "", `{"action":"pong","data":{"ts":`+r["data.ts"]+`}}`)
	case r["action"] == "sub" && r["code"] == "200":
		out.Say(market.Ack, "", r["ch"])
	case r["action"] == "sub" || r["action"] == "req":
		out.Say(market.Refused, r["ch"], r["code"]+" "+r["message"])
	case channel == "orders":
		return each(func(r venue.Row) error { return reported.Read(r, f.t, out) })
	case channel == "trade.clearing":
		n := executed
		n.Then = func(r venue.Row, x *trading.Fill) bool {
			x.FeeAsset = asset.Code(f.t.Code(strings.ToUpper(r["feeCurrency"])))
			return true
		}
		return each(func(r venue.Row) error { return n.Read(r, f.t, out) })
	case channel == "accounts.update":
		n := venue.BalanceNames{Asset: "currency", Total: "balance", Available: "available", Updated: "changeTime", Trim: strings.ToUpper}
		return each(func(r venue.Row) error {
			if r["currency"] == "" { // the overview after the subscription has none
				return nil
			}
			return n.Read(r, f.t, out)
		})
	default:
		out.Say(market.Strange, "", "message of channel "+r["ch"])
	}
	return nil
}
