package bitstamp

import (
	"strconv"
	"strings"
	"time"

	"github.com/assayhq/assay/fault"
	"github.com/assayhq/assay/market"
	"github.com/assayhq/assay/market/venue"
	"github.com/assayhq/assay/trading"
)

var complaints = venue.Complaint{Venue: "Bitstamp", Code: "code", Text: "reason|error", Kinds: map[string]fault.Kind{
	"API0001": fault.Unauthentic, "API0004": fault.Unauthentic, "API0005": fault.Unauthentic, "API0008": fault.Unauthentic, "API0010": fault.Unauthentic, "API0011": fault.Denied,
	"API0017": fault.Unavailable, "400.002": fault.Exhausted, "No permission found": fault.Denied, "IP address not allowed": fault.Denied,
}}

// fillPage is the most fills of one answer.
const fillPage = 1000

func accountCall(a venue.AccountAsk) (venue.Call, error) {
	switch a.What {
	case venue.AskBalances:
		return venue.Call{Method: "POST", Path: "/api/v2/account_balances/"}, nil
	case venue.AskOrders:
		return venue.Call{Method: "POST", Path: "/api/v2/open_orders/all/"}, nil
	case venue.AskFills:
		c := venue.Call{Method: "POST", Path: "/api/v2/user_transactions/", Form: true}
		if a.Instrument != nil {
			c.Path += a.Symbol() + "/"
		}
		// A start could be asked for, but not one of more than thirty days ago.
		c.Body = venue.Form("limit", strconv.Itoa(fillPage), "offset", a.Cursor, "sort", "desc")
		return c, nil
	}
	return venue.Call{}, a.Unanswered("Bitstamp", "it is not offered")
}

// accountNext goes back by rows until one is older than what was asked for.
func accountNext(a venue.AccountAsk, got *trading.Account) (venue.AccountAsk, bool) {
	if a.What != venue.AskFills || a.From.IsZero() || got.Rows < fillPage {
		return a, false
	}
	if n := len(got.Fills); n > 0 && got.Fills[n-1].At.Before(a.From) {
		return a, false
	}
	at, _ := strconv.Atoi(a.Cursor)
	a.Cursor = strconv.Itoa(at + got.Rows)
	return a, true
}

var accountSheet = venue.Sheet{
	Balances: venue.BalanceNames{Asset: "currency", Total: "total", Available: "available", Held: "reserved", Trim: strings.ToUpper},
	Orders: venue.OrderNames{
		ID: "id", ClientID: "client_order_id", Symbol: "market|currency_pair", Side: "type", Price: "price", Qty: "amount_at_create|amount", Left: "amount",
		Created: "datetime", Clock: venue.InText, Key: key,
		Then: func(r venue.Row, o *trading.Order) bool {
			o.Side, o.Kind, o.Status = sideOf(r["type"]), trading.Limit, trading.Open // it lists what rests, and has no word for it
			return true
		},
	},
	Fills: venue.FillNames{
		ID: "id", OrderID: "order_id", Symbol: "@symbol", Side: "@side", Price: "@price", Qty: "@qty", Fee: "fee", Paid: true, FeeInQuote: true,
		At: "datetime", Clock: venue.InText, Key: key,
	},
}

// key turns BTC/USD into btcusd.
func key(symbol string) string { return strings.ToLower(strings.Replace(symbol, "/", "", 1)) }

func sideOf(kind string) market.Side {
	switch kind {
	case "0":
		return market.Buy
	case "1":
		return market.Sell
	}
	return market.NoSide
}

func accountAnswer(a venue.AccountAsk, body []byte, t *venue.Table, out *trading.Account) error {
	if err := refused(body); err != nil {
		return err
	}
	if a.What != venue.AskFills {
		return accountSheet.Decode(a, body, t, out)
	}
	return venue.Rows(body, "", "", func(r venue.Row) error {
		if r["type"] != "2" { // deposits, withdrawals, transfers
			out.Rows++
			return nil
		}
		if !unfold(r) {
			out.Rows++
			out.Say(market.Strange, "", "a trade without a pair, number "+r["id"])
			return nil
		}
		return accountSheet.Fills.Read(r, t, out)
	})
}

// refused finds the complaint of an answer with status 200.
func refused(body []byte) error {
	if len(body) == 0 || body[0] != '{' {
		return nil
	}
	r, err := venue.OneRow(body, "")
	if err == nil && (r["status"] == "error" || r["error"] != "") {
		err = complaints.Failure(200, body)
	}
	return err
}

// unfold finds the pair of a trade: the member btc_usd has its price, btc the amount that
// came or, below zero, went.
func unfold(r venue.Row) bool {
	for name, price := range r {
		base, quote, ok := strings.Cut(name, "_")
		amount := r[base]
		if !ok || amount == "" || r[quote] == "" {
			continue
		}
		r["@side"] = "buy"
		if rest, sold := strings.CutPrefix(amount, "-"); sold {
			r["@side"], amount = "sell", rest
		}
		r["@symbol"], r["@price"], r["@qty"] = strings.ToUpper(base+"/"+quote), price, amount
		return true
	}
	return false
}

// accountStream is the public stream with channels of one's own, by a token that has to
// be shown within a minute. Balances are not told.
var accountStream = venue.PrivateStream{
	Ticket: &venue.PrivateTicket{
		Call: venue.Call{Method: "POST", Path: "/api/v2/websockets_token/"},
		Read: func(answer []byte) (string, string, error) {
			if err := refused(answer); err != nil {
				return "", "", err
			}
			r, err := venue.OneRow(answer, "")
			if err == nil && (r["token"] == "" || r["user_id"] == "") {
				err = fault.New(fault.Unavailable, "Bitstamp gave no token for the stream")
			}
			return "", r["user_id"] + " " + r["token"], err
		},
	},
	Subscribe: func(p venue.Pass) ([][]byte, error) {
		user, token, _ := strings.Cut(p.Ticket, " ")
		var out [][]byte
		for _, in := range p.Instruments {
			for _, name := range []string{"private-my_orders_", "private-my_trades_"} {
				out = append(out, []byte(`{"event":"bts:subscribe","data":{"channel":`+strconv.Quote(name+in.Symbol+"-"+user)+`,"auth":`+strconv.Quote(token)+`}}`))
			}
		}
		return out, nil
	},
	Ping: []byte(`{"event":"bts:heartbeat"}`), PingEvery: 30 * time.Second,
	Open: func(t *venue.Table) venue.AccountFeed { return accountFeed{t} },
}

type accountFeed struct{ t *venue.Table }

var reported = venue.OrderNames{
	ID: "id_str|id", ClientID: "client_order_id", Symbol: "@symbol", Side: "order_type", Price: "price_str", Qty: "amount_at_create", Left: "amount_str", Filled: "amount_traded",
	Updated: "microtimestamp", Clock: venue.InMicros,
}

var executed = venue.FillNames{
	ID: "id", OrderID: "order_id", ClientID: "client_order_id", Symbol: "@symbol", Side: "side", Price: "price", Qty: "amount", Fee: "fee", Paid: true, FeeInQuote: true,
	At: "microtimestamp", Clock: venue.InMicros,
}

// Decode reads {"event":…,"channel":"private-my_orders_btcusd-1","data":{…}}.
func (f accountFeed) Decode(frame []byte, out *trading.Account) error {
	r, err := venue.OneRow(frame, "data")
	if err != nil {
		return err
	}
	channel, event := r["channel"], r["event"]
	name, mine := strings.CutPrefix(channel, "private-my_")
	kind, symbol, _ := strings.Cut(name, "_")
	if i := strings.LastIndexByte(symbol, '-'); i >= 0 {
		symbol = symbol[:i]
	}
	row := func(read func(venue.Row, *venue.Table, *trading.Account) error) error {
		return venue.Rows(frame, "data", "", func(r venue.Row) error {
			r["@symbol"] = symbol
			return read(r, f.t, out)
		})
	}
	switch {
	case event == "bts:heartbeat":
		out.Say(market.Heartbeat, "", "")
	case event == "bts:subscription_succeeded":
		out.Say(market.Ack, "", channel)
	case event == "bts:error":
		out.Say(market.Refused, "", r["data.message"])
	case event == "bts:request_reconnect":
		out.Say(market.Moving, "", "")
	case mine && kind == "trades" && event == "trade":
		return row(executed.Read)
	case mine && kind == "orders":
		n := reported
		n.Then = func(r venue.Row, o *trading.Order) bool {
			if standing(event, r, o); o.Status == trading.StatusUnknown {
				out.Say(market.Strange, o.Symbol, "event "+event)
			}
			return true
		}
		return row(n.Read)
	default:
		out.Say(market.Strange, "", "event "+event+" of "+channel)
	}
	return nil
}

// standing: an order has no word for how it stands; the event and what is left tell.
func standing(event string, r venue.Row, o *trading.Order) {
	o.Side, o.Kind, o.Word = sideOf(r["order_type"]), trading.Limit, event
	switch {
	case event == "order_created" || event == "order_changed":
		o.Status = trading.Open
	case event == "order_deleted" && o.Left().IsZero():
		o.Status = trading.Filled
	case event == "order_deleted":
		o.Status = trading.Canceled
	default:
		o.Status = trading.StatusUnknown
	}
}
