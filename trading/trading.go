// Package trading is what an account at an exchange has and does: balances, orders as
// they were reported, fills, and the words in which an order is asked for.
//
// These are the nouns: no I/O, no clock, no float; every time stands in a field, with
// who assigned it. It says what a venue reported, never what it must have meant: a word
// nobody knows becomes StatusUnknown beside a notice, and an answer that was lost is
// Unknown, not failed. Amounts are exact, or marked Cut. Nothing here places an order:
// entry.go holds only the contract for whoever will. The private interfaces of the
// exchanges (market/venue) fill these types; the app, the commands and later the desk
// read them.
package trading

import (
	"strings"
	"time"

	"github.com/assayhq/assay/asset"
	"github.com/assayhq/assay/market"
	"github.com/assayhq/assay/money"
)

// Balance is how much of one asset lies in one wallet of an account.
type Balance struct {
	Venue     market.VenueID `json:"venue"`
	Asset     asset.Code     `json:"asset"`                // our code
	Symbol    string         `json:"symbol"`               // the venue's own
	Wallet    string         `json:"wallet,omitempty"`     // the venue's name of the part of the account; "" where it has one
	Total     money.Decimal  `json:"total"`                // Available and Held; for margin accounts what the venue calls the balance, without open profit
	Available money.Decimal  `json:"available"`            // what a new order could use
	Held      money.Decimal  `json:"held"`                 // what open orders hold
	Change    bool           `json:"change,omitempty"`     // Total is a difference, not what there is (a stream that tells movements)
	TotalOnly bool           `json:"total_only,omitempty"` // the venue told no more than Total
	Cut       bool           `json:"cut,omitempty"`        // an amount had more digits than are held; it was cut, never rounded up
	At        time.Time      `json:"at,omitzero"`          // the venue's clock
}

// Order is an order as a venue reported it at some moment.
type Order struct {
	Venue    market.VenueID `json:"venue"`
	ID       string         `json:"id"`                  // the venue's
	ClientID string         `json:"client_id,omitempty"` // the one its owner chose
	Pair     market.Pair    `json:"pair"`
	Symbol   string         `json:"symbol"` // the venue's own
	Side     market.Side    `json:"side"`   // of the order, whoever takes
	Kind     OrderKind      `json:"kind"`
	Price    money.Price    `json:"price"` // the limit; zero for a market order
	Qty      money.Qty      `json:"qty"`   // ordered, in the instrument's unit; zero where it was ordered in quote
	Funds    money.Decimal  `json:"funds"` // ordered, in quote, where the venue counts so
	Filled   money.Qty      `json:"filled"`
	Average  money.Price    `json:"average"` // of the fills; zero where not told and not computable
	Status   Status         `json:"status"`
	Word     string         `json:"word,omitempty"`      // the venue's own word for Status
	Created  time.Time      `json:"created_at,omitzero"` // the venue's clock, as all times here
	Updated  time.Time      `json:"updated_at,omitzero"`
}

// Left is what is still to be filled; zero where Qty is not known.
func (o *Order) Left() money.Qty {
	d, err := o.Qty.Sub(o.Filled.Decimal)
	if err != nil || d.IsNeg() {
		return money.Qty{}
	}
	return money.Qty{Decimal: d}
}

// OrderKind is how an order wants to be executed.
type OrderKind string

// The kinds of order. A conditional one waits for a trigger first, whatever it becomes then.
const (
	KindUnknown OrderKind = ""
	Limit       OrderKind = "limit"
	Market      OrderKind = "market"
	Conditional OrderKind = "conditional"
)

// Status is how an order stands, in our words. docs/glossary.md has the table.
type Status string

// The statuses. The last one is no state of an order but of our knowledge.
const (
	Pending         Status = "pending"          // accepted by the venue, not in the book yet
	Waiting         Status = "waiting"          // conditional: its trigger has not come
	Open            Status = "open"             // in the book, nothing filled
	PartiallyFilled Status = "partially_filled" // in the book, some of it filled
	Canceling       Status = "canceling"        // a cancellation was accepted and is under way; fills may still come
	Filled          Status = "filled"           // wholly filled
	Canceled        Status = "canceled"         // ended early by its owner or by the venue; Filled says how far it came
	Expired         Status = "expired"          // ended by its own terms: its time, or what IOC and FOK could not fill
	Rejected        Status = "rejected"         // never was in the book
	StatusUnknown   Status = "unknown"          // not known: ask again, and never take it for failed
)

// Statuses lists all of them with what they mean, in the order of an order's life.
func Statuses() []struct {
	Status  Status
	Meaning string
} {
	return []struct {
		Status  Status
		Meaning string
	}{
		{Pending, "accepted by the venue, not in the book yet"},
		{Waiting, "conditional: its trigger has not come"},
		{Open, "in the book, nothing filled"},
		{PartiallyFilled, "in the book, some of it filled"},
		{Canceling, "a cancellation is under way; fills may still come"},
		{Filled, "wholly filled"},
		{Canceled, "ended early by its owner or the venue; filled says how far it came"},
		{Expired, "ended by its own terms: its time, or what IOC and FOK could not fill"},
		{Rejected, "never was in the book"},
		{StatusUnknown, "not known: ask again, and never take it for failed"},
	}
}

// Final tells whether nothing more can happen to the order. StatusUnknown is not final.
func (s Status) Final() bool {
	return s == Filled || s == Canceled || s == Expired || s == Rejected
}

// Fill is one execution of an order of the account.
type Fill struct {
	Venue    market.VenueID `json:"venue"`
	ID       string         `json:"id"` // the venue's; that of the public trade where it tells both
	OrderID  string         `json:"order_id"`
	ClientID string         `json:"client_id,omitempty"`
	Pair     market.Pair    `json:"pair"`
	Symbol   string         `json:"symbol"`
	Side     market.Side    `json:"side"` // of the order, whoever took
	Price    money.Price    `json:"price"`
	Qty      money.Qty      `json:"qty"`                 // in the instrument's unit
	Fee      money.Decimal  `json:"fee"`                 // paid; below zero where the venue paid
	FeeAsset asset.Code     `json:"fee_asset,omitempty"` // "" where the venue did not tell the fee here
	Role     Role           `json:"role,omitempty"`
	Cut      bool           `json:"cut,omitempty"` // Qty or Fee had more digits than are held, and was cut
	At       time.Time      `json:"at,omitzero"`   // the venue's clock
}

// Role is on which side of the book an order was when it was filled.
type Role string

// The roles. RoleUnknown is what a venue does not tell.
const (
	RoleUnknown Role = ""
	Maker       Role = "maker"
	Taker       Role = "taker"
)

// Account is what one answer or frame said of an account. Its owner may reuse it.
type Account struct {
	Balances []Balance
	Orders   []Order
	Fills    []Fill
	// Snapshot says that Balances are all there are, so that an asset not among them is
	// held no more.
	Snapshot bool
	// Wallets are names of parts of the account that have to be asked for one by one.
	Wallets []string
	Notices []market.Notice
	// Cursor is where the next page starts, in the venue's terms; "" at the end.
	Cursor string
	// Rows is how many rows the answer had, those left out included: what paging counts.
	Rows int
}

// Reset empties the account and keeps its memory.
func (a *Account) Reset() {
	*a = Account{Balances: a.Balances[:0], Orders: a.Orders[:0], Fills: a.Fills[:0], Wallets: a.Wallets[:0], Notices: a.Notices[:0]}
}

// Say appends a notice.
func (a *Account) Say(k market.NoticeKind, symbol, text string) {
	a.Notices = append(a.Notices, market.Notice{Kind: k, Symbol: symbol, Text: text})
}

// Strange lists what the notices found strange, in the order of the answer.
func (a *Account) Strange() []string {
	var out []string
	for _, n := range a.Notices {
		if n.Kind == market.Strange {
			out = append(out, strings.TrimSpace(n.Symbol+" "+n.Text))
		}
	}
	return out
}
