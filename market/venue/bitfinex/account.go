package bitfinex

import (
	"strconv"
	"strings"
	"time"

	"github.com/assayhq/assay/fault"
	"github.com/assayhq/assay/market"
	"github.com/assayhq/assay/market/venue"
	"github.com/assayhq/assay/market/venue/sign"
	"github.com/assayhq/assay/trading"
)

var accountKinds = map[string]fault.Kind{
	"10100": fault.Unauthentic, "10114": fault.Unavailable, "10001": fault.Invalid, "11010": fault.Exhausted, "20060": fault.Unavailable,
}

// fillPage is the most fills of one answer.
const fillPage = 2500

func accountCall(a venue.AccountAsk) (venue.Call, error) {
	switch a.What {
	case venue.AskBalances:
		return venue.Call{Method: "POST", Path: "/v2/auth/r/wallets", Body: "{}"}, nil
	case venue.AskOrders:
		c := venue.Call{Method: "POST", Path: "/v2/auth/r/orders", Body: "{}"}
		if a.Instrument != nil {
			c.Path += "/" + a.Symbol()
		}
		return c, nil
	case venue.AskFills:
		c := venue.Call{Method: "POST", Path: "/v2/auth/r/trades/hist"}
		if a.Instrument != nil {
			c.Path = "/v2/auth/r/trades/" + a.Symbol() + "/hist"
		}
		c.Body = `{"limit":` + strconv.Itoa(fillPage)
		if !a.From.IsZero() {
			c.Body += `,"start":` + venue.MS(a.From)
		}
		if !a.To.IsZero() {
			c.Body += `,"end":` + strconv.FormatInt(a.To.UnixMilli()-1, 10) // it is inclusive
		}
		c.Body += "}"
		return c, nil
	}
	return venue.Call{}, a.Unanswered("Bitfinex", "it is not offered")
}

// accountNext goes back in time: the newest fills come first.
func accountNext(a venue.AccountAsk, got *trading.Account) (venue.AccountAsk, bool) {
	return venue.NextOlder(a, got, fillPage)
}

// orderStatuses are the words before the first detail, such as "EXECUTED @ 42.8(0.1)".
var orderStatuses = map[string]trading.Status{
	"ACTIVE": trading.Open, "PARTIALLY FILLED": trading.PartiallyFilled, "EXECUTED": trading.Filled, "FORCED EXECUTED": trading.Filled,
	"CANCELED": trading.Canceled, "INSUFFICIENT MARGIN": trading.Canceled, "INSUFFICIENT BALANCE": trading.Canceled, "POSTONLY CANCELED": trading.Canceled,
	"IOC CANCELED": trading.Expired, "FILLORKILL CANCELED": trading.Expired, "RSN_DUST": trading.Rejected, "RSN_PAUSE": trading.Rejected,
	"RSN_BOOK_SLIP": trading.Canceled,
}

// Rows are arrays: a member's name is its place.
var (
	accountBalances = venue.BalanceNames{Wallet: "0", Asset: "1", Total: "2", Available: "4", Then: toldInPart}
	accountOrders   = venue.OrderNames{
		ID: "0", ClientID: "2", Symbol: "3", Created: "4", Updated: "5", Left: "@left", Qty: "@qty", Side: "@side", Kind: "8", Status: "@status", Price: "16", Average: "17",
		Statuses: orderStatuses, Then: conditional,
	}
	accountFills = venue.FillNames{
		ID: "0", Symbol: "1", At: "2", OrderID: "3", Qty: "@qty", Side: "@side", Price: "5", Role: "8", Fee: "9", FeeAsset: "10", ClientID: "11",
		Roles: map[string]trading.Role{"1": trading.Maker, "-1": trading.Taker},
	}
)

// toldInPart: what is available is not told until it was computed on request.
func toldInPart(r venue.Row, b *trading.Balance) bool {
	if r["4"] == "" {
		b.TotalOnly, b.Held = true, trading.Balance{}.Held
	}
	return true
}

func conditional(r venue.Row, o *trading.Order) bool {
	if o.Kind == trading.Conditional && o.Status == trading.Open {
		o.Status = trading.Waiting
	}
	return true
}

// signed tells the side by an amount's sign, and gives its size.
func bySign(amount string) (side, size string) {
	if rest, sold := strings.CutPrefix(amount, "-"); sold {
		return "sell", rest
	}
	return "buy", amount
}

func readOrder(r venue.Row, t *venue.Table, out *trading.Account) error {
	r["@side"], r["@qty"] = bySign(r["7"])
	_, r["@left"] = bySign(r["6"])
	r["@status"] = r["13"]
	for _, detail := range []string{" @ ", " was: ", " ("} {
		r["@status"], _, _ = strings.Cut(r["@status"], detail)
	}
	return accountOrders.Read(r, t, out)
}

func readFill(r venue.Row, t *venue.Table, out *trading.Account) error {
	r["@side"], r["@qty"] = bySign(r["4"])
	return accountFills.Read(r, t, out)
}

func readBalance(r venue.Row, t *venue.Table, out *trading.Account) error {
	return accountBalances.Read(r, t, out)
}

func accountAnswer(a venue.AccountAsk, body []byte, t *venue.Table, out *trading.Account) error {
	read := readBalance
	switch a.What {
	case venue.AskBalances:
		out.Snapshot = true
	case venue.AskOrders:
		read = readOrder
	case venue.AskFills:
		read = readFill
	}
	return venue.Rows(body, "", "", func(r venue.Row) error { return read(r, t, out) })
}

// accountFailure reads ["error",10100,"apikey: invalid"].
func accountFailure(status int, body []byte) error {
	plain := venue.Complaint{Venue: "Bitfinex", Code: "code", Text: "text", Kinds: accountKinds}
	if r, err := venue.OneRow(body, ""); err == nil && r["0"] == "error" {
		return plain.Failure(status, []byte(`{"code":`+sign.Quote(r["1"])+`,"text":`+sign.Quote(r["2"])+`}`))
	}
	return plain.Failure(status, nil)
}

// accountStream is a connection whose channel 0 is the account.
var accountStream = venue.PrivateStream{
	Stream: "wss://api.bitfinex.com", Path: "/ws/2",
	Login: func(p venue.Pass) ([][]byte, error) {
		nonce := strconv.FormatInt(p.Nonce, 10)
		text := "AUTH" + nonce
		return [][]byte{[]byte(`{"event":"auth","apiKey":` + sign.Quote(p.Reveal(venue.FieldKey)) + `,"authSig":"` + sign.Hex384(p.Reveal(venue.FieldSecret), text) +
			`","authPayload":"` + text + `","authNonce":"` + nonce + `","filter":["trading","wallet"]}`)}, nil
	},
	Admitted: func(frame []byte) (string, bool, error) {
		r, err := venue.OneRow(frame, "")
		switch {
		case err != nil || r["event"] != "auth":
			return "", false, err
		case r["status"] == "OK":
			return "", true, nil
		}
		return "", false, fault.New(fault.Unauthentic, "Bitfinex refused the login: %s %s", r["code"], r["msg"])
	},
	Ping: []byte(`{"event":"ping"}`), PingEvery: 20 * time.Second,
	Open: func(t *venue.Table) venue.AccountFeed { return accountFeed{t} },
}

type accountFeed struct{ t *venue.Table }

// Decode reads [0,"on",[…]] for one thing and [0,"os",[[…],…]] for all of them.
func (f accountFeed) Decode(frame []byte, out *trading.Account) error {
	r, err := venue.OneRow(frame, "2")
	if err != nil {
		return err
	}
	one := func(read func(venue.Row, *venue.Table, *trading.Account) error) error {
		row := venue.Row{}
		for name, v := range r {
			if place, ok := strings.CutPrefix(name, "2."); ok {
				row[place] = v
			}
		}
		return read(row, f.t, out)
	}
	all := func(read func(venue.Row, *venue.Table, *trading.Account) error) error {
		return venue.Rows(frame, "2", "", func(r venue.Row) error { return read(r, f.t, out) })
	}
	switch {
	case r["event"] == "pong":
		out.Say(market.Heartbeat, "", "")
	case r["event"] == "info" && r["code"] == "20051":
		out.Say(market.Moving, "", "")
	case r["event"] == "error":
		out.Say(market.Refused, "", r["msg"])
	case r["event"] != "":
	case r["0"] != "0":
		out.Say(market.Strange, "", "message of channel "+r["0"])
	default:
		switch r["1"] {
		case "hb":
			out.Say(market.Heartbeat, "", "")
		case "ws":
			out.Snapshot = true
			return all(readBalance)
		case "wu":
			return one(readBalance)
		case "os":
			return all(readOrder)
		case "on", "ou", "oc":
			return one(readOrder)
		case "tu": // te came before, without the fee
			return one(readFill)
		case "te", "n", "bu", "ps", "pn", "pu", "pc", "fos", "fcs", "fls", "miu", "fiu", "ats":
		default:
			out.Say(market.Strange, "", "message "+r["1"])
		}
	}
	return nil
}
