package krakenfutures

import (
	"strings"

	"github.com/assayhq/assay/fault"
	"github.com/assayhq/assay/market"
	"github.com/assayhq/assay/market/venue"
	"github.com/assayhq/assay/market/venue/sign"
	"github.com/assayhq/assay/trading"
)

var complaints = venue.Complaint{Venue: "Kraken Futures", Code: "error", Text: "errors", Kinds: map[string]fault.Kind{
	"authenticationError": fault.Unauthentic, "nonceBelowThreshold": fault.Unavailable, "nonceDuplicate": fault.Unavailable, "Unavailable": fault.Unavailable, "unavailable": fault.Unavailable,
	"accountInactive": fault.Denied, "apiLimitExceeded": fault.Exhausted, "contractNotFound": fault.Unknown, "marketUnavailable": fault.Unavailable,
}}

// fillPage is the fills of one answer.
const fillPage = 100

func accountCall(a venue.AccountAsk) (venue.Call, error) {
	switch a.What {
	case venue.AskBalances:
		return venue.Call{Path: "/derivatives/api/v3/accounts", Weight: 2}, nil
	case venue.AskOrders:
		return venue.Call{Path: "/derivatives/api/v3/openorders", Weight: 2}, nil
	case venue.AskFills:
		before := ""
		if !a.To.IsZero() {
			before = a.To.UTC().Format("2006-01-02T15:04:05.000Z")
		}
		return venue.Call{Path: "/derivatives/api/v3/fills", Query: venue.Form("lastFillTime", before), Weight: 2}, nil
	}
	return venue.Call{}, a.Unanswered("Kraken Futures", "it is not offered")
}

// accountNext goes back in time: the newest fills come first.
func accountNext(a venue.AccountAsk, got *trading.Account) (venue.AccountAsk, bool) {
	return venue.NextOlder(a, got, fillPage)
}

var orderStatuses = map[string]trading.Status{
	"untouched": trading.Open, "partiallyFilled": trading.PartiallyFilled, "filled": trading.Filled, "cancelled": trading.Canceled, "placed": trading.Open, "edited": trading.Open,
	"UNTOUCHED": trading.Open, "PARTIALLY_FILLED": trading.PartiallyFilled, "ENTERED_BOOK": trading.Open, "FULLY_EXECUTED": trading.Filled, "CANCELLED": trading.Canceled,
	"REJECTED": trading.Rejected, "TRIGGER_PLACED": trading.Waiting, "TRIGGER_ACTIVATION_FAILURE": trading.Rejected,
}

var roles = map[string]trading.Role{
	"maker": trading.Maker, "taker": trading.Taker, "takerAfterEdit": trading.Taker, "liquidation": trading.Taker,
	"assignee": trading.RoleUnknown, "assignor": trading.RoleUnknown, "unwindBankrupt": trading.RoleUnknown, "unwindCounterparty": trading.RoleUnknown,
}

var (
	accountBalances = venue.BalanceNames{Asset: "asset", Wallet: "wallet", Total: "total", Trim: strings.ToUpper}
	flexBalances    = venue.BalanceNames{Asset: "#|asset", Wallet: "wallet", Total: "quantity", Available: "available", Trim: strings.ToUpper, Then: collateral}
	accountOrders   = venue.OrderNames{
		Path: "openOrders", ID: "order_id", ClientID: "cliOrdId", Symbol: "symbol", Side: "side", Kind: "orderType", Price: "limitPrice", Filled: "filledSize", Left: "unfilledSize",
		Status: "status", Created: "receivedTime", Updated: "lastUpdateTime", Clock: venue.InText, Statuses: orderStatuses, Contracts: true, Key: strings.ToUpper, Then: triggered,
	}
	accountFills = venue.FillNames{
		Path: "fills", ID: "fill_id", OrderID: "order_id", ClientID: "cliOrdId", Symbol: "symbol", Side: "side", Price: "price", Qty: "size", Role: "fillType", Roles: roles,
		At: "fillTime", Clock: venue.InText, Paid: true, Contracts: true, Key: strings.ToUpper,
	}
)

// collateral: open profit can make more available than there is; nothing is held then.
func collateral(_ venue.Row, b *trading.Balance) bool {
	if b.Held.IsNeg() {
		b.Held = trading.Balance{}.Held
	}
	return true
}

// triggered: a conditional order that is untouched waits.
func triggered(_ venue.Row, o *trading.Order) bool {
	if o.Kind == trading.Conditional && o.Status == trading.Open {
		o.Status = trading.Waiting
	}
	return true
}

func accountAnswer(a venue.AccountAsk, body []byte, t *venue.Table, out *trading.Account) error {
	if err := complaints.In(body); err != nil {
		return err
	}
	switch a.What {
	case venue.AskOrders:
		n := accountOrders
		n.Then = func(r venue.Row, o *trading.Order) bool {
			return triggered(r, o) && (a.Instrument == nil || strings.EqualFold(a.Symbol(), o.Symbol))
		}
		return venue.AllRows(body, n.Path, "", func(r venue.Row) error { return n.Read(r, t, out) })
	case venue.AskFills:
		n := accountFills
		n.Then = func(_ venue.Row, x *trading.Fill) bool {
			return a.Instrument == nil || strings.EqualFold(a.Symbol(), x.Symbol)
		}
		return venue.AllRows(body, n.Path, "", func(r venue.Row) error { return n.Read(r, t, out) })
	}
	return wallets(body, t, out)
}

// wallets reads the accounts that this venue keeps apart: cash, one of each inverse
// contract, and flex with its collateral by currency.
func wallets(body []byte, t *venue.Table, out *trading.Account) error {
	out.Snapshot = true
	err := venue.AllRows(body, "accounts.*", "balances", func(r venue.Row) error {
		for _, name := range r.Under("balances") {
			one := venue.Row{"asset": name, "wallet": r["#"], "total": r["balances."+name]}
			if err := accountBalances.Read(one, t, out); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	return venue.Rows(body, "accounts.flex.currencies.*", "", func(r venue.Row) error {
		r["wallet"] = "flex"
		return flexBalances.Read(r, t, out)
	})
}

// accountStream is the public stream with feeds of one's own, which want a challenge
// signed.
var accountStream = venue.PrivateStream{
	Path: "/ws/v1",
	Login: func(p venue.Pass) ([][]byte, error) {
		return [][]byte{[]byte(`{"event":"challenge","api_key":` + sign.Quote(p.Reveal(venue.FieldKey)) + `}`)}, nil
	},
	Admitted: func(frame []byte) (string, bool, error) {
		r, err := venue.OneRow(frame, "")
		switch {
		case err != nil:
		case r["event"] == "challenge" && r["message"] != "":
			return r["message"], true, nil
		case r["event"] == "error" || r["event"] == "alert":
			err = fault.New(fault.Unauthentic, "Kraken Futures refused the login: %s", r["message"])
		}
		return "", false, err
	},
	Subscribe: func(p venue.Pass) ([][]byte, error) {
		s, err := seal(p.Credentials, p.Challenge)
		if err != nil {
			return nil, err
		}
		var out [][]byte
		for _, feed := range []string{"open_orders", "fills", "balances"} {
			out = append(out, []byte(`{"event":"subscribe","feed":"`+feed+`","api_key":`+sign.Quote(p.Reveal(venue.FieldKey))+
				`,"original_challenge":`+sign.Quote(p.Challenge)+`,"signed_challenge":"`+s+`"}`))
		}
		return out, nil
	},
	Open: func(t *venue.Table) venue.AccountFeed { return &accountFeed{t: t, orders: map[string]venue.Row{}} },
}

// accountFeed remembers the rows of open orders: when one ends, its number alone is told.
type accountFeed struct {
	t      *venue.Table
	orders map[string]venue.Row
}

// mostOrders bounds what a stream that never ends its orders makes us keep.
const mostOrders = 10000

var reported = venue.OrderNames{
	ID: "order_id", ClientID: "cli_ord_id", Symbol: "instrument", Side: "@side", Kind: "type", Price: "limit_price", Left: "qty", Filled: "filled", Created: "time", Updated: "last_update_time",
	Status: "@status", Statuses: endings, Contracts: true, Key: strings.ToUpper,
	Then: func(r venue.Row, o *trading.Order) bool {
		if o.Status == trading.Filled {
			o.Filled = o.Qty // told are what was left, and what was filled, before the last fill
		}
		return triggered(r, o)
	},
}

// endings are the reasons why an order left the list of open ones.
var endings = map[string]trading.Status{
	"untouched": trading.Open, "full_fill": trading.Filled, "cancelled_by_user": trading.Canceled, "cancelled_by_admin": trading.Canceled, "dead_man_switch": trading.Canceled,
	"not_enough_margin": trading.Canceled, "market_inactive": trading.Canceled, "liquidation": trading.Canceled, "would_execute_self": trading.Canceled,
	"contract_expired": trading.Expired, "ioc_order_failed_because_it_would_not_be_executed": trading.Expired, "stop_order_triggered": trading.Pending,
	"post_order_failed_because_it_would_filled": trading.Rejected, "post_order_failed_because_it_would_be_filled": trading.Rejected, "would_not_reduce_position": trading.Rejected,
}

var executed = venue.FillNames{
	ID: "fill_id", OrderID: "order_id", ClientID: "cli_ord_id", Symbol: "instrument", Side: "@side", Price: "price", Qty: "qty", Fee: "fee_paid", FeeAsset: "fee_currency", Paid: true,
	Role: "fill_type", Roles: roles, At: "time", Contracts: true, Key: strings.ToUpper,
}

// Decode reads messages of the feeds open_orders, fills and balances.
func (f *accountFeed) Decode(frame []byte, out *trading.Account) error {
	r, err := venue.OneRow(frame, "")
	if err != nil {
		return err
	}
	switch feed := r["feed"]; {
	case r["event"] == "error" || r["event"] == "subscribed_failed":
		out.Say(market.Refused, "", r["message"])
	case r["event"] == "subscribed":
		out.Say(market.Ack, "", feed)
	case r["event"] != "":
	case feed == "heartbeat":
		out.Say(market.Heartbeat, "", "")
	case feed == "open_orders_snapshot":
		return venue.Rows(frame, "orders", "", func(o venue.Row) error { return f.order(o, r, out) })
	case feed == "open_orders" || feed == "open_orders_verbose":
		return f.change(frame, r, out)
	case feed == "fills" || feed == "fills_snapshot":
		return venue.Rows(frame, "fills", "", func(r venue.Row) error {
			r["@side"] = map[string]string{"true": "buy", "false": "sell"}[r["buy"]]
			return executed.Read(r, f.t, out)
		})
	case feed == "balances" || feed == "balances_snapshot":
		return f.balances(frame, out)
	default:
		out.Say(market.Strange, "", "message of feed "+feed)
	}
	return nil
}

// change reads a change of one order, which may be its end.
func (f *accountFeed) change(frame []byte, r venue.Row, out *trading.Account) error {
	n := 0
	err := venue.Rows(frame, "order", "", func(o venue.Row) error { n++; return f.order(o, r, out) })
	if err != nil || n > 0 {
		return err
	}
	row := f.orders[r["order_id"]]
	if row == nil {
		row = venue.Row{"order_id": r["order_id"]}
	}
	return f.order(row, r, out)
}

// order reads an order; why holds what the message says of its end.
func (f *accountFeed) order(o, why venue.Row, out *trading.Account) error {
	o["@side"] = map[string]string{"0": "buy", "1": "sell"}[o["direction"]]
	o["@status"] = "untouched"
	if why["is_cancel"] == "true" {
		o["@status"] = why["reason"]
	}
	if id := o["order_id"]; why["is_cancel"] == "true" {
		delete(f.orders, id)
	} else if len(f.orders) < mostOrders {
		f.orders[id] = o
	}
	return reported.Read(o, f.t, out)
}

func (f *accountFeed) balances(frame []byte, out *trading.Account) error {
	err := venue.Rows(frame, "holding", "", func(r venue.Row) error {
		for _, name := range r.Under("") {
			if err := accountBalances.Read(venue.Row{"asset": name, "wallet": "cash", "total": r[name]}, f.t, out); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	return venue.Rows(frame, "flex_futures.currencies.*", "", func(r venue.Row) error {
		r["wallet"] = "flex"
		return flexBalances.Read(r, f.t, out)
	})
}
