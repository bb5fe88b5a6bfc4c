package trading

import (
	"context"

	"github.com/assayhq/assay/fault"
	"github.com/assayhq/assay/market"
	"github.com/assayhq/assay/money"
)

// Nothing in Assay places an order yet. What stands here is the contract of order entry,
// so that the private interfaces of the exchanges can be completed against it.

// Life is how long an order stays in the book.
type Life string

// The lives of an order.
const (
	UntilCanceled Life = ""    // GTC
	Immediate     Life = "ioc" // what cannot be filled at once expires
	AllOrNothing  Life = "fok" // wholly at once, or it expires
)

// NewOrder asks for an order.
type NewOrder struct {
	// ClientID is chosen by the one who asks and never used twice: two requests with one
	// ClientID are one order, whatever became of the answers. A venue that does not hold
	// to this by itself is asked for the ClientID before the order is sent again.
	ClientID   string
	Pair       market.Pair
	Side       market.Side
	Kind       OrderKind     // Limit or Market
	Price      money.Price   // of a limit order; a multiple of the instrument's tick
	Qty        money.Qty     // in the instrument's unit; a multiple of its step
	Funds      money.Decimal // instead of Qty: a market order that spends this much quote
	Life       Life
	PostOnly   bool // rather rejected than a taker
	ReduceOnly bool // contracts: never opens or turns a position
}

// Check gives fault.Invalid with the field that is wrong in itself. What a venue's filters
// say is not looked at here.
func (n *NewOrder) Check() error {
	switch {
	case n.ClientID == "" || len(n.ClientID) > 32:
		return fault.At(fault.Invalid, "client_id", "a client id has 1 to 32 characters: it is what finds the order when the answer is lost")
	case n.Pair == "":
		return fault.At(fault.Invalid, "pair", "the pair is missing")
	case n.Side != market.Buy && n.Side != market.Sell:
		return fault.At(fault.Invalid, "side", "the side is buy or sell")
	case n.Kind != Limit && n.Kind != Market:
		return fault.At(fault.Invalid, "kind", "an order is limit or market")
	case n.Kind == Limit && n.Price.Sign() <= 0:
		return fault.At(fault.Invalid, "price", "a limit order has a price above zero")
	case n.Kind == Market && !n.Price.IsZero():
		return fault.At(fault.Invalid, "price", "a market order has no price")
	case n.Qty.IsNeg() || n.Funds.IsNeg() || n.Qty.IsZero() == n.Funds.IsZero():
		return fault.At(fault.Invalid, "qty", "an order has a quantity above zero, or funds in its place")
	case !n.Funds.IsZero() && n.Kind != Market:
		return fault.At(fault.Invalid, "funds", "only a market order is given in quote")
	case n.PostOnly && (n.Kind != Limit || n.Life != UntilCanceled):
		return fault.At(fault.Invalid, "post_only", "an order that must rest is a limit order that stays until canceled")
	}
	return nil
}

// Cancel asks for the end of an order, by either id.
type Cancel struct {
	Pair     market.Pair
	ID       string // the venue's
	ClientID string
}

// Verdict is what is known of a request after its answer, or after the lack of one.
type Verdict uint8

// The verdicts. Unknown is the zero value, so that a forgotten one is never taken for a
// refusal: an order whose fate is not known may be in the book.
const (
	Unknown  Verdict = iota // no answer, a 5xx, a cut connection, a venue's own "unknown": ask by client id
	Accepted                // the venue took it; the order may still be rejected later
	Refused                 // the venue said no, and nothing was or will be done
)

// Outcome is what became of a request.
type Outcome struct {
	Verdict Verdict
	Order   Order // what the answer said of it; Status is StatusUnknown where it said nothing
	Reason  error // of Refused and Unknown: a *fault.Error with a sentence
}

// Entry is order entry at one venue. Nobody implements it yet. Obligations:
//
//  1. What is not known is Unknown. Only an answer in which the venue itself says that
//     nothing was done is Refused: no timeout, no 5xx, no cut connection is.
//  2. Whoever gets Unknown asks Find with the client id until it gives the order or says
//     fault.Unknown from a venue that lists such an order at once. Until then the order
//     counts as if it were in the book, with its whole size.
//  3. Place with a ClientID that was placed before is that order: it gives it, and makes
//     no second one. It holds over restarts: the ClientID is stored before it is sent.
//  4. Cancel of an order that has ended already is Accepted, with the order as it ended.
//  5. An Accepted order is followed by the account's stream; its fills may come before
//     Place has returned.
//  6. Nothing is sent again by itself, save a request that is proved not to have left.
type Entry interface {
	Place(ctx context.Context, n NewOrder) Outcome
	Cancel(ctx context.Context, c Cancel) Outcome
	// Find gives an order by its client id; fault.Unknown when the venue has none.
	Find(ctx context.Context, p market.Pair, clientID string) (Order, error)
}
