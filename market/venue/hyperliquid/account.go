package hyperliquid

import (
	"strings"
	"time"

	"github.com/assayhq/assay/fault"
	"github.com/assayhq/assay/market"
	"github.com/assayhq/assay/market/venue"
	"github.com/assayhq/assay/market/venue/sign"
	"github.com/assayhq/assay/money"
	"github.com/assayhq/assay/trading"
)

var complaints = venue.Complaint{Venue: "Hyperliquid", Code: "error", Text: "response|message", Kinds: map[string]fault.Kind{}}

// fillPage is the most fills of one answer.
const fillPage = 2000

// accountCall: the account in the ask is its address. Balances are told in two parts, of
// spot and of perpetuals.
func accountCall(a venue.AccountAsk) (venue.Call, error) {
	if len(a.Account) != 42 || !strings.HasPrefix(a.Account, "0x") {
		return venue.Call{}, fault.At(fault.Invalid, venue.FieldAccount, "an account of Hyperliquid is its address: 0x and 40 hexadecimal digits")
	}
	kind, times := "", ""
	switch a.What {
	case venue.AskBalances:
		kind = "spotClearinghouseState"
		if a.Section > 0 {
			kind = "clearinghouseState"
		}
	case venue.AskOrders:
		kind = "frontendOpenOrders"
	case venue.AskFills:
		kind = "userFills"
		if !a.From.IsZero() {
			kind, times = "userFillsByTime", `,"startTime":`+venue.MS(a.From)
			if !a.To.IsZero() {
				times += `,"endTime":` + venue.MS(a.To)
			}
		}
	default:
		return venue.Call{}, a.Unanswered("Hyperliquid", "it is not offered")
	}
	return venue.Call{Method: "POST", Path: "/info", Body: `{"type":"` + kind + `","user":` + sign.Quote(a.Account) + times + `}`, Weight: 20}, nil
}

// accountNext goes from spot to perpetuals; fills since a time come oldest first.
func accountNext(a venue.AccountAsk, got *trading.Account) (venue.AccountAsk, bool) {
	if a.What == venue.AskBalances && a.Section == 0 {
		a.Section = 1
		return a, true
	}
	return venue.NextNewer(a, got, fillPage)
}

// orderStatuses are those of the stream and of the state of one order.
var orderStatuses = map[string]trading.Status{
	"open": trading.Open, "filled": trading.Filled, "triggered": trading.Pending,
	"canceled": trading.Canceled, "marginCanceled": trading.Canceled, "vaultWithdrawalCanceled": trading.Canceled, "openInterestCapCanceled": trading.Canceled,
	"selfTradeCanceled": trading.Canceled, "reduceOnlyCanceled": trading.Canceled, "siblingFilledCanceled": trading.Canceled, "delistedCanceled": trading.Canceled,
	"liquidatedCanceled": trading.Canceled, "scheduledCancel": trading.Canceled, "internalCancel": trading.Canceled,
	"rejected": trading.Rejected, "tickRejected": trading.Rejected, "minTradeNtlRejected": trading.Rejected, "perpMarginRejected": trading.Rejected, "reduceOnlyRejected": trading.Rejected,
	"badAloPxRejected": trading.Rejected, "badTriggerPxRejected": trading.Rejected, "marketOrderNoLiquidityRejected": trading.Rejected, "insufficientSpotBalanceRejected": trading.Rejected,
	"oracleRejected": trading.Rejected, "perpMaxPositionRejected": trading.Rejected, "positionIncreaseAtOpenInterestCapRejected": trading.Rejected,
	"positionFlipAtOpenInterestCapRejected": trading.Rejected, "tooAggressiveAtOpenInterestCapRejected": trading.Rejected, "openInterestIncreaseRejected": trading.Rejected,
	"iocCancelRejected": trading.Expired,
}

var roles = map[string]trading.Role{"true": trading.Taker, "false": trading.Maker}

var (
	accountBalances = venue.BalanceNames{Path: "balances", Asset: "coin", Total: "total", Held: "hold"}
	accountOrders   = venue.OrderNames{
		ID: "oid", ClientID: "cloid", Symbol: "coin", Side: "side", Kind: "orderType", Price: "limitPx", Qty: "origSz", Left: "sz", Created: "timestamp",
		Then: func(r venue.Row, o *trading.Order) bool { // it lists what is open, and has no word for it
			if o.Status = trading.Open; r["isTrigger"] == "true" {
				o.Status, o.Kind = trading.Waiting, trading.Conditional
			}
			return true
		},
	}
	accountFills = venue.FillNames{
		ID: "tid", OrderID: "oid", ClientID: "cloid", Symbol: "coin", Side: "side", Price: "px", Qty: "sz", Fee: "fee", FeeAsset: "feeToken", Paid: true, Role: "crossed", Roles: roles, At: "time",
	}
)

func accountAnswer(a venue.AccountAsk, body []byte, t *venue.Table, out *trading.Account) error {
	if err := complaints.In(body); err != nil {
		return err
	}
	ofOne := func(symbol string) bool { return a.Instrument == nil || a.Symbol() == symbol }
	switch {
	case a.What == venue.AskOrders:
		n := accountOrders
		n.Then = func(r venue.Row, o *trading.Order) bool { return accountOrders.Then(r, o) && ofOne(o.Symbol) }
		return venue.Rows(body, "", "", func(r venue.Row) error { return n.Read(r, t, out) })
	case a.What == venue.AskFills:
		n := accountFills
		n.Then = func(_ venue.Row, x *trading.Fill) bool { return ofOne(x.Symbol) }
		return venue.Rows(body, "", "", func(r venue.Row) error { return n.Read(r, t, out) })
	case a.Section > 0:
		return margin(body, "", t, out)
	}
	out.Snapshot = true
	return venue.AllRows(body, "balances", "", func(r venue.Row) error { return accountBalances.Read(r, t, out) })
}

// margin reads what the account of perpetuals has, in USDC. Open profit is told of each
// position and taken off the value; what can be withdrawn can be used.
func margin(body []byte, path string, t *venue.Table, out *trading.Account) error {
	if path != "" {
		path += "."
	}
	var profit money.Decimal
	err := venue.Rows(body, path+"assetPositions", "position", func(r venue.Row) error {
		p, _, err := venue.Amount(r["position.unrealizedPnl"])
		if err == nil {
			profit, err = profit.Add(p)
		}
		return err
	})
	if err != nil {
		return err
	}
	n := venue.BalanceNames{Asset: "asset", Wallet: "wallet", Total: "marginSummary.accountValue", Available: "withdrawable", Updated: "time", Then: func(_ venue.Row, b *trading.Balance) bool {
		if d, err := b.Total.Sub(profit); err == nil {
			b.Total = d
		}
		if d, err := b.Total.Sub(b.Available); err == nil && !d.IsNeg() {
			b.Held = d
		} else {
			b.Held = money.Decimal{} // open profit can be more than what is held
		}
		return true
	}}
	return venue.Rows(body, strings.TrimSuffix(path, "."), "marginSummary", func(r venue.Row) error {
		r["asset"], r["wallet"] = "USDC", "perpetuals"
		return n.Read(r, t, out)
	})
}

// accountStream needs no key: what an address does is public.
var accountStream = venue.PrivateStream{
	Path: "/ws",
	Subscribe: func(p venue.Pass) ([][]byte, error) {
		var out [][]byte
		for _, kind := range []string{"orderUpdates", "userFills", "spotState", "clearinghouseState"} {
			out = append(out, []byte(`{"method":"subscribe","subscription":{"type":"`+kind+`","user":`+sign.Quote(p.Account)+`}}`))
		}
		return out, nil
	},
	Ping: []byte(`{"method":"ping"}`), PingEvery: 50 * time.Second,
	Open: func(t *venue.Table) venue.AccountFeed { return accountFeed{t} },
}

type accountFeed struct{ t *venue.Table }

var reported = venue.OrderNames{
	ID: "order.oid", ClientID: "order.cloid", Symbol: "order.coin", Side: "order.side", Kind: "order.orderType", Price: "order.limitPx", Qty: "order.origSz", Left: "order.sz",
	Status: "status", Created: "order.timestamp", Updated: "statusTimestamp", Statuses: orderStatuses, Then: leftWhenFilled,
}

// leftWhenFilled: when an order is filled its size is told as 0 or as what it was.
func leftWhenFilled(_ venue.Row, o *trading.Order) bool {
	if o.Status == trading.Filled {
		o.Filled = o.Qty
	}
	if o.Kind == trading.KindUnknown {
		o.Kind = trading.Limit // all orders here have a limit; the stream does not tell triggers
	}
	return true
}

// Decode reads {"channel":…,"data":…}.
func (f accountFeed) Decode(frame []byte, out *trading.Account) error {
	r, err := venue.OneRow(frame, "")
	if err != nil {
		return err
	}
	switch r["channel"] {
	case "pong":
		out.Say(market.Heartbeat, "", "")
	case "subscriptionResponse":
		out.Say(market.Ack, "", "")
	case "error":
		out.Say(market.Refused, "", r["data"])
	case "orderUpdates":
		return venue.Rows(frame, "data", "order", func(r venue.Row) error { return reported.Read(r, f.t, out) })
	case "userFills":
		return venue.Rows(frame, "data.fills", "", func(r venue.Row) error { return accountFills.Read(r, f.t, out) })
	case "spotState":
		return venue.Rows(frame, "data.spotState.balances", "", func(r venue.Row) error { return accountBalances.Read(r, f.t, out) })
	case "clearinghouseState":
		return margin(frame, "data.clearinghouseState", f.t, out)
	default:
		out.Say(market.Strange, "", "message of channel "+r["channel"])
	}
	return nil
}
