package bybit

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

var complaints = venue.Complaint{Venue: "Bybit", Code: "retCode", Text: "retMsg", Fine: "0", Kinds: map[string]fault.Kind{
	"10003": fault.Unauthentic, "10004": fault.Unauthentic, "33004": fault.Unauthentic, "10005": fault.Denied, "10010": fault.Denied, "10009": fault.Denied,
	"10006": fault.Exhausted, "10018": fault.Exhausted, "10002": fault.Unavailable, "10016": fault.Unavailable, "10000": fault.Unavailable,
}}

// accountSections are asked for orders and fills one by one: the category, and of linear
// contracts what they are settled in.
var accountSections = []struct{ category, settle string }{{spot, ""}, {linear, "USDT"}, {linear, "USDC"}}

func accountCall(a venue.AccountAsk) (venue.Call, error) {
	s := accountSections[min(a.Section, len(accountSections)-1)]
	if a.Instrument != nil {
		s.category, s.settle = section(a.Instrument), ""
	}
	switch a.What {
	case venue.AskBalances:
		return venue.Call{Path: "/v5/account/wallet-balance", Query: "accountType=UNIFIED"}, nil
	case venue.AskOrders:
		return venue.Call{Path: "/v5/order/realtime", Query: venue.Form("category", s.category, "symbol", a.Symbol(), "settleCoin", s.settle, "limit", "50", "cursor", a.Cursor)}, nil
	case venue.AskFills:
		q := []string{"category", s.category, "symbol", a.Symbol(), "execType", "Trade", "limit", "100", "cursor", a.Cursor}
		if !a.From.IsZero() {
			end := a.From.Add(fillWindow)
			if !a.To.IsZero() && a.To.Before(end) {
				end = a.To
			}
			q = append(q, "startTime", venue.MS(a.From), "endTime", strconv.FormatInt(end.UnixMilli()-1, 10))
		}
		return venue.Call{Path: "/v5/execution/list", Query: venue.Form(q...)}, nil
	}
	return venue.Call{}, a.Unanswered("Bybit", "it is not offered")
}

// fillWindow is the longest span of fills that is told at once.
const fillWindow = 7 * 24 * time.Hour

// accountNext follows the cursor, then goes to the next section, and then to the next week
// of fills, up to To. Fills of linear contracts are told whatever they are settled in.
func accountNext(a venue.AccountAsk, got *trading.Account) (venue.AccountAsk, bool) {
	last := len(accountSections) - 1
	if a.What == venue.AskFills {
		last = 1
	}
	switch {
	case a.What == venue.AskBalances:
		return a, false
	case got.Cursor != "" && got.Rows > 0 && (a.What == venue.AskOrders || !a.From.IsZero()):
		return venue.NextCursor(a, got)
	case a.Instrument == nil && a.Section < last:
		a.Section, a.Cursor = a.Section+1, ""
		return a, true
	case a.What == venue.AskFills && !a.From.IsZero() && a.From.Add(fillWindow).Before(a.To):
		a.From, a.Section, a.Cursor = a.From.Add(fillWindow), 0, ""
		return a, true
	}
	return a, false
}

// accountAnswer takes the category from the answer, because symbols alone do not tell it.
func accountAnswer(a venue.AccountAsk, body []byte, t *venue.Table, out *trading.Account) error {
	s := accountSheet
	category := ""
	if err := venue.Rows(body, "result", "", func(r venue.Row) error { category = r["category"]; return nil }); err != nil {
		return err
	}
	s.Orders.Key, s.Fills.Key = keyIn(category), keyIn(category)
	return s.Decode(a, body, t, out)
}

func keyIn(category string) func(string) string {
	return func(symbol string) string {
		if category == "" {
			return symbol
		}
		return prefix(category) + symbol
	}
}

var orderStatuses = map[string]trading.Status{
	"Created": trading.Pending, "New": trading.Open, "Active": trading.Open, "PartiallyFilled": trading.PartiallyFilled, "Untriggered": trading.Waiting,
	"Triggered": trading.Pending, "Rejected": trading.Rejected, "PartiallyFilledCanceled": trading.Canceled, "Filled": trading.Filled,
	"PendingCancel": trading.Canceling, "Cancelled": trading.Canceled, "Deactivated": trading.Canceled,
}

var accountBalances = venue.BalanceNames{Asset: "coin", Total: "walletBalance", Held: "locked", Then: lockedNoMore}

// lockedNoMore: what is borrowed can be locked too, and then more is locked than there is.
func lockedNoMore(_ venue.Row, b *trading.Balance) bool {
	if b.Available.IsNeg() {
		b.Available = money.Decimal{}
	}
	return true
}

var accountSheet = venue.Sheet{
	Refused: &complaints, Cursor: "result.nextPageCursor",
	Balances: within(accountBalances, "result.list.*.coin"),
	Orders: venue.OrderNames{
		Path: "result.list", ID: "orderId", ClientID: "orderLinkId", Symbol: "symbol", Side: "side", Kind: "orderType", Price: "price", Qty: "qty", Filled: "cumExecQty",
		Average: "avgPrice", Spent: "cumExecValue", Status: "orderStatus", Created: "createdTime", Updated: "updatedTime", Statuses: orderStatuses,
		Then: func(r venue.Row, o *trading.Order) bool {
			if s := r["stopOrderType"]; s != "" && s != "UNKNOWN" {
				o.Kind = trading.Conditional
			}
			if r["marketUnit"] == "quoteCoin" {
				o.Funds, o.Qty = o.Qty.Decimal, money.Qty{}
			}
			return true
		},
	},
	Fills: venue.FillNames{
		Path: "result.list", ID: "execId", OrderID: "orderId", ClientID: "orderLinkId", Symbol: "symbol", Side: "side", Price: "execPrice", Qty: "execQty",
		Fee: "execFee", FeeAsset: "feeCurrency", Paid: true, FeeInQuote: true, Role: "isMaker", At: "execTime",
		Roles: map[string]trading.Role{"true": trading.Maker, "false": trading.Taker},
		// Funding and liquidations are told among executions, in a stream too.
		Then: func(r venue.Row, x *trading.Fill) bool {
			if r["category"] == spot || r["category"] == "" && x.Pair.Spot() {
				if r["feeCurrency"] == "" {
					x.FeeAsset = ""
				}
			}
			return r["execType"] == "" || r["execType"] == "Trade" || r["execType"] == "BustTrade" || r["execType"] == "AdlTrade"
		},
	},
}

func within(n venue.BalanceNames, path string) venue.BalanceNames {
	n.Path = path
	return n
}

var accountStream = venue.PrivateStream{
	Path: "/v5/private",
	Login: func(p venue.Pass) ([][]byte, error) {
		until := venue.MS(p.Time.Add(10 * time.Second))
		return [][]byte{[]byte(`{"op":"auth","args":[` + strconv.Quote(p.Reveal(venue.FieldKey)) + `,` + until + `,"` +
			sign.Hex256(p.Reveal(venue.FieldSecret), "GET/realtime", until) + `"]}`)}, nil
	},
	Admitted: func(frame []byte) (string, bool, error) {
		r, err := venue.OneRow(frame, "")
		if err != nil || r["op"] != "auth" {
			return "", false, err
		}
		if r["success"] != "true" {
			return "", false, fault.New(fault.Unauthentic, "Bybit refused the login: %s", r["ret_msg"])
		}
		return "", true, nil
	},
	Subscribe: func(venue.Pass) ([][]byte, error) {
		return [][]byte{[]byte(`{"op":"subscribe","args":["order","execution","wallet"]}`)}, nil
	},
	Ping: []byte(`{"op":"ping"}`), PingEvery: 20 * time.Second,
	Open: func(t *venue.Table) venue.AccountFeed { return accountFeed{t} },
}

type accountFeed struct{ t *venue.Table }

// Decode reads {"topic":"order","data":[…]}; each row says its category.
func (f accountFeed) Decode(frame []byte, out *trading.Account) error {
	r, err := venue.OneRow(frame, "")
	if err != nil {
		return err
	}
	topic, _, _ := strings.Cut(r["topic"], ".")
	switch topic {
	case "order":
		return venue.Rows(frame, "data", "", func(r venue.Row) error {
			n := accountSheet.Orders
			n.Key = keyIn(r["category"])
			return n.Read(r, f.t, out)
		})
	case "execution":
		return venue.Rows(frame, "data", "", func(r venue.Row) error {
			n := accountSheet.Fills
			n.Key = keyIn(r["category"])
			return n.Read(r, f.t, out)
		})
	case "wallet":
		return venue.Rows(frame, "data.*.coin", "", func(r venue.Row) error { return accountBalances.Read(r, f.t, out) })
	}
	switch {
	case r["op"] == "pong" || r["op"] == "ping":
		out.Say(market.Heartbeat, "", "")
	case r["op"] != "" && r["success"] == "true":
		out.Say(market.Ack, "", r["op"])
	case r["op"] != "":
		out.Say(market.Refused, "", r["ret_msg"])
	default:
		out.Say(market.Strange, "", "message of topic "+r["topic"])
	}
	return nil
}
