package coinbase

import (
	"strconv"
	"time"

	"github.com/assayhq/assay/fault"
	"github.com/assayhq/assay/market"
	"github.com/assayhq/assay/market/venue"
	"github.com/assayhq/assay/money"
	"github.com/assayhq/assay/trading"
)

var complaints = venue.Complaint{Venue: "Coinbase", Code: "error", Text: "message|error_description", Kinds: map[string]fault.Kind{
	"unauthorized": fault.Unauthentic, "Unauthorized": fault.Unauthentic, "PERMISSION_DENIED": fault.Denied, "NOT_FOUND": fault.Unknown,
	"rate_limit_exceeded": fault.Exhausted, "resource_exhausted": fault.Exhausted, "request timestamp expired": fault.Unavailable,
}}

func accountCall(a venue.AccountAsk) (venue.Call, error) {
	q := []string{"limit", "250", "cursor", a.Cursor}
	switch a.What {
	case venue.AskBalances:
		return venue.Call{Path: "/api/v3/brokerage/accounts", Query: venue.Form(q...)}, nil
	case venue.AskOrders:
		return venue.Call{Path: "/api/v3/brokerage/orders/historical/batch", Query: venue.Form(append(q, "order_status", "OPEN", "product_ids", a.Symbol())...)}, nil
	case venue.AskFills:
		q = append(q, "product_ids", a.Symbol())
		if !a.From.IsZero() {
			q = append(q, "start_sequence_timestamp", a.From.UTC().Format(time.RFC3339Nano))
		}
		if !a.To.IsZero() {
			q = append(q, "end_sequence_timestamp", a.To.UTC().Format(time.RFC3339Nano))
		}
		return venue.Call{Path: "/api/v3/brokerage/orders/historical/fills", Query: venue.Form(q...)}, nil
	}
	return venue.Call{}, a.Unanswered("Coinbase", "it is not offered")
}

var orderStatuses = map[string]trading.Status{
	"PENDING": trading.Pending, "QUEUED": trading.Pending, "OPEN": trading.Open, "FILLED": trading.Filled, "CANCELLED": trading.Canceled, "EXPIRED": trading.Expired,
	"FAILED": trading.Rejected, "CANCEL_QUEUED": trading.Canceling, "UNKNOWN_ORDER_STATUS": trading.StatusUnknown,
}

var accountSheet = venue.Sheet{
	Cursor: "cursor",
	Balances: venue.BalanceNames{
		Path: "accounts", Inside: "available_balance|hold", Asset: "currency", Available: "available_balance.value", Held: "hold.value",
		Updated: "updated_at", Clock: venue.InText,
	},
	Orders: venue.OrderNames{
		Path: "orders", Inside: "order_configuration", ID: "order_id", ClientID: "client_order_id", Symbol: "product_id", Side: "side", Kind: "order_type",
		Price: "order_configuration.limit_price", Qty: "order_configuration.base_size", Funds: "order_configuration.quote_size", Filled: "filled_size",
		Average: "average_filled_price", Status: "status", Created: "created_time", Updated: "last_update_time|last_fill_time", Clock: venue.InText, Statuses: orderStatuses,
		Then: func(r venue.Row, o *trading.Order) bool {
			switch {
			case o.Status == trading.StatusUnknown:
			case r["pending_cancel"] == "true" && !o.Status.Final():
				o.Status = trading.Canceling
			case r["trigger_status"] == "STOP_PENDING" && o.Status == trading.Open:
				o.Status = trading.Waiting
			}
			return true
		},
	},
	Fills: venue.FillNames{
		Path: "fills", ID: "entry_id|trade_id", OrderID: "order_id", Symbol: "product_id", Side: "side", Price: "price", Qty: "size", Fee: "commission", Paid: true, FeeInQuote: true,
		Role: "liquidity_indicator", At: "trade_time", Clock: venue.InText,
		Roles: map[string]trading.Role{"MAKER": trading.Maker, "TAKER": trading.Taker, "UNKNOWN_LIQUIDITY_INDICATOR": trading.RoleUnknown},
		Then: func(r venue.Row, x *trading.Fill) bool {
			if r["size_in_quote"] == "true" && x.Price.Sign() > 0 { // the size is what was spent
				if d, err := x.Qty.Quo(x.Price.Decimal, 12); err == nil {
					x.Qty, x.Cut = money.Qty{Decimal: d.Trim()}, true
				}
			}
			return true
		},
	},
}

// accountStream is that of the user; it tells orders, and neither fills nor balances.
var accountStream = venue.PrivateStream{
	Stream: "wss://advanced-trade-ws-user.coinbase.com",
	Subscribe: func(p venue.Pass) ([][]byte, error) {
		var out [][]byte
		for _, channel := range []string{"heartbeats", "user"} {
			m := p.Moment
			m.Random[0] += byte(len(out)) // each frame has a token of its own
			t, err := bearer(p.Credentials, m, "")
			if err != nil {
				return nil, err
			}
			out = append(out, []byte(`{"type":"subscribe","channel":"`+channel+`","jwt":"`+t+`"}`))
		}
		return out, nil
	},
	Open: func(t *venue.Table) venue.AccountFeed { return accountFeed{t} },
}

type accountFeed struct{ t *venue.Table }

var reported = venue.OrderNames{
	ID: "order_id", ClientID: "client_order_id", Symbol: "product_id", Side: "order_side", Kind: "order_type", Price: "limit_price", Filled: "cumulative_quantity",
	Left: "leaves_quantity", Average: "avg_price", Status: "status", Created: "creation_time", Clock: venue.InText, Statuses: orderStatuses,
}

// Decode reads {"channel":"user","events":[{"type":…,"orders":[…]}]}.
func (f accountFeed) Decode(frame []byte, out *trading.Account) error {
	r, err := venue.OneRow(frame, "")
	if err != nil {
		return err
	}
	switch r["channel"] {
	case "user":
		return venue.Rows(frame, "events.*.orders", "", func(r venue.Row) error { return reported.Read(r, f.t, out) })
	case "heartbeats":
		out.Say(market.Heartbeat, "", "")
	case "subscriptions":
		out.Say(market.Ack, "", "")
	default:
		if r["type"] == "error" {
			out.Say(market.Refused, "", r["message"])
			break
		}
		out.Say(market.Strange, "", "message of channel "+strconv.Quote(r["channel"]))
	}
	return nil
}
