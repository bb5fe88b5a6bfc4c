package markettest

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/assayhq/assay/market"
	"github.com/assayhq/assay/money"
)

// statement makes what a venue says of a contract d after the morning began.
func statement(s market.Series, d time.Duration) market.Derivative {
	n := int(d / time.Second)
	return market.Derivative{
		Venue: s.Venue, Pair: s.Pair, Symbol: "BTC-USDT-SWAP", Has: market.StatedMark | market.StatedIndex | market.StatedFunding | market.StatedInterest,
		Mark: money.MustPrice(fmt.Sprintf("%d.50", 60000+n%97)), Index: money.MustPrice(fmt.Sprintf("%d.4", 60000+n%89)),
		Funding: money.MustParse("0.000100"), Interval: 8 * time.Hour, FundingAt: market.Interval("8h").Next(market.Interval("8h").Start(at(d))),
		Interest: money.MustQty(fmt.Sprintf("%d.123", 25000+n%13)), At: at(d), Received: at(d + 9*time.Millisecond),
	}
}

// payment makes the n-th settled funding, an hour apart.
func payment(s market.Series, n int) market.Derivative {
	paid := morning.Add(time.Duration(n) * time.Hour)
	return market.Derivative{
		Venue: s.Venue, Pair: s.Pair, Symbol: "BTC-USDT-SWAP", Has: market.StatedFunding, Settled: true,
		Funding: money.MustParse(fmt.Sprintf("-0.0000%02d", n%100)), Interval: time.Hour, FundingAt: paid, Received: paid.Add(11 * time.Second),
	}
}

func liquidation(s market.Series, n int, d time.Duration) market.Liquidation {
	return market.Liquidation{
		Venue: s.Venue, Pair: s.Pair, Symbol: "BTC-USDT-SWAP", ID: fmt.Sprint("l", n), Side: market.Side(1 + n%2),
		Price: money.MustPrice(fmt.Sprintf("%d.10", 60000+n%97)), Qty: money.MustQty(fmt.Sprintf("0.%03d", 1+n%999)), At: at(d), Received: at(d + 30*time.Millisecond),
	}
}

func statementsOfContracts(t *testing.T, x *exam) {
	var want []market.Derivative
	for i := range 3000 {
		d := statement(perp, time.Duration(i)*time.Second)
		switch i % 5 {
		case 1: // only a part is said
			d.Has, d.Mark, d.Index, d.Interest = market.StatedFunding, money.Price{}, money.Price{}, money.Qty{}
		case 2: // a venue without clock
			d.At = time.Time{}
		case 3: // no funding at all: a dated future
			d.Has, d.Funding, d.FundingAt, d.Interval = market.StatedMark, money.Decimal{}, time.Time{}, 0
			d.Marks = market.OutOfOrder | market.Outlier
		}
		want = append(want, d)
	}
	x.append(t, &market.Batch{Derivatives: want[:1700]})
	x.append(t, &market.Batch{Derivatives: want[1000:]})
	x.append(t, &market.Batch{Derivatives: want})
	same(t, "statements", x.derivatives(t, perp, market.Range{}), want)
	for _, i := range []int{4, 1500, 2999} {
		want[i].Interest = money.MustQty("7.70")
		x.append(t, &market.Batch{Derivatives: want[i : i+1]})
	}
	x.reopen(t)
	same(t, "statements, three said otherwise", x.derivatives(t, perp, market.Range{}), want)
	same(t, "nothing was settled by them", x.funding(t, perp, market.Range{}), nil)
}

func settledFunding(t *testing.T, x *exam) {
	var want []market.Derivative
	for n := range 1500 {
		want = append(want, payment(perp, n))
	}
	estimate := statement(perp, time.Minute) // the estimate of a payment is not the payment
	x.append(t, &market.Batch{Derivatives: append([]market.Derivative{estimate}, want[700:]...)})
	for end := 800; end > 0; end -= 100 { // pages of a venue's own history, newest first
		page := slices.Clone(want[end-100 : end])
		slices.Reverse(page)
		x.append(t, &market.Batch{Derivatives: page})
	}
	again := slices.Clone(want) // fetched once more: when we first knew stays
	for i := range again {
		again[i].Received = again[i].Received.Add(time.Hour)
	}
	x.append(t, &market.Batch{Derivatives: again})
	same(t, "funding", x.funding(t, perp, market.Range{}), want)
	want[3].Funding, want[3].Received = money.MustParse("0.0005"), want[3].Received.Add(time.Hour) // the venue puts it right
	x.append(t, &market.Batch{Derivatives: want[3:4]})
	x.reopen(t)
	same(t, "funding after a reopen", x.funding(t, perp, market.Range{}), want)
	same(t, "statements", x.derivatives(t, perp, market.Range{}), []market.Derivative{estimate})
	never := payment(perp, 1)
	never.FundingAt = time.Time{}
	if err := x.Append(t.Context(), &market.Batch{Derivatives: []market.Derivative{never}}); err == nil {
		t.Error("settled funding that was paid at no time was taken")
	}
}

func liquidationsOnce(t *testing.T, x *exam) {
	var want []market.Liquidation
	for n := range 2000 {
		l := liquidation(perp, n, time.Duration(n/3)*time.Second) // three of one moment
		if n%2 == 0 {
			l.ID = ""
		}
		if n == 100 {
			l.Side, l.Symbol, l.Marks = market.NoSide, "another", market.Outlier
		}
		want = append(want, l)
	}
	again := slices.Clone(want)
	for i := range again { // told once more, after a reconnect
		again[i].Received, again[i].Marks = again[i].Received.Add(time.Minute), market.Duplicate
	}
	x.append(t, &market.Batch{Liquidations: append(slices.Clone(want[:10]), again[:10]...)})
	for i := 0; i < len(want); i += 50 {
		x.append(t, &market.Batch{Liquidations: again[max(0, i-50):i]})
		x.append(t, &market.Batch{Liquidations: want[i : i+50]})
	}
	same(t, "liquidations", x.liquidations(t, perp, market.Range{}), want)
	x.reopen(t)
	x.append(t, &market.Batch{Liquidations: again})
	same(t, "liquidations after a reopen and once more", x.liquidations(t, perp, market.Range{}), want)
}

func contractsAsOthers(t *testing.T, x *exam) {
	b := &market.Batch{}
	for i := range 2400 {
		b.Derivatives = append(b.Derivatives, statement(perp, time.Duration(i)*time.Second))
		b.Liquidations = append(b.Liquidations, liquidation(perp, i, time.Duration(i)*time.Second))
	}
	said := slices.Clone(b.Derivatives)
	for n := range 600 {
		b.Derivatives = append(b.Derivatives, payment(perp, n))
	}
	paid := b.Derivatives[2400:]
	x.append(t, b)
	r := market.Range{From: at(5 * time.Second), To: at(2005 * time.Second)}
	same(t, "a range of statements", x.derivatives(t, perp, r), said[5:2005])
	same(t, "a range of liquidations", x.liquidations(t, perp, r), b.Liquidations[5:2005])
	r = market.Range{Limit: 2, Reverse: true}
	same(t, "the last payments", x.funding(t, perp, r), []market.Derivative{paid[599], paid[598]})
	same(t, "of another pair", x.liquidations(t, btc, market.Range{}), nil)
	list, err := x.Series(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]bool{}
	for _, s := range list {
		got[fmt.Sprint(s.Venue, " ", s.Pair, " ", s.Channel, " ", s.Rows, " ", moment(s.First), " ", moment(s.Last))] = true
	}
	for _, w := range []string{
		fmt.Sprint("okx BTC-USDT-PERP derivatives 2400 ", moment(morning), " ", moment(at(2399*time.Second))),
		fmt.Sprint("okx BTC-USDT-PERP funding 600 ", moment(morning), " ", moment(at(599*time.Hour))),
		fmt.Sprint("okx BTC-USDT-PERP liquidations 2400 ", moment(morning), " ", moment(at(2399*time.Second))),
	} {
		if !got[w] {
			t.Errorf("the list lacks %q: %v", w, got)
		}
	}
	gone, err := x.Retain(t.Context(), at(time.Hour), []market.Retention{{Channel: market.Derivatives, Keep: 40 * time.Minute}, {Channel: market.Liquidations, Keep: 30 * time.Minute}, {Channel: market.Funding}})
	if err != nil || gone != 1200+1800 {
		t.Fatalf("Retain: %d, %v; want 3000", gone, err)
	}
	x.reopen(t)
	same(t, "young statements", x.derivatives(t, perp, market.Range{}), said[1200:])
	same(t, "young liquidations", x.liquidations(t, perp, market.Range{}), b.Liquidations[1800:])
	same(t, "payments are for ever", x.funding(t, perp, market.Range{}), paid)
}
