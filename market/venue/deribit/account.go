package deribit

import (
	"strconv"
	"strings"

	"github.com/assayhq/assay/fault"
	"github.com/assayhq/assay/market"
	"github.com/assayhq/assay/market/venue"
	"github.com/assayhq/assay/market/venue/sign"
	"github.com/assayhq/assay/money"
	"github.com/assayhq/assay/trading"
)

var complaints = venue.Complaint{Venue: "Deribit", Inside: "error", Code: "error.code", Text: "error.message", Kinds: map[string]fault.Kind{
	"10000": fault.Unauthentic, "13004": fault.Unauthentic, "13009": fault.Unauthentic, "13001": fault.Unauthentic, "13002": fault.Denied, "13021": fault.Denied, "13666": fault.Unavailable,
	"10028": fault.Exhausted, "10047": fault.Exhausted, "10040": fault.Unavailable, "10041": fault.Unavailable, "11051": fault.Unavailable, "10004": fault.Unknown, "13020": fault.Unknown,
}}

// fillPage is the most fills of one answer.
const fillPage = 1000

func accountCall(a venue.AccountAsk) (venue.Call, error) {
	const own = "/api/v2/private/"
	switch a.What {
	case venue.AskBalances:
		return venue.Call{Path: own + "get_account_summaries"}, nil
	case venue.AskOrders:
		if a.Instrument == nil {
			return venue.Call{Path: own + "get_open_orders"}, nil
		}
		return venue.Call{Path: own + "get_open_orders_by_instrument", Query: venue.Form("instrument_name", a.Symbol())}, nil
	case venue.AskFills:
		if a.Instrument == nil {
			return venue.Call{}, a.Unanswered("Deribit", "it tells the fills of one instrument at a time")
		}
		n := strconv.Itoa(fillPage)
		if a.From.IsZero() {
			return venue.Call{Path: own + "get_user_trades_by_instrument", Query: venue.Form("instrument_name", a.Symbol(), "count", n)}, nil
		}
		to := "9999999999999" // an end has to be named; this one is never reached
		if !a.To.IsZero() {
			to = strconv.FormatInt(a.To.UnixMilli()-1, 10)
		}
		return venue.Call{Path: own + "get_user_trades_by_instrument_and_time", Query: venue.Form(
			"instrument_name", a.Symbol(), "start_timestamp", venue.MS(a.From), "end_timestamp", to, "count", n, "sorting", "asc")}, nil
	}
	return venue.Call{}, a.Unanswered("Deribit", "it is not offered")
}

// accountNext goes on in time: the oldest fills are asked to come first.
func accountNext(a venue.AccountAsk, got *trading.Account) (venue.AccountAsk, bool) {
	return venue.NextNewer(a, got, fillPage)
}

var accountSheet = venue.Sheet{
	Refused:  &complaints,
	Balances: venue.BalanceNames{Path: "result.summaries", Asset: "currency", Total: "balance", Available: "available_funds", Then: margined},
	Orders: venue.OrderNames{
		Path: "result", ID: "order_id", ClientID: "label", Symbol: "instrument_name", Side: "direction", Kind: "order_type", Price: "price", Qty: "amount", Filled: "filled_amount",
		Average: "average_price", Status: "order_state", Created: "creation_timestamp", Updated: "last_update_timestamp",
		Statuses: map[string]trading.Status{
			"open": trading.Open, "filled": trading.Filled, "rejected": trading.Rejected, "cancelled": trading.Canceled, "untriggered": trading.Waiting, "triggered": trading.Pending,
			"expired": trading.Expired, "archive": trading.Canceled,
		},
	},
	Fills: venue.FillNames{
		Path: "result.trades", ID: "trade_id", OrderID: "order_id", ClientID: "label", Symbol: "instrument_name", Side: "direction", Price: "price", Qty: "amount", Fee: "fee",
		FeeAsset: "fee_currency", Paid: true, Role: "liquidity", Roles: map[string]trading.Role{"M": trading.Maker, "T": trading.Taker}, At: "timestamp",
	},
}

// margined: open profit and other currencies can make more available than there is;
// nothing is held then.
func margined(_ venue.Row, b *trading.Balance) bool {
	if b.Held.IsNeg() {
		b.Held = money.Decimal{}
	}
	return true
}

var accountStream = venue.PrivateStream{
	Path: "/ws/api/v2",
	Login: func(p venue.Pass) ([][]byte, error) {
		at, nonce := p.Millis(), p.Hex()
		return [][]byte{[]byte(`{"jsonrpc":"2.0","id":1,"method":"public/auth","params":{"grant_type":"client_signature","client_id":` + sign.Quote(p.Reveal(venue.FieldKey)) +
			`,"timestamp":` + at + `,"nonce":"` + nonce + `","data":"","signature":"` + sign.Hex256(p.Reveal(venue.FieldSecret), at, "\n", nonce, "\n", "") + `"}}`)}, nil
	},
	Admitted: func(frame []byte) (string, bool, error) {
		r, err := venue.OneRow(frame, "")
		if err != nil || r["id"] != "1" {
			return "", false, err
		}
		if err := complaints.In(frame); err != nil {
			return "", false, err
		}
		return "", true, nil
	},
	Subscribe: func(venue.Pass) ([][]byte, error) {
		return [][]byte{
			[]byte(`{"jsonrpc":"2.0","id":2,"method":"private/subscribe","params":{"channels":["user.orders.any.any.raw","user.trades.any.any.raw","user.portfolio.any"]}}`),
			[]byte(`{"jsonrpc":"2.0","id":3,"method":"public/set_heartbeat","params":{"interval":30}}`),
		}, nil
	},
	Open: func(t *venue.Table) venue.AccountFeed { return accountFeed{t} },
}

type accountFeed struct{ t *venue.Table }

// Decode reads {"method":"subscription","params":{"channel":…,"data":…}}.
func (f accountFeed) Decode(frame []byte, out *trading.Account) error {
	r, err := venue.OneRow(frame, "params")
	switch {
	case err != nil:
		return err
	case r["method"] == "heartbeat" && r["params.type"] == "test_request":
		out.Say(market.Reply, "", `{"jsonrpc":"2.0","id":4,"method":"public/test","params":{}}`)
		return nil
	case r["method"] == "heartbeat":
		out.Say(market.Heartbeat, "", "")
		return nil
	case r["id"] != "":
		if err := complaints.In(frame); err != nil {
			out.Say(market.Refused, "", err.Error())
			return nil
		}
		out.Say(market.Ack, "", "")
		return nil
	}
	each := func(read func(venue.Row) error) error { return venue.Rows(frame, "params.data", "", read) }
	switch channel := r["params.channel"]; {
	case strings.HasPrefix(channel, "user.orders."):
		return each(func(r venue.Row) error { return accountSheet.Orders.Read(r, f.t, out) })
	case strings.HasPrefix(channel, "user.trades."):
		return each(func(r venue.Row) error { return accountSheet.Fills.Read(r, f.t, out) })
	case strings.HasPrefix(channel, "user.portfolio."):
		return each(func(r venue.Row) error { return accountSheet.Balances.Read(r, f.t, out) })
	default:
		out.Say(market.Strange, "", "message of channel "+channel)
	}
	return nil
}
