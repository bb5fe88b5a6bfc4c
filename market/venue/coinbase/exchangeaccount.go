package coinbase

import (
	"strconv"
	"strings"

	"github.com/assayhq/assay/market/venue"
	"github.com/assayhq/assay/trading"
)

func exchangeAccountCall(a venue.AccountAsk) (venue.Call, error) {
	switch a.What {
	case venue.AskBalances:
		return venue.Call{Path: "/accounts"}, nil
	case venue.AskOrders:
		return venue.Call{Path: "/orders", Query: venue.Form("limit", "1000", "product_id", a.Symbol(), "status", "open", "status", "pending", "status", "active")}, nil
	case venue.AskFills:
		if a.Instrument == nil {
			return venue.Call{}, a.Unanswered("Coinbase Exchange", "it tells the fills of one pair at a time")
		}
		q := []string{"product_id", a.Symbol(), "limit", "1000"}
		if !a.From.IsZero() {
			q = append(q, "start_date", a.From.UTC().Format("2006-01-02T15:04:05.000Z"))
		}
		return venue.Call{Path: "/fills", Query: venue.Form(q...)}, nil
	}
	return venue.Call{}, a.Unanswered("Coinbase Exchange", "it is not offered")
}

// exchangeAccountNext has no next page: where it starts stands in a header, which is not
// read. A page has the newest thousand.
func exchangeAccountNext(a venue.AccountAsk, _ *trading.Account) (venue.AccountAsk, bool) {
	return a, false
}

var exchangeStatuses = map[string]trading.Status{
	"pending": trading.Pending, "received": trading.Pending, "open": trading.Open, "active": trading.Waiting, "rejected": trading.Rejected,
	"done": trading.Filled, "canceled": trading.Canceled, "canceling": trading.Canceling, "filled": trading.Filled,
}

var exchangeAccountSheet = venue.Sheet{
	Balances: venue.BalanceNames{Asset: "currency", Total: "balance", Available: "available", Held: "hold"},
	Orders: venue.OrderNames{
		ID: "id", ClientID: "client_oid", Symbol: "product_id", Side: "side", Kind: "type", Price: "price", Qty: "size", Funds: "funds", Filled: "filled_size",
		Spent: "executed_value", Status: "status", Created: "created_at", Updated: "done_at", Clock: venue.InText, Statuses: exchangeStatuses,
		Then: func(r venue.Row, o *trading.Order) bool {
			if r["status"] == "done" {
				switch r["done_reason"] {
				case "filled":
				case "canceled":
					o.Status = trading.Canceled
				default:
					o.Status = trading.StatusUnknown
				}
			}
			return true
		},
	},
	Fills: venue.FillNames{
		ID: "trade_id", OrderID: "order_id", Symbol: "product_id", Side: "side", Price: "price", Qty: "size", Fee: "fee", Paid: true, FeeInQuote: true,
		Role: "liquidity", At: "created_at", Clock: venue.InText, Roles: map[string]trading.Role{"M": trading.Maker, "T": trading.Taker, "O": trading.RoleUnknown},
	},
}

// exchangeAccountStream is the public stream with the channel user, which needs products.
var exchangeAccountStream = venue.PrivateStream{
	Subscribe: func(p venue.Pass) ([][]byte, error) {
		var names []string
		for _, in := range p.Instruments {
			names = append(names, strconv.Quote(in.Symbol))
		}
		s, err := exchangeSeal(p.Credentials, p.Seconds(), "GET", "/users/self/verify")
		if err != nil {
			return nil, err
		}
		return [][]byte{[]byte(`{"type":"subscribe","product_ids":[` + strings.Join(names, ",") + `],"channels":["user"],"signature":"` + s +
			`","key":` + strconv.Quote(p.Reveal(venue.FieldKey)) + `,"passphrase":` + strconv.Quote(p.Reveal(venue.FieldPassphrase)) + `,"timestamp":"` + p.Seconds() + `"}`)}, nil
	},
}
