package emulator

import (
	"fmt"
	"math/big"
	"math/rand/v2"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"github.com/assayhq/assay/asset"
	"github.com/assayhq/assay/market"
)

// lively makes a venue of one pair with two customers, its clock moved by hand.
func lively(t *testing.T, id market.VenueID, pair market.Pair, seed uint64) (*Venue, *pit, []*account) {
	t.Helper()
	v, err := New(id, NewWorld(seed, WorldOptions{History: time.Hour, Depth: 30}), Options{Pairs: []market.Pair{pair}, Keys: []Key{{Key: "second", Secret: "x"}}})
	if err != nil {
		t.Fatal(err)
	}
	return v, v.pits[0], v.desk.accounts
}

// checkDesk is what always holds: nothing is created or lost, what orders hold is what
// they can cost, and what was filled is what changed.
func checkDesk(j judge, v *Venue) {
	j.Helper()
	sum := purse{}
	for c, n := range v.desk.house {
		sum.add(c, n)
	}
	for _, a := range v.desk.accounts {
		held, position := purse{}, purse{}
		for _, o := range a.orders {
			got := int64(0)
			for _, f := range a.fills {
				if f.order == o {
					got += f.qty
				}
			}
			if got != o.done() || o.left < 0 {
				j.Errorf("%s order %d: filled %d, fills say %d", v.id, o.id, o.done(), got)
			}
			if o.state == working && o.left == 0 || o.state == filled && o.left != 0 {
				j.Errorf("%s order %d is %s with %d left", v.id, o.id, o.state, o.left)
			}
			if o.state != working && o.held != nil && o.held.Sign() != 0 {
				j.Errorf("%s order %d is %s and holds %v", v.id, o.id, o.state, o.held)
			}
			if o.held != nil {
				held.add(o.heldIn, o.held)
			}
		}
		for _, f := range a.fills {
			p, sign := f.order.pit, big.NewInt(1)
			if f.order.ask {
				sign.Neg(sign)
			}
			position.add(p.pair.Base(), new(big.Int).Mul(sign, amount(f.qty, p.qd)))
			position.add(p.pair.Quote(), new(big.Int).Neg(new(big.Int).Mul(sign, p.cost(f.px, f.qty))))
			position.add(f.feeIn, new(big.Int).Neg(f.fee))
		}
		for c, w := range a.wallets {
			sum.add(c, &w.total)
			if w.total.Sign() < 0 || w.held.Sign() < 0 || w.free().Sign() < 0 {
				j.Errorf("%s account %d has %v %s of which %v is held", v.id, a.id, &w.total, c, &w.held)
			}
			if h := held[c]; h != nil && h.Cmp(&w.held) != 0 || h == nil && w.held.Sign() != 0 {
				j.Errorf("%s account %d holds %v %s for orders that need %v", v.id, a.id, &w.held, c, h)
			}
			change := new(big.Int).Set(&w.total)
			change.Sub(change, given(v, c))
			if n := position[c]; n != nil && n.Cmp(change) != 0 || n == nil && change.Sign() != 0 {
				j.Errorf("%s account %d: %s changed by %v, fills say %v", v.id, a.id, c, change, n)
			}
		}
	}
	for c, n := range sum {
		if b := v.desk.begun[c]; b == nil || b.Cmp(n) != 0 {
			j.Errorf("%s: there is %v %s, and was %v", v.id, n, c, b)
		}
	}
}

// given is what each account began with.
func given(v *Venue, c asset.Code) *big.Int {
	return new(big.Int).Quo(v.desk.begun[c], big.NewInt(int64(len(v.desk.accounts))))
}

// checkBook: never crossed, and holds at least what simulated accounts have in it.
func checkBook(j judge, p *pit) {
	j.Helper()
	if len(p.book.bids) == 0 || len(p.book.asks) == 0 || p.book.bids[0].px >= p.book.asks[0].px {
		j.Errorf("the book is crossed or empty: %v %v", first(p.book.bids, 2), first(p.book.asks, 2))
	}
	for _, o := range p.resting {
		if size := p.book.size(o.px, o.ask); size < p.ours(o.ask, o.px) || o.ahead < 0 || o.ahead > size-o.left {
			j.Errorf("order %d of %d behind %d rests in a level of %d", o.id, o.left, o.ahead, size)
		}
	}
}

func TestFillsAreThePositionAndNothingIsCreatedOrLost(t *testing.T) {
	for id, pair := range map[market.VenueID]market.Pair{"binance": "BTC-USDT", "bybit": "ETH-USDT", "okx": "BTC-USDT", "kraken": "BTC-USD", "coinbase": "ETH-USD", "bitstamp": "BTC-USD"} {
		t.Run(string(id), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				for seed := range uint64(3) {
					v, p, accounts := lively(t, id, pair, seed+1)
					rng := rand.New(rand.NewPCG(seed, 9))
					at, seen := v.start, map[state]int{}
					partly := 0
					for range 1500 {
						at = at.Add(time.Duration(rng.IntN(400)) * time.Millisecond)
						a := accounts[rng.IntN(len(accounts))]
						switch r := rng.IntN(10); {
						case r < 5:
							p.step(at)
						case r < 9:
							mid := (p.book.bids[0].px + p.book.asks[0].px) / 2 / p.tick * p.tick
							w := wish{pit: p, ask: rng.IntN(2) == 0, force: []force{gtc, gtc, gtc, ioc, fok, postOnly}[rng.IntN(6)], market: rng.IntN(8) == 0}
							w.qty = max(1, p.whole(p.notional(2000, 1.5, p.mid(at))))
							if w.px = mid + int64(rng.IntN(41)-20)*p.tick*4; w.market {
								w.px = 0
								if !w.ask && rng.IntN(2) == 0 {
									w.funds, w.qty = w.qty*p.book.asks[0].px, 0
								}
							}
							v.place(a, w, at)
						default:
							if list := a.working(nil); len(list) > 0 {
								v.cancel(list[rng.IntN(len(list))], at)
							}
						}
						checkBook(t, p)
					}
					checkDesk(t, v)
					makers := 0
					for _, a := range accounts {
						for _, o := range a.orders {
							seen[o.state]++
							if o.state == working && o.done() > 0 || o.state == canceled && o.done() > 0 {
								partly++
							}
						}
						for _, f := range a.fills {
							if f.maker {
								makers++
							}
						}
					}
					t.Logf("seed %d: %v, %d partly filled, %d fills as maker", seed, seen, partly, makers)
					for _, s := range []state{filled, canceled, expired, prevented} {
						if seen[s] == 0 {
							t.Errorf("no order was %s: the test does not reach everything", s)
						}
					}
					if makers == 0 {
						t.Error("nobody took from a resting order")
					}
				}
			})
		})
	}
}

// The life of single orders, one by one.
func TestOrdersLiveAndEndAsTheyAsked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v, p, accounts := lively(t, "binance", "BTC-USDT", 5)
		a, other, now := accounts[0], accounts[1], v.start
		enter := func(a *account, w wish) (*ticket, refused) {
			w.pit, now = p, now.Add(time.Millisecond)
			return v.place(a, w, now)
		}
		bid, ask := p.book.bids[0], p.book.asks[0]
		if _, why := enter(a, wish{px: ask.px, qty: 1, force: postOnly}); why != wouldTake {
			t.Errorf("post-only at the ask: %q", why)
		}
		if o, _ := enter(a, wish{px: ask.px, qty: ask.qty + 100000000, force: fok}); o != nil {
			t.Errorf("more than there is money for was accepted")
		}
		if o, _ := enter(a, wish{px: ask.px, qty: ask.qty + 1, force: fok}); o == nil || o.state != expired || o.done() != 0 {
			t.Errorf("fill or kill over the level: %+v", o)
		}
		if o, _ := enter(a, wish{px: ask.px, qty: ask.qty + 1, force: ioc}); o == nil || o.state != expired || o.done() != ask.qty {
			t.Errorf("immediate or cancel over the level: %+v", o)
		}
		mine, _ := enter(a, wish{client: "mine", px: bid.px + p.tick, qty: 500, force: gtc})
		if mine.state != working || p.book.bids[0] != (rung{bid.px + p.tick, 500}) {
			t.Fatalf("%+v %v", mine, p.book.bids[0])
		}
		if _, why := enter(a, wish{client: "mine", px: bid.px, qty: 1, force: gtc}); why != twice {
			t.Errorf("the same id again: %q", why)
		}
		if o, _ := enter(other, wish{ask: true, px: mine.px, qty: 200, force: ioc}); o.state != filled || mine.left != 300 || !a.fills[len(a.fills)-1].maker {
			t.Errorf("another account sells to it: %+v, %d left", o, mine.left)
		}
		if o, _ := enter(a, wish{ask: true, px: mine.px, qty: 100, force: ioc}); mine.state != prevented || o.done() != 0 {
			t.Errorf("it traded with itself: %+v %+v", o, mine)
		}
		rest, _ := enter(a, wish{client: "mine", px: bid.px + p.tick, qty: 500, force: gtc})
		if !v.cancel(rest, now) || v.cancel(rest, now) || p.book.size(rest.px, false) != 0 {
			t.Errorf("canceled: %+v", rest)
		}
		checkDesk(t, v)
		checkBook(t, p)
	})
}

// What a plan does to an order: before it was served it was not placed; an answer that was
// lost does not mean that the order was.
func TestAnOrderWhoseAnswerWasLostStands(t *testing.T) {
	for kind, stands := range map[FaultKind]bool{Empty: true, Truncated: true, Page: false, TooMany: false} {
		inBubble(t, "binance", Options{Faults: &FaultPlan{Faults: []Fault{{Kind: kind, Path: "/api/v3/order", For: Duration(time.Second)}}}}, func(b *bench) {
			k := b.v.Keys()[0]
			signed := func(q string) string {
				q += fmt.Sprintf("&timestamp=%d", time.Now().UnixMilli())
				return q + "&signature=" + binanceProof(k.Secret, q)
			}
			header := map[string]string{"X-MBX-APIKEY": k.Key, "Content-Type": "application/x-www-form-urlencoded"}
			b.post("/api/v3/order", signed("symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity=0.01&price=10000.00&newClientOrderId=lost"), header)
			time.Sleep(2 * time.Second)
			got := b.ask("/api/v3/order?"+signed("symbol=BTCUSDT&origClientOrderId=lost"), header)
			if want := `"status":"NEW"`; containsText(got, want) != stands {
				t.Errorf("%s: %s", kind, got)
			}
			if again := b.post("/api/v3/order", signed("symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity=0.01&price=10000.00&newClientOrderId=lost"), header); containsText(again, "Duplicate order sent.") != stands {
				t.Errorf("%s: sent again: %s", kind, again)
			}
		})
	}
}

// The manual of the emulator names every kind of fault and every venue.
func TestTheManualOfTheEmulatorIsWhole(t *testing.T) {
	text, err := os.ReadFile("../../docs/operate/emulator.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range FaultKinds() {
		if !containsText(string(text), "| `"+string(k)+"` |") {
			t.Errorf("docs/operate/emulator.md does not tell %s", k)
		}
	}
	for _, id := range IDs() {
		if !containsText(string(text), string(id)) {
			t.Errorf("docs/operate/emulator.md does not tell %s", id)
		}
		v, err := New(id, NewWorld(1, WorldOptions{History: time.Hour}), Options{})
		if err != nil {
			t.Fatal(err)
		}
		if schemeOf(id) == nil || len(v.Keys()) != 2 {
			t.Errorf("%s checks no proof", id)
		}
	}
}
