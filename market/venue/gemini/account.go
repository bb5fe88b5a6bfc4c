package gemini

import (
	"strconv"
	"strings"

	"github.com/assayhq/assay/fault"
	"github.com/assayhq/assay/market"
	"github.com/assayhq/assay/market/venue"
	"github.com/assayhq/assay/market/venue/sign"
	"github.com/assayhq/assay/trading"
)

var complaints = venue.Complaint{Venue: "Gemini", Code: "reason", Text: "message", Kinds: map[string]fault.Kind{
	"InvalidApiKey": fault.Unauthentic, "InvalidSignature": fault.Unauthentic, "MissingApikeyHeader": fault.Unauthentic, "MissingPayloadHeader": fault.Unauthentic,
	"MissingSignatureHeader": fault.Unauthentic, "InvalidNonce": fault.Unavailable, "MissingRole": fault.Denied, "RateLimit": fault.Exhausted, "OrderNotFound": fault.Unknown,
	"Maintenance": fault.Unavailable, "System": fault.Unavailable,
}}

// fillPage is the most fills of one answer.
const fillPage = 500

func accountCall(a venue.AccountAsk) (venue.Call, error) {
	switch a.What {
	case venue.AskBalances:
		return venue.Call{Method: "POST", Path: "/v1/balances", Body: "{}"}, nil
	case venue.AskOrders:
		return venue.Call{Method: "POST", Path: "/v1/orders", Body: "{}"}, nil
	case venue.AskFills:
		if a.Instrument == nil {
			return venue.Call{}, a.Unanswered("Gemini", "it tells the fills of one pair at a time")
		}
		body := `{"symbol":` + sign.Quote(a.Symbol()) + `,"limit_trades":` + strconv.Itoa(fillPage)
		if !a.From.IsZero() {
			body += `,"timestamp":` + venue.MS(a.From)
		}
		return venue.Call{Method: "POST", Path: "/v1/mytrades", Body: body + "}"}, nil
	}
	return venue.Call{}, a.Unanswered("Gemini", "it is not offered")
}

// accountNext has no next page: an end cannot be asked for, so an answer has the newest
// five hundred.
func accountNext(a venue.AccountAsk, _ *trading.Account) (venue.AccountAsk, bool) { return a, false }

var accountSheet = venue.Sheet{
	Balances: venue.BalanceNames{Asset: "currency", Total: "amount", Available: "available"},
	Orders: venue.OrderNames{
		ID: "order_id", ClientID: "client_order_id", Symbol: "symbol", Side: "side", Kind: "type|order_type", Price: "price", Qty: "original_amount",
		Filled: "executed_amount", Left: "remaining_amount", Average: "avg_execution_price", Created: "timestampms", Key: strings.ToLower, Then: standing,
	},
	Fills: venue.FillNames{
		ID: "tid", OrderID: "order_id", ClientID: "client_order_id", Symbol: "symbol", Side: "type", Price: "price", Qty: "amount", Fee: "fee_amount", FeeAsset: "fee_currency",
		Paid: true, Role: "aggressor", Roles: map[string]trading.Role{"true": trading.Taker, "false": trading.Maker}, At: "timestampms", Key: strings.ToLower,
	},
}

// standing: an answer has no word for how an order stands, but three members that tell.
func standing(r venue.Row, o *trading.Order) bool {
	switch {
	case r["is_cancelled"] == "true":
		o.Status = trading.Canceled
	case r["is_live"] == "true" && o.Kind == trading.Conditional:
		o.Status = trading.Waiting
	case r["is_live"] == "true":
		o.Status = trading.Open
	case r["is_live"] == "false" && o.Qty.Sign() > 0 && o.Left().IsZero():
		o.Status = trading.Filled
	default:
		o.Status = trading.StatusUnknown
	}
	return true
}

func accountAnswer(a venue.AccountAsk, body []byte, t *venue.Table, out *trading.Account) error {
	return accountSheet.Decode(a, body, t, out)
}

// accountStream is that of order events, which is entered with the headers of a request.
var accountStream = venue.PrivateStream{
	Stream: "wss://api.gemini.com", Path: orderEvents,
	Header: func(k venue.Credentials, m venue.Moment) (map[string]string, error) {
		return proof(orderEvents, "", k, m), nil
	},
	Open: func(t *venue.Table) venue.AccountFeed { return accountFeed{t} },
}

const orderEvents = "/v1/order/events"

// eventStatuses are the types of order events. "initial" and "closed" say nothing of the
// state, so that the members tell.
var eventStatuses = map[string]trading.Status{
	"accepted": trading.Pending, "booked": trading.Open, "fill": trading.Open, "cancelled": trading.Canceled, "cancel_rejected": trading.Open,
	"rejected": trading.Rejected, "initial": trading.StatusUnknown, "closed": trading.StatusUnknown,
}

type accountFeed struct{ t *venue.Table }

// Decode reads a list of events, or one message of another kind.
func (f accountFeed) Decode(frame []byte, out *trading.Account) error {
	orders, fills := accountSheet.Orders, accountSheet.Fills
	orders.Status, orders.Statuses = "type", eventStatuses
	orders.Kind = "order_type"
	orders.Then = func(r venue.Row, o *trading.Order) bool {
		switch o.Word {
		case "initial", "fill", "closed", "cancel_rejected":
			standing(r, o)
		}
		return true
	}
	fills.ID, fills.Side, fills.Price, fills.Qty, fills.Fee, fills.FeeAsset = "fill.trade_id", "side", "fill.price", "fill.amount", "fill.fee", "fill.fee_currency"
	fills.Role, fills.Roles = "fill.liquidity", map[string]trading.Role{"Taker": trading.Taker, "Maker": trading.Maker}
	return venue.Rows(frame, "", "fill", func(r venue.Row) error {
		switch r["type"] {
		case "heartbeat":
			out.Say(market.Heartbeat, "", "")
			return nil
		case "subscription_ack":
			out.Say(market.Ack, "", "")
			return nil
		}
		if err := orders.Read(r, f.t, out); err != nil || r["type"] != "fill" {
			return err
		}
		return fills.Read(r, f.t, out)
	})
}
