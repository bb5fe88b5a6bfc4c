package emulator

import (
	"math/big"
	"slices"
	"strings"
	"time"

	"github.com/assayhq/assay/asset"
)

// desk is the simulated accounts of a venue: what they hold, ordered and traded. All of
// it is guarded by the venue's lock.
type desk struct {
	accounts []*account
	next     int64 // number of the next order
	house    purse // what the market's other side and the venue's till hold; it began with nothing
	begun    purse // what was handed out at the start
}

// account is one customer. Its keys share it.
type account struct {
	id       int64
	wallets  map[asset.Code]*wallet
	orders   []*ticket // oldest first
	fills    []*fill
	byClient map[string]*ticket
}

// wallet is an amount of one asset, in units of 10^-unit. held is the part that open
// orders hold.
type wallet struct{ total, held big.Int }

// unit is how many decimals amounts have: more than price times size times fee needs.
const unit = 24

// purse is amounts of assets that may be below zero.
type purse map[asset.Code]*big.Int

func (p purse) add(a asset.Code, n *big.Int) {
	if p[a] == nil {
		p[a] = new(big.Int)
	}
	p[a].Add(p[a], n)
}

func (a *account) wallet(c asset.Code) *wallet {
	if a.wallets[c] == nil {
		a.wallets[c] = &wallet{}
	}
	return a.wallets[c]
}

// free is what a new order can use.
func (w *wallet) free() *big.Int { return new(big.Int).Sub(&w.total, &w.held) }

// amount is n×10^-scale as an amount.
func amount(n int64, scale int) *big.Int { return raised(big.NewInt(n), scale) }

func raised(n *big.Int, scale int) *big.Int {
	return new(big.Int).Mul(n, new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(unit-scale)), nil))
}

// cost is price times size as an amount of the quote.
func (p *pit) cost(px, qty int64) *big.Int { return raised(times(px, qty).big(), p.pd+p.qd) }

// cut drops the decimals beyond dp.
func cut(n *big.Int, dp int) *big.Int {
	step := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(unit-dp)), nil)
	return new(big.Int).Mul(new(big.Int).Quo(n, step), step)
}

// coins writes an amount with at least dp decimals.
func coins(n *big.Int, dp int) string {
	s := new(big.Int).Abs(n).String()
	if len(s) <= unit {
		s = strings.Repeat("0", unit+1-len(s)) + s
	}
	whole, frac := s[:len(s)-unit], s[len(s)-unit:]
	for len(frac) > dp && frac[len(frac)-1] == '0' {
		frac = frac[:len(frac)-1]
	}
	if frac != "" {
		whole += "." + frac
	}
	if n.Sign() < 0 {
		whole = "-" + whole
	}
	return whole
}

// tariff is what a venue takes of a trade, in millionths, and of which side of it.
type tariff struct {
	maker, taker int64
	received     bool // of what the order received; otherwise of the quote, on top
}

func (v *Venue) tariff() tariff {
	switch v.id {
	case "kraken":
		return tariff{2500, 4000, false}
	case "coinbase":
		return tariff{4000, 6000, false}
	case "bitstamp":
		return tariff{3000, 4000, false}
	case "okx":
		return tariff{800, 1000, true}
	}
	return tariff{1000, 1000, true}
}

// openDesk gives the venue's own customer its money and its keys.
func (v *Venue) openDesk() {
	v.desk = &desk{next: 1 + int64(label(string(v.id))%1e9), house: purse{}, begun: purse{}}
	keys := []*Key{v.issue("trade", false), v.issue("read", true)}
	own := v.customer()
	keys[0].account, keys[1].account = own, own
	for _, k := range v.opt.Keys {
		k.account = v.customer()
		keys = append(keys, &k)
	}
	v.ring = newRing(keys)
}

// customer opens an account with a little of everything that is listed.
func (v *Venue) customer() *account {
	a := &account{id: int64(len(v.desk.accounts)) + 100001, wallets: map[asset.Code]*wallet{}, byClient: map[string]*ticket{}}
	give := func(c asset.Code, n int64) {
		if w := a.wallet(c); w.total.Sign() == 0 {
			w.total.Set(amount(n, 0))
			v.desk.begun.add(c, &w.total)
		}
	}
	for _, p := range v.pits {
		give(p.pair.Quote(), 100000)
		give(p.pair.Base(), max(1, int64(50000/natureOf(p.pair.Base()).usd)))
	}
	v.desk.accounts = append(v.desk.accounts, a)
	return a
}

// state is how an order stands.
type state string

const (
	working   state = "working"
	filled    state = "filled"
	canceled  state = "canceled"
	expired   state = "expired"   // by its own terms
	prevented state = "prevented" // by self-trade prevention
)

// force is how long an order wants to work.
type force string

const (
	gtc      force = "GTC"
	ioc      force = "IOC"
	fok      force = "FOK"
	postOnly force = "POST"
)

// wish is what a request asks for.
type wish struct {
	client string
	pit    *pit
	ask    bool // sell
	market bool
	px     int64
	qty    int64
	funds  int64 // a market buy for so much quote, in units of pd+qd; qty is 0 then
	force  force
}

// ticket is an accepted wish.
type ticket struct {
	wish
	id       int64
	account  *account
	left     int64
	ahead    int64    // of its level, what others have before it
	spent    big.Int  // price times size of its fills
	held     *big.Int // of heldIn, until it is done
	heldIn   asset.Code
	state    state
	created  time.Time
	updated  time.Time
	rejected string
}

func (o *ticket) done() int64 { return o.qty - o.left }

// fill is one execution.
type fill struct {
	order *ticket
	trade int // of the event, until it has its id
	id    int64
	px    int64
	qty   int64
	maker bool
	fee   *big.Int
	feeIn asset.Code
	at    time.Time
	n     int64 // in order, of all fills of the account
}

// refused is why an order was not accepted.
type refused string

const (
	tooPoor   refused = "insufficient balance"
	wouldTake refused = "would take"
	badPrice  refused = "price off its tick"
	badQty    refused = "size off its step"
	twice     refused = "duplicate client id"
)

// place takes an order, matches it and lets what is left rest.
func (v *Venue) place(a *account, w wish, now time.Time) (*ticket, refused) {
	p := w.pit
	if w.client != "" {
		if o := a.byClient[w.client]; o != nil && o.state == working {
			return nil, twice
		}
	}
	switch {
	case !w.market && (w.px <= 0 || w.px%p.tick != 0):
		return nil, badPrice
	case w.qty <= 0 && w.funds <= 0 || w.qty%p.lot != 0:
		return nil, badQty
	}
	if w.force == postOnly && p.crosses(w.ask, w.px) {
		return nil, wouldTake
	}
	if w.funds > 0 {
		w.qty = p.affordable(w.funds)
		if w.qty <= 0 {
			return nil, badQty
		}
	}
	o := &ticket{wish: w, id: v.desk.next, account: a, left: w.qty, state: working, created: now, updated: now}
	if !v.hold(o) {
		return nil, tooPoor
	}
	v.desk.next++
	a.orders = append(a.orders, o)
	if w.client != "" {
		a.byClient[w.client] = o
	}
	v.act(p, now, func(e *event) { p.execute(e, o) })
	return o, ""
}

// hold sets aside what an order can cost at most: of a market buy the book is asked.
func (v *Venue) hold(o *ticket) bool {
	p, t := o.pit, v.tariff()
	o.held, o.heldIn = amount(o.qty, p.qd), p.pair.Base()
	if !o.ask {
		o.heldIn = p.pair.Quote()
		o.held = p.cost(o.px, o.qty)
		if o.market {
			o.held = p.dearest(o)
		}
		if !t.received {
			o.held.Add(o.held, v.feeOf(o.held, max(t.maker, t.taker)))
			o.held.Add(o.held, amount(1000, 8)) // fees are rounded fill by fill
		}
	}
	w := o.account.wallet(o.heldIn)
	if w.free().Cmp(o.held) < 0 {
		return false
	}
	w.held.Add(&w.held, o.held)
	return true
}

// feeOf is a share of an amount in millionths, cut to eight decimals.
func (v *Venue) feeOf(n *big.Int, millionths int64) *big.Int {
	x := new(big.Int).Mul(n, big.NewInt(millionths))
	return cut(x.Quo(x, big.NewInt(1e6)), 8)
}

// act lets something happen in a pit at once, and tells everybody.
func (v *Venue) act(p *pit, now time.Time, do func(e *event)) {
	at := now.Truncate(time.Microsecond)
	if !at.After(p.last) {
		at = p.last.Add(time.Microsecond)
	}
	e := &event{pit: p, at: at}
	do(e)
	if len(e.changes) == 0 {
		return
	}
	p.close(e)
	v.tell(e)
}

// crosses tells whether a limit would trade at once.
func (p *pit) crosses(ask bool, px int64) bool {
	other := p.side(!ask)
	return len(other) > 0 && (ask && other[0].px >= px || !ask && other[0].px <= px)
}

// dearest is what a market buy costs now; it does not buy from its own account.
func (p *pit) dearest(o *ticket) *big.Int {
	sum, qty := new(big.Int), o.qty
	for _, r := range p.book.asks {
		for _, x := range p.resting {
			if x.account == o.account && x.ask && x.px == r.px {
				r.qty -= x.left
			}
		}
		q := min(qty, r.qty)
		sum.Add(sum, p.cost(r.px, q))
		if qty -= q; qty == 0 {
			break
		}
	}
	return sum
}

// affordable is how much a market buy for so much quote gets now.
func (p *pit) affordable(funds int64) int64 {
	left, qty := big.NewInt(funds), int64(0)
	for _, r := range p.book.asks {
		q := new(big.Int).Quo(left, big.NewInt(r.px)).Int64() / p.lot * p.lot
		q = min(q, r.qty)
		if q == 0 {
			break
		}
		qty += q
		left.Sub(left, times(r.px, q).big())
	}
	return qty
}

// within is how much others offer up to an order's limit.
func (p *pit) within(o *ticket) int64 {
	sum := int64(0)
	for i, r := range p.side(!o.ask) {
		if i == len(p.side(!o.ask))-1 || !o.market && (o.ask && r.px < o.px || !o.ask && r.px > o.px) {
			break // the last level is never taken
		}
		sum += r.qty
		for _, x := range p.resting {
			if x.account == o.account && x.ask != o.ask && x.px == r.px {
				sum -= x.left
			}
		}
	}
	return sum
}

// execute matches an order against the book, then lets it rest or ends it.
func (p *pit) execute(e *event, o *ticket) {
	if o.force == fok && p.within(o) < o.qty {
		p.finish(o, expired, e.at)
		return
	}
	for o.left > 0 && o.state == working {
		side := p.side(!o.ask)
		if len(side) < 2 || !o.market && !p.crosses(o.ask, o.px) {
			break
		}
		best := side[0]
		if p.prevent(e, o, best.px) {
			continue
		}
		q := min(o.left, best.qty)
		e.trades = append(e.trades, trade{px: best.px, qty: q, sell: o.ask, at: e.at.Add(time.Duration(len(e.trades)))})
		p.reach(e, !o.ask, best.px, q)
		p.filled(e, o, best.px, q, false)
		p.change(e, !o.ask, best.px, best.qty-q)
	}
	switch {
	case o.state != working:
	case o.left == 0:
		p.finish(o, filled, e.at)
	case o.market || o.force == ioc || o.force == fok:
		p.finish(o, expired, e.at)
	default:
		o.ahead = p.book.size(o.px, o.ask) - p.ours(o.ask, o.px)
		p.resting = append(p.resting, o)
		p.change(e, o.ask, o.px, p.book.size(o.px, o.ask)+o.left)
	}
}

// prevent keeps an account from trading with itself: what of it rests at the price ends,
// or on Kraken the order that came last.
func (p *pit) prevent(e *event, o *ticket, px int64) bool {
	for _, x := range slices.Clone(p.resting) {
		if x.account != o.account || x.ask == o.ask || x.px != px {
			continue
		}
		if p.v.id == "kraken" {
			p.finish(o, prevented, e.at)
			return true
		}
		p.pull(e, x, prevented)
		return true
	}
	return false
}

// pull takes a resting order out of the book.
func (p *pit) pull(e *event, o *ticket, s state) {
	p.resting = slices.DeleteFunc(p.resting, func(x *ticket) bool { return x == o })
	p.finish(o, s, e.at)
	p.change(e, o.ask, o.px, p.book.size(o.px, o.ask)-o.left)
}

// ours is what simulated accounts have resting at a price.
func (p *pit) ours(ask bool, px int64) int64 {
	sum := int64(0)
	for _, o := range p.resting {
		if o.ask == ask && o.px == px {
			sum += o.left
		}
	}
	return sum
}

// settle keeps what is ours in a level that others change, and moves our places up when
// those before us have left.
func (p *pit) settle(ask bool, px, qty int64) int64 {
	mine := p.ours(ask, px)
	if mine == 0 {
		return qty
	}
	qty = max(qty, mine)
	for _, o := range p.resting {
		if o.ask == ask && o.px == px {
			o.ahead = min(o.ahead, qty-mine)
		}
	}
	return qty
}

// reach lets a trade of so much at a level come to our orders there: first in, first out.
func (p *pit) reach(e *event, ask bool, px, qty int64) {
	others := int64(0)
	for _, o := range slices.Clone(p.resting) {
		if o.ask != ask || o.px != px {
			continue
		}
		x := min(qty, max(0, o.ahead-others))
		others, qty = others+x, qty-x
		if q := min(qty, o.left); q > 0 {
			p.filled(e, o, px, q, true)
			qty -= q
		}
		if o.left == 0 {
			p.resting = slices.DeleteFunc(p.resting, func(x *ticket) bool { return x == o })
			p.finish(o, filled, e.at)
		}
	}
	// Whatever is left of the trade went to those behind us.
	for _, o := range p.resting {
		if o.ask == ask && o.px == px {
			o.ahead = max(0, o.ahead-others)
		}
	}
}

// filled books one execution: what the order gives goes to the house, and the other way.
// Two accounts that trade with each other do so through the house, which comes out even.
func (p *pit) filled(e *event, o *ticket, px, qty int64, maker bool) {
	t, a, d := p.v.tariff(), o.account, p.v.desk
	base, quote := p.pair.Base(), p.pair.Quote()
	size, cost := amount(qty, p.qd), p.cost(px, qty)
	f := &fill{order: o, trade: len(e.trades) - 1, px: px, qty: qty, maker: maker, at: e.at, n: int64(len(a.fills)) + 1, feeIn: quote}
	rate := t.taker
	if maker {
		rate = t.maker
	}
	f.fee = p.v.feeOf(cost, rate)
	if t.received && !o.ask {
		f.fee, f.feeIn = p.v.feeOf(size, rate), base
	}
	give, get, out, in := cost, size, quote, base
	if o.ask {
		give, get, out, in = size, cost, base, quote
	}
	a.move(d, out, new(big.Int).Neg(give))
	a.move(d, in, get)
	a.move(d, f.feeIn, new(big.Int).Neg(f.fee))
	o.left -= qty
	o.spent.Add(&o.spent, cost)
	o.updated = e.at
	a.fills = append(a.fills, f)
	e.fills = append(e.fills, f)
	p.v.rehold(o)
}

// move books an amount to an account, and the opposite to the house.
func (a *account) move(d *desk, c asset.Code, n *big.Int) {
	w := a.wallet(c)
	w.total.Add(&w.total, n)
	d.house.add(c, new(big.Int).Neg(n))
}

// rehold lowers what an order holds to what the rest of it can cost.
func (v *Venue) rehold(o *ticket) {
	w := o.account.wallet(o.heldIn)
	w.held.Sub(&w.held, o.held)
	p, t := o.pit, v.tariff()
	switch {
	case o.left == 0 || o.state != working:
		o.held = new(big.Int)
	case o.ask:
		o.held = amount(o.left, p.qd)
	case !o.market:
		o.held = p.cost(o.px, o.left)
		if !t.received {
			o.held.Add(o.held, v.feeOf(o.held, max(t.maker, t.taker)))
		}
	default:
		o.held = new(big.Int) // it is over in the same moment
	}
	w.held.Add(&w.held, o.held)
}

// finish ends an order and lets go of what it held.
func (p *pit) finish(o *ticket, s state, at time.Time) {
	o.state, o.updated = s, at
	p.v.rehold(o)
}

// cancel ends a working order.
func (v *Venue) cancel(o *ticket, now time.Time) bool {
	if o.state != working {
		return false
	}
	v.act(o.pit, now, func(e *event) { o.pit.pull(e, o, canceled) })
	return true
}

// working are an account's open orders in a pit, or in all.
func (a *account) working(p *pit) []*ticket {
	var out []*ticket
	for _, o := range a.orders {
		if o.state == working && (p == nil || o.pit == p) {
			out = append(out, o)
		}
	}
	return out
}

// find gives an order by number or by its owner's id.
func (a *account) find(id int64, client string) *ticket {
	for _, o := range a.orders {
		if id != 0 && o.id == id {
			return o
		}
	}
	if client != "" {
		return a.byClient[client]
	}
	return nil
}

// trades are an account's fills in a pit, or in all, oldest first.
func (a *account) trades(p *pit) []*fill {
	var out []*fill
	for _, f := range a.fills {
		if p == nil || f.order.pit == p {
			out = append(out, f)
		}
	}
	return out
}

// coins lists an account's assets in order of their names.
func (a *account) assets() []asset.Code {
	var out []asset.Code
	for c := range a.wallets {
		out = append(out, c)
	}
	slices.Sort(out)
	return out
}

// average is the mean price of what was filled, cut to the pit's price decimals and two.
func (o *ticket) average() string {
	if o.done() == 0 {
		return "0"
	}
	x := new(big.Int).Quo(new(big.Int).Mul(&o.spent, new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(o.pit.qd)), nil)), big.NewInt(o.done()))
	return coins(cut(x, min(o.pit.pd+2, unit)), 0)
}

// units reads a decimal text as whole units of 10^-scale.
func units(s string, scale int) (int64, bool) {
	whole, frac, _ := strings.Cut(s, ".")
	frac = strings.TrimRight(frac, "0")
	if s == "" || len(frac) > scale || strings.ContainsAny(whole+frac, "+-eE ") {
		return 0, false
	}
	n, ok := new(big.Int).SetString(whole+frac+strings.Repeat("0", scale-len(frac)), 10)
	return n2(n, ok)
}

func n2(n *big.Int, ok bool) (int64, bool) {
	if !ok || !n.IsInt64() {
		return 0, false
	}
	return n.Int64(), true
}
