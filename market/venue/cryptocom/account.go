package cryptocom

import (
	"strconv"

	"github.com/assayhq/assay/fault"
	"github.com/assayhq/assay/market"
	"github.com/assayhq/assay/market/venue"
	"github.com/assayhq/assay/market/venue/sign"
	"github.com/assayhq/assay/trading"
)

var complaints = venue.Complaint{Venue: "Crypto.com", Code: "code", Text: "message", Fine: "0", Kinds: map[string]fault.Kind{
	"40101": fault.Unauthentic, "40103": fault.Denied, "40104": fault.Denied, "10002": fault.Unauthentic, "10003": fault.Denied, "10005": fault.Denied,
	"40102": fault.Unavailable, "10007": fault.Unavailable, "40801": fault.Unavailable, "50001": fault.Unavailable, "9010001": fault.Unavailable,
	"42901": fault.Exhausted, "10006": fault.Exhausted, "40401": fault.Unknown, "30003": fault.Unknown, "20005": fault.Denied,
}}

// fillPage is the most fills of one answer.
const fillPage = 100

func accountCall(a venue.AccountAsk) (venue.Call, error) {
	named := ""
	if a.Instrument != nil {
		named = `"instrument_name":` + sign.Quote(a.Symbol())
	}
	switch a.What {
	case venue.AskBalances:
		return venue.Call{Method: "POST", Path: root + "private/user-balance", Body: "{}"}, nil
	case venue.AskOrders:
		return venue.Call{Method: "POST", Path: root + "private/get-open-orders", Body: "{" + named + "}"}, nil
	case venue.AskFills:
		if named != "" {
			named += ","
		}
		body := "{" + named + `"limit":` + strconv.Itoa(fillPage)
		if !a.From.IsZero() {
			body += `,"start_time":` + venue.MS(a.From)
		}
		if !a.To.IsZero() {
			body += `,"end_time":` + venue.MS(a.To)
		}
		return venue.Call{Method: "POST", Path: root + "private/get-trades", Body: body + "}"}, nil
	}
	return venue.Call{}, a.Unanswered("Crypto.com", "it is not offered")
}

// accountNext goes back in time: the newest fills come first.
func accountNext(a venue.AccountAsk, got *trading.Account) (venue.AccountAsk, bool) {
	return venue.NextOlder(a, got, fillPage)
}

var orderStatuses = map[string]trading.Status{
	"NEW": trading.Pending, "PENDING": trading.Pending, "ACTIVE": trading.Open, "FILLED": trading.Filled, "CANCELED": trading.Canceled, "REJECTED": trading.Rejected, "EXPIRED": trading.Expired,
}

var roles = map[string]trading.Role{"TAKER": trading.Taker, "MAKER": trading.Maker}

// The stream writes rows as answers do.
var (
	accountBalances = venue.BalanceNames{Asset: "instrument_name", Total: "quantity", Held: "reserved_qty"}
	accountOrders   = venue.OrderNames{
		Path: "result.data", ID: "order_id", ClientID: "client_oid", Symbol: "instrument_name", Side: "side", Kind: "order_type|type", Price: "limit_price|price", Qty: "quantity",
		Filled: "cumulative_quantity", Average: "avg_price", Spent: "cumulative_value", Status: "status", Created: "create_time", Updated: "update_time", Statuses: orderStatuses,
		Then: func(_ venue.Row, o *trading.Order) bool {
			if o.Kind == trading.Conditional && o.Status == trading.Pending {
				o.Status = trading.Waiting
			}
			return true
		},
	}
	accountFills = venue.FillNames{
		Path: "result.data", ID: "trade_id", OrderID: "order_id", ClientID: "client_oid", Symbol: "instrument_name", Side: "side", Price: "traded_price", Qty: "traded_quantity",
		Fee: "fees", FeeAsset: "fee_instrument_name", Role: "taker_side", Roles: roles, At: "create_time",
	}
	accountSheet = venue.Sheet{Refused: &complaints, Balances: positioned(accountBalances, "result.data.*.position_balances"), Orders: accountOrders, Fills: accountFills}
)

func positioned(n venue.BalanceNames, path string) venue.BalanceNames {
	n.Path = path
	return n
}

var accountStream = venue.PrivateStream{
	Path: "/exchange/v1/user",
	Login: func(p venue.Pass) ([][]byte, error) {
		const method, id = "public/auth", "1"
		key, nonce := p.Reveal(venue.FieldKey), strconv.FormatInt(p.Nonce, 10)
		return [][]byte{[]byte(`{"id":` + id + `,"method":"` + method + `","api_key":` + sign.Quote(key) + `,"sig":"` +
			sign.Hex256(p.Reveal(venue.FieldSecret), method, id, key, nonce) + `","nonce":` + nonce + `}`)}, nil
	},
	Admitted: func(frame []byte) (string, bool, error) {
		r, err := venue.OneRow(frame, "")
		if err != nil || r["method"] != "public/auth" {
			return "", false, err
		}
		return "", r["code"] == "0", complaints.In(frame)
	},
	Subscribe: func(p venue.Pass) ([][]byte, error) {
		return [][]byte{[]byte(`{"id":2,"method":"subscribe","params":{"channels":["user.order","user.trade","user.balance"]},"nonce":` + strconv.FormatInt(p.Nonce, 10) + `}`)}, nil
	},
	Open: func(t *venue.Table) venue.AccountFeed { return accountFeed{t} },
}

type accountFeed struct{ t *venue.Table }

// Decode reads {"method":"subscribe","result":{"channel":"user.order","data":[…]}}.
func (f accountFeed) Decode(frame []byte, out *trading.Account) error {
	r, err := venue.OneRow(frame, "")
	switch {
	case err != nil:
		return err
	case r["method"] == "public/heartbeat": // answered within five seconds, or we are cut
		out.Say(market.Reply, "", `{"id":`+r["id"]+`,"method":"public/respond-heartbeat"}`)
		return nil
	case r["code"] != "" && r["code"] != "0":
		out.Say(market.Refused, "", r["code"]+" "+r["message"])
		return nil
	}
	channel := ""
	if err := venue.Rows(frame, "result", "", func(r venue.Row) error { channel = r["channel"]; return nil }); err != nil {
		return err
	}
	switch channel {
	case "":
		out.Say(market.Ack, "", "")
	case "user.order":
		return venue.Rows(frame, "result.data", "", func(r venue.Row) error { return accountOrders.Read(r, f.t, out) })
	case "user.trade":
		return venue.Rows(frame, "result.data", "", func(r venue.Row) error { return accountFills.Read(r, f.t, out) })
	case "user.balance":
		out.Snapshot = true
		return venue.Rows(frame, "result.data.*.position_balances", "", func(r venue.Row) error { return accountBalances.Read(r, f.t, out) })
	default:
		out.Say(market.Strange, "", "message of channel "+channel)
	}
	return nil
}
