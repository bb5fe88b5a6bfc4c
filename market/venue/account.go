package venue

import (
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/assayhq/assay/asset"
	"github.com/assayhq/assay/fault"
	"github.com/assayhq/assay/internal/scan"
	"github.com/assayhq/assay/market"
	"github.com/assayhq/assay/money"
	"github.com/assayhq/assay/trading"
)

// Answers about accounts are few and small, and differ from venue to venue in little but
// names. So each is read into rows of texts, and a table of the venue's names says which
// text is what; whatever a name cannot say is a function of the venue's own.

// Row is one object of an answer: the texts of its members by name, those of an array by
// position. What is null is not there. Members of an object inside stand as
// "outer.inner", however deep they were.
type Row map[string]string

// Rows calls each for every row that path leads to: names of members or numbers of items,
// split by dots; a * is every one. At the end an array is rows, an object is one row, and an
// object behind * has its own name under "#". inside names the members whose own members
// belong to the row. A path that leads nowhere gives no rows.
func Rows(body []byte, path, inside string, each func(Row) error) error {
	_, err := find(body, path, inside, each)
	return err
}

// AllRows is Rows for an answer that has to have them: a path that leads nowhere is an
// error, so that an answer of another kind is not taken for an empty account.
func AllRows(body []byte, path, inside string, each func(Row) error) error {
	found, err := find(body, path, inside, each)
	if err == nil && !found {
		err = fault.New(fault.Unavailable, "the answer is of another kind: it has no %s", path)
	}
	return err
}

func find(body []byte, path, inside string, each func(Row) error) (found bool, err error) {
	c := scan.New(body)
	if p := c.Peek(); p != '{' && p != '[' {
		c.Fail("expected an object or an array")
		return false, c.Err()
	}
	var steps []string
	if path != "" {
		steps = strings.Split(path, ".")
	}
	var failed error
	found = descend(&c, steps, "", inside, func(r Row) {
		if failed == nil && c.Err() == nil {
			failed = each(r)
		}
	})
	if err := c.End(); err != nil {
		return false, err
	}
	return found, failed
}

// descend follows the steps, and tells whether they led somewhere: to something empty, too.
func descend(c *scan.Cursor, steps []string, name, inside string, each func(Row)) (found bool) {
	switch p := c.Peek(); {
	case p == '{' && len(steps) > 0:
		found = steps[0] == "*"
		for ok := c.Obj(); ok && c.NextKey(); {
			switch k := string(c.K); steps[0] {
			case "*":
				descend(c, steps[1:], k, inside, each)
			case k:
				found = descend(c, steps[1:], "", inside, each)
			default:
				c.Skip()
			}
		}
	case p == '[' && len(steps) > 0:
		found = steps[0] == "*"
		for i, ok := 0, c.Arr(); ok && c.NextItem(); i++ {
			switch steps[0] {
			case "*":
				descend(c, steps[1:], "", inside, each)
			case strconv.Itoa(i):
				found = descend(c, steps[1:], "", inside, each)
			default:
				c.Skip()
			}
		}
		return found
	case len(steps) > 0:
		c.Skip()
	case p == '[' && len(steps) == 0:
		for ok := c.Arr(); ok && c.NextItem(); {
			if p := c.Peek(); p == '{' || p == '[' {
				each(read(c, name, inside))
			} else {
				c.Skip()
			}
		}
		return true
	case p == '{' && len(steps) == 0:
		each(read(c, name, inside))
		return true
	default:
		c.Skip()
		return true
	}
	return found
}

// OneRow reads a whole message as one row.
func OneRow(body []byte, inside string) (Row, error) {
	c := scan.New(body)
	if p := c.Peek(); p != '{' && p != '[' {
		c.Fail("expected an object")
		return nil, c.Err()
	}
	r := read(&c, "", inside)
	return r, c.End()
}

func read(c *scan.Cursor, name, inside string) Row {
	r := Row{}
	fill(c, r, "", inside)
	if name != "" {
		r["#"] = name
	}
	return r
}

// fill reads an object or an array into r, with prefix before its names.
func fill(c *scan.Cursor, r Row, prefix, inside string) {
	if c.Peek() == '[' {
		i := 0
		for ok := c.Arr(); ok && c.NextItem(); i++ {
			member(c, r, prefix, strconv.Itoa(i), inside)
		}
		return
	}
	for ok := c.Obj(); ok && c.NextKey(); {
		member(c, r, prefix, string(c.K), inside)
	}
}

func member(c *scan.Cursor, r Row, prefix, name, inside string) {
	switch c.Peek() {
	case '{', '[':
		switch {
		case prefix != "":
			fill(c, r, prefix, inside)
		case has(inside, name):
			fill(c, r, name+".", inside)
		default:
			c.Skip()
		}
	case '"':
		r[prefix+name] = string(c.Str())
	default:
		if t := string(c.Raw()); t != "null" {
			r[prefix+name] = t
		}
	}
}

// has tells whether a list such as "a|b" holds name.
func has(list, name string) bool {
	for list != "" {
		first, rest, _ := strings.Cut(list, "|")
		if first == name {
			return true
		}
		list = rest
	}
	return false
}

// Get gives the first member of a list such as "a|b" that is there and not empty.
func (r Row) Get(list string) string {
	for list != "" {
		first, rest, _ := strings.Cut(list, "|")
		if v := r[first]; v != "" {
			return v
		}
		list = rest
	}
	return ""
}

// Under lists, in order, the names of the members of a member; of "" those of the row.
func (r Row) Under(name string) []string {
	if name != "" {
		name += "."
	}
	var out []string
	for k := range r {
		if rest, ok := strings.CutPrefix(k, name); ok && rest != "#" {
			out = append(out, rest)
		}
	}
	slices.Sort(out)
	return out
}

// Amount reads a decimal; "" is 0. One of more digits than a decimal holds is cut towards
// zero, and said to be.
func Amount(text string) (d money.Decimal, cut bool, err error) {
	if text == "" {
		return d, false, nil
	}
	d, err = money.Parse([]byte(text))
	if err != money.ErrRange || strings.ContainsAny(text, "eE") {
		return d, false, err
	}
	whole, frac, _ := strings.Cut(text, ".")
	room := money.MaxDigits - len(strings.TrimLeft(whole, "+-0"))
	if room < 0 {
		return d, false, err
	}
	d, err = money.Parse([]byte(whole + "." + frac[:min(room, len(frac))]))
	return d, err == nil, err
}

// TimeForm reads the time of a member.
type TimeForm func(text string) (time.Time, bool)

// InMillis reads milliseconds since 1970, with or without decimals.
func InMillis(text string) (time.Time, bool) { return sinceEpoch(text, 6) }

// InSeconds reads seconds since 1970, with or without decimals.
func InSeconds(text string) (time.Time, bool) { return sinceEpoch(text, 9) }

// InMicros reads microseconds since 1970.
func InMicros(text string) (time.Time, bool) { return sinceEpoch(text, 3) }

// InNanos reads nanoseconds since 1970.
func InNanos(text string) (time.Time, bool) { return sinceEpoch(text, 0) }

func sinceEpoch(text string, decimals int) (time.Time, bool) {
	d, err := money.Parse([]byte(text))
	if err != nil || d.IsNeg() {
		return time.Time{}, false
	}
	d, err = d.Round(decimals).Rescale(decimals)
	if err != nil || d.Coef() > math.MaxInt64 {
		return time.Time{}, false
	}
	if d.IsZero() {
		return time.Time{}, true
	}
	return time.Unix(0, int64(d.Coef())).UTC(), true
}

// InText reads RFC 3339, with any offset, and "2006-01-02 15:04:05" as UTC.
func InText(text string) (time.Time, bool) {
	if at, ok := scan.ParseRFC3339([]byte(text)); ok {
		return at, true
	}
	at, err := time.Parse("2006-01-02 15:04:05", text) // takes decimals too
	return at, err == nil
}

func (f TimeForm) read(text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	if f == nil {
		f = InMillis
	}
	at, ok := f(text)
	if !ok {
		return at, fault.New(fault.Invalid, "%q is no time", clip(text))
	}
	return at, nil
}

func clip(s string) string { return s[:min(len(s), 40)] }

// figures reads amounts of a row and keeps the first error.
type figures struct {
	row Row
	cut bool
	err error
}

func (f *figures) at(list string) money.Decimal {
	d, cut, err := Amount(f.row.Get(list))
	if err != nil && f.err == nil {
		f.err = fault.Wrap(fault.Invalid, err, "%s is no number that can be held", list)
	}
	f.cut = f.cut || cut
	return d
}

func (f *figures) time(c TimeForm, list string) time.Time {
	at, err := c.read(f.row.Get(list))
	if err != nil && f.err == nil {
		f.err = err
	}
	return at
}

// BalanceNames are a venue's names of the members of a balance; each may be a list such as
// "a|b". What is left out, and can be computed from the other two, is.
type BalanceNames struct {
	Path, Inside                    string // where the rows are, as in Rows
	Asset, Wallet                   string
	Total, Available, Held, Updated string
	Clock                           TimeForm
	// Trim turns the venue's name of an asset into the one that the table knows.
	Trim func(symbol string) string
	// Then has the last word. A balance for which it is false is left out.
	Then func(r Row, b *trading.Balance) bool
}

// Read appends the balance of a row. Balances of nothing are left out.
func (n *BalanceNames) Read(r Row, t *Table, out *trading.Account) error {
	f := figures{row: r}
	b := trading.Balance{
		Venue: t.Venue(), Symbol: r.Get(n.Asset), Wallet: r.Get(n.Wallet),
		Total: f.at(n.Total), Available: f.at(n.Available), Held: f.at(n.Held), At: f.time(n.Clock, n.Updated),
	}
	out.Rows++
	if b.Symbol == "" {
		return fault.New(fault.Invalid, "a balance without an asset")
	}
	symbol := b.Symbol
	if n.Trim != nil {
		symbol = n.Trim(symbol)
	}
	b.Asset = asset.Code(t.Code(symbol))
	var err error
	switch {
	case f.err != nil:
	case n.Total == "":
		b.Total, err = sum(b.Available, b.Held, false)
	case n.Held == "" && n.Available != "":
		b.Held, err = sum(b.Total, b.Available, true)
	case n.Available == "" && n.Held != "":
		b.Available, err = sum(b.Total, b.Held, true)
	case n.Available == "":
		b.TotalOnly = true
	}
	if f.err == nil && err != nil {
		f.err = fault.Wrap(fault.Invalid, err, "the amounts of %s cannot be added", clip(b.Symbol))
	}
	b.Cut = f.cut
	keep := n.Then == nil || n.Then(r, &b)
	if f.err == nil && keep && (!b.Total.IsZero() || !b.Available.IsZero() || !b.Held.IsZero()) {
		out.Balances = append(out.Balances, b)
	}
	return f.err
}

func sum(a, b money.Decimal, less bool) (money.Decimal, error) {
	if less {
		return a.Sub(b)
	}
	return a.Add(b)
}

// OrderNames are a venue's names of the members of an order; each may be a list.
type OrderNames struct {
	Path, Inside                             string // where the rows are, as in Rows
	ID, ClientID, Symbol, Side, Kind, Price  string
	Qty, Funds, Filled, Left, Average, Spent string // Left and Spent give Filled and Average where those are not told
	Status, Created, Updated                 string
	Clock                                    TimeForm
	Statuses                                 map[string]trading.Status
	// Kinds are words of Kind beside those that KindOf knows.
	Kinds map[string]trading.OrderKind
	// Contracts: sizes count contracts, which the instrument turns into its unit.
	Contracts bool
	// Key turns the symbol into the key of the table, where those differ.
	Key func(symbol string) string
	// Then has the last word. An order for which it is false is left out.
	Then func(r Row, o *trading.Order) bool
}

// averageDecimals is how far an average that is computed is told; the rest is rounded.
const averageDecimals = 12

// Read appends the order of a row.
func (n *OrderNames) Read(r Row, t *Table, out *trading.Account) error {
	f := figures{row: r}
	o := trading.Order{
		Venue: t.Venue(), ID: r.Get(n.ID), ClientID: r.Get(n.ClientID), Symbol: r.Get(n.Symbol),
		Side: SideOf([]byte(r.Get(n.Side))), Kind: KindOf(r.Get(n.Kind)),
		Qty: money.Qty{Decimal: f.at(n.Qty)}, Funds: f.at(n.Funds),
		Filled: money.Qty{Decimal: f.at(n.Filled)}, Average: money.Price{Decimal: f.at(n.Average)},
		Word: r.Get(n.Status), Created: f.time(n.Clock, n.Created), Updated: f.time(n.Clock, n.Updated),
	}
	left, spent := f.at(n.Left), f.at(n.Spent)
	out.Rows++
	switch {
	case f.err != nil:
		return f.err
	case o.ID == "":
		return fault.New(fault.Invalid, "an order without an id")
	}
	// A price that is no number, such as "market_price" or "+5.0000%", is none.
	if p, _, err := Amount(r.Get(n.Price)); err == nil {
		o.Price.Decimal = p
	}
	if k, ok := n.Kinds[r.Get(n.Kind)]; ok {
		o.Kind = k
	}
	if r.Get(n.Filled) == "" && r.Get(n.Left) != "" && o.Qty.Cmp(left) >= 0 {
		d, err := o.Qty.Sub(left)
		if err != nil {
			return fault.Wrap(fault.Invalid, err, "what is left of an order cannot be taken off")
		}
		o.Filled = money.Qty{Decimal: d}
	}
	if n.Qty == "" && n.Left != "" {
		d, err := o.Filled.Add(left)
		if err != nil {
			return fault.Wrap(fault.Invalid, err, "what is left of an order cannot be added")
		}
		o.Qty = money.Qty{Decimal: d}
	}
	if o.Average.IsZero() && spent.Sign() > 0 && o.Filled.Sign() > 0 {
		if d, err := spent.Quo(o.Filled.Decimal, averageDecimals); err == nil {
			o.Average = money.Price{Decimal: d.Trim()}
		}
	}
	if n.Status != "" {
		s, ok := n.Statuses[o.Word]
		if !ok {
			s = trading.StatusUnknown
			out.Say(market.Strange, o.Symbol, "order status "+strconv.Quote(clip(o.Word)))
		}
		o.Status = s
	}
	if in := instrumentOf(t, o.Symbol, n.Key); in != nil {
		o.Pair = in.Pair
		if n.Contracts {
			o.Qty, o.Filled = in.Size(o.Qty), in.Size(o.Filled)
		}
	}
	if n.Then != nil && !n.Then(r, &o) {
		return nil
	}
	if o.Kind == trading.Market {
		o.Price = money.Price{} // some venues tell what it was capped at, or what it cost
	}
	if o.Side == market.NoSide {
		out.Say(market.Strange, o.Symbol, "order side "+strconv.Quote(clip(r.Get(n.Side))))
	}
	if o.Status == "" {
		o.Status = trading.StatusUnknown
	}
	if o.Status == trading.Open && o.Filled.Sign() > 0 {
		o.Status = trading.PartiallyFilled
	}
	out.Orders = append(out.Orders, o)
	return nil
}

func instrumentOf(t *Table, symbol string, key func(string) string) *market.Instrument {
	if symbol == "" {
		return nil
	}
	if key != nil {
		symbol = key(symbol)
	}
	return t.Find([]byte(symbol))
}

// KindOf reads the words that venues have for kinds of order in common.
func KindOf(word string) trading.OrderKind {
	w := strings.ToLower(strings.NewReplacer("_", " ", "-", " ").Replace(word))
	switch {
	case w == "":
		return trading.KindUnknown
	case strings.Contains(w, "stop"), strings.Contains(w, "take profit"), strings.Contains(w, "trail"), strings.Contains(w, "trigger"), strings.Contains(w, "if touched"):
		return trading.Conditional
	case strings.Contains(w, "market"), w == "mkt":
		return trading.Market
	case strings.Contains(w, "limit"), strings.Contains(w, "ioc"), strings.Contains(w, "fok"), strings.Contains(w, "post"), w == "lmt":
		return trading.Limit
	}
	return trading.KindUnknown
}

// FillNames are a venue's names of the members of a fill; each may be a list.
type FillNames struct {
	Path, Inside                        string // where the rows are, as in Rows
	ID, OrderID, ClientID, Symbol, Side string
	Price, Qty, Fee, FeeAsset, Role, At string
	Clock                               TimeForm
	Roles                               map[string]trading.Role
	// Paid: Fee is what was paid. Otherwise the venue tells what the balance gained, so
	// that a fee is below zero, and it is turned round.
	Paid bool
	// FeeInQuote: a fee whose asset is not told is in the pair's quote asset.
	FeeInQuote bool
	// Contracts: sizes count contracts, which the instrument turns into its unit.
	Contracts bool
	// Key turns the symbol into the key of the table, where those differ.
	Key func(symbol string) string
	// Then has the last word. A fill for which it is false is left out.
	Then func(r Row, x *trading.Fill) bool
}

// Read appends the fill of a row.
func (n *FillNames) Read(r Row, t *Table, out *trading.Account) error {
	f := figures{row: r}
	x := trading.Fill{
		Venue: t.Venue(), ID: r.Get(n.ID), OrderID: r.Get(n.OrderID), ClientID: r.Get(n.ClientID), Symbol: r.Get(n.Symbol),
		Side: SideOf([]byte(r.Get(n.Side))), Price: money.Price{Decimal: f.at(n.Price)}, Qty: money.Qty{Decimal: f.at(n.Qty)},
		Fee: f.at(n.Fee), At: f.time(n.Clock, n.At),
	}
	out.Rows++
	if f.err != nil {
		return f.err
	}
	x.Cut = f.cut
	if !n.Paid {
		x.Fee = x.Fee.Neg()
	}
	if s := r.Get(n.FeeAsset); s != "" {
		x.FeeAsset = asset.Code(t.Code(s))
	}
	if w := r.Get(n.Role); w != "" {
		role, ok := n.Roles[w]
		if !ok {
			out.Say(market.Strange, x.Symbol, "role of a fill "+strconv.Quote(clip(w)))
		}
		x.Role = role
	}
	if in := instrumentOf(t, x.Symbol, n.Key); in != nil {
		x.Pair = in.Pair
		if n.Contracts {
			x.Qty = in.Size(x.Qty)
		}
		if n.FeeInQuote && x.FeeAsset == "" && in.Quote != "" {
			x.FeeAsset = in.Quote
		}
	}
	if n.Then != nil && !n.Then(r, &x) {
		return nil
	}
	switch {
	case x.ID == "" && x.OrderID == "":
		return fault.New(fault.Invalid, "a fill without an id")
	case x.Price.IsZero() || x.Qty.IsZero():
		return fault.New(fault.Invalid, "a fill without price or quantity")
	}
	if x.Side == market.NoSide {
		out.Say(market.Strange, x.Symbol, "side of a fill "+strconv.Quote(clip(r.Get(n.Side))))
	}
	out.Fills = append(out.Fills, x)
	return nil
}

// Sheet is how a venue writes answers about an account, where names alone say it.
type Sheet struct {
	Refused  *Complaint // looked for in every answer; nil: errors have a status
	Balances BalanceNames
	Orders   OrderNames
	Fills    FillNames
	// Cursor names the member that starts the next page, as a path; its last part may be a
	// list. Of several rows the last counts.
	Cursor string
}

// Decode is Private.Decode.
func (s *Sheet) Decode(a AccountAsk, body []byte, t *Table, out *trading.Account) error {
	if s.Refused != nil {
		if err := s.Refused.In(body); err != nil {
			return err
		}
	}
	if s.Cursor != "" {
		path, name := "", s.Cursor
		if i := strings.LastIndexByte(s.Cursor, '.'); i >= 0 {
			path, name = s.Cursor[:i], s.Cursor[i+1:]
		}
		if err := Rows(body, path, "", func(r Row) error { out.Cursor = r.Get(name); return nil }); err != nil {
			return err
		}
	}
	switch a.What {
	case AskBalances:
		out.Snapshot = a.Section == 0 && a.Cursor == ""
		return AllRows(body, s.Balances.Path, s.Balances.Inside, func(r Row) error { return s.Balances.Read(r, t, out) })
	case AskOrders:
		return AllRows(body, s.Orders.Path, s.Orders.Inside, func(r Row) error { return s.Orders.Read(r, t, out) })
	case AskFills:
		return AllRows(body, s.Fills.Path, s.Fills.Inside, func(r Row) error { return s.Fills.Read(r, t, out) })
	}
	return fault.New(fault.Invalid, "no decoder for %s", a.What)
}

// NextCursor is Private.Next for venues whose answers say where the next page starts.
func NextCursor(a AccountAsk, got *trading.Account) (AccountAsk, bool) {
	if got.Cursor == "" || got.Cursor == a.Cursor || got.Rows == 0 {
		return a, false
	}
	a.Cursor = got.Cursor
	return a, true
}

// Complaint is how a venue says no in the body of an answer.
type Complaint struct {
	Venue string // its name, for the sentence
	// Code and Text name the members, or lists of them; they may stand inside an object
	// that Inside names.
	Code, Text, Inside string
	// Fine lists the codes that say yes; a missing code is fine too.
	Fine  string
	Kinds map[string]fault.Kind
}

// In gives the complaint in a body as an error, nil when there is none.
func (x *Complaint) In(body []byte) error {
	c := scan.New(body)
	if c.Peek() != '{' {
		return nil
	}
	r, err := OneRow(body, x.Inside)
	if err != nil {
		return err
	}
	code := r.Get(x.Code)
	if code == "" || has(x.Fine, code) {
		return nil
	}
	return x.of(code, r.Get(x.Text), fault.Invalid)
}

// Failure is Private.Failure: the complaint of an answer with an error status.
func (x *Complaint) Failure(status int, body []byte) error {
	kind := fault.Invalid
	switch {
	case status == 401:
		kind = fault.Unauthentic
	case status == 403:
		kind = fault.Denied
	case status == 404:
		kind = fault.Unknown
	case status == 418 || status == 429:
		kind = fault.Exhausted
	case status >= 500:
		kind = fault.Unavailable
	}
	c := scan.New(body)
	if c.Peek() == '{' {
		if r, err := OneRow(body, x.Inside); err == nil {
			if code := r.Get(x.Code); code != "" {
				return x.of(code, r.Get(x.Text), kind)
			}
			if text := r.Get(x.Text); text != "" {
				return x.of("", text, kind)
			}
		}
	}
	return fault.New(kind, "%s refused the request (HTTP %d)", x.Venue, status)
}

func (x *Complaint) of(code, text string, otherwise fault.Kind) error {
	kind, ok := x.Kinds[code]
	if !ok {
		if kind, ok = x.Kinds[text]; !ok {
			kind = otherwise
		}
	}
	said := strings.TrimSpace(code + " " + text)
	return fault.New(kind, "%s answered %q", x.Venue, said[:min(len(said), 200)])
}

// NextOlder is Private.Next for fills that come newest first and have no cursor: it asks
// for what was before the oldest. Fills of that millisecond come twice; their ids tell.
func NextOlder(a AccountAsk, got *trading.Account, page int) (AccountAsk, bool) {
	if a.What != AskFills || a.From.IsZero() || got.Rows < page || len(got.Fills) == 0 {
		return a, false
	}
	oldest := got.Fills[0].At
	for i := range got.Fills {
		if at := got.Fills[i].At; at.Before(oldest) {
			oldest = at
		}
	}
	to := oldest.Truncate(time.Millisecond).Add(time.Millisecond)
	if !to.After(a.From) || !a.To.IsZero() && !to.Before(a.To) {
		return a, false
	}
	a.To = to
	return a, true
}

// NextNewer is Private.Next for fills that come oldest first and have no cursor: it asks
// for what was since the newest. Fills of that millisecond come twice; their ids tell.
func NextNewer(a AccountAsk, got *trading.Account, page int) (AccountAsk, bool) {
	if a.What != AskFills || a.From.IsZero() || got.Rows < page {
		return a, false
	}
	newest := a.From
	for i := range got.Fills {
		if at := got.Fills[i].At.Truncate(time.Millisecond); at.After(newest) {
			newest = at
		}
	}
	if !newest.After(a.From) {
		return a, false
	}
	a.From = newest
	return a, true
}
