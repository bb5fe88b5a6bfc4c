package book

import (
	"fmt"
	"hash/crc32"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/assayhq/assay/market"
	"github.com/assayhq/assay/money"
)

var t0 = time.Date(2026, 8, 9, 21, 0, 0, 0, time.UTC)

func level(p, q string) market.Level {
	return market.Level{Price: money.MustPrice(p), Qty: money.MustQty(q)}
}

func text(b *Book) string {
	bids, asks := b.Top(0, nil, nil)
	s := ""
	for _, l := range bids {
		s += l.Price.String() + "x" + l.Qty.String() + " "
	}
	s += "|"
	for _, l := range asks {
		s += " " + l.Price.String() + "x" + l.Qty.String()
	}
	return s
}

func TestLevelsAreSetReplacedRemovedAndCut(t *testing.T) {
	var b Book
	b.Load([]market.Level{level("99", "1"), level("98", "2"), level("97.5", "0")}, []market.Level{level("101", "1"), level("100.5", "3")})
	b.Set(true, level("98.50", "4"))
	b.Set(true, level("98", "0"))
	b.Set(false, level("100.50", "5"))
	b.Set(false, level("200", "0"))
	if got := text(&b); got != "99x1 98.50x4 | 100.50x5 101x1" {
		t.Error(got)
	}
	b.Truncate(1)
	if got := text(&b); got != "99x1 | 100.50x5" {
		t.Error(got)
	}
	if b.Crossed() {
		t.Error("not crossed")
	}
	b.Set(true, level("100.5", "1"))
	if !b.Crossed() {
		t.Error("equal prices cross")
	}
}

// A book under random changes equals a map with the same changes.
func TestBookEqualsAMap(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	var b Book
	model := map[string]string{}
	for range 20000 {
		p, q := fmt.Sprintf("%d.%d", 90+r.IntN(60), r.IntN(10)), fmt.Sprint(r.IntN(4))
		b.Set(true, level(p, q))
		if q == "0" {
			delete(model, p)
		} else {
			model[p] = q
		}
	}
	bids, _ := b.Top(0, nil, nil)
	if len(bids) != len(model) {
		t.Fatalf("%d levels, want %d", len(bids), len(model))
	}
	for i, l := range bids {
		if model[l.Price.String()] != l.Qty.String() {
			t.Errorf("%s has %s", l.Price, l.Qty)
		}
		if i > 0 && bids[i-1].Price.Cmp(l.Price.Decimal) <= 0 {
			t.Error("out of order at", i)
		}
	}
}

// venueBook is the exchange's side of a story: it makes numbered differences.
type venueBook struct {
	Book
	r   *rand.Rand
	seq uint64
}

func (v *venueBook) change() market.BookUpdate {
	u := market.BookUpdate{Prev: int64(v.seq), First: v.seq + 1, At: t0.Add(time.Duration(v.seq+1) * time.Millisecond)}
	for range 1 + v.r.IntN(3) {
		bid := v.r.IntN(2) == 0
		l := market.Level{Price: money.Price{Decimal: money.MustNew(10000-v.r.Int64N(50), 2)}, Qty: money.Qty{Decimal: money.MustNew(v.r.Int64N(4), 0)}}
		if bid {
			u.Bids = append(u.Bids, l)
		} else {
			l.Price = money.Price{Decimal: money.MustNew(10001+v.r.Int64N(50), 2)}
			u.Asks = append(u.Asks, l)
		}
		v.seq++
	}
	u.Last = v.seq
	v.Apply(&u)
	return u
}

func (v *venueBook) snapshot() market.BookUpdate {
	b, a := v.Top(0, nil, nil)
	return market.BookUpdate{Snapshot: true, Bids: b, Asks: a, Last: v.seq, Prev: market.NoPrev, At: t0.Add(time.Duration(v.seq) * time.Millisecond)}
}

// Whatever is lost, doubled or delayed on the way, a numbered book that says it is
// valid equals the venue's book at that number.
func TestAValidBookIsTheVenuesBook(t *testing.T) {
	for _, join := range []Join{Chain, RESTRange, StreamRange} {
		for seed := range uint64(60) {
			r := rand.New(rand.NewPCG(seed, uint64(join)))
			v := &venueBook{r: r}
			m := NewMachine(Rule{Join: join}, &market.Instrument{})
			truth := map[uint64]string{0: text(&v.Book)}
			var held []market.BookUpdate
			give := func(u market.BookUpdate) {
				pub := m.Apply(&u) == Publish
				if pub && u.Snapshot {
					m.Pending(func(*market.BookUpdate, Verdict) {})
				}
				if m.Valid() {
					last, _ := m.Last()
					if got := text(&m.Book); got != truth[last] {
						t.Fatalf("join %d seed %d at %d:\n got %s\nwant %s", join, seed, last, got, truth[last])
					}
				}
			}
			for range 200 {
				u := v.change()
				truth[v.seq] = text(&v.Book)
				switch n := r.IntN(40); {
				case n == 0: // lost
				case n == 1:
					give(u)
					give(u) // doubled
				case n == 2:
					held = append(held, u) // delayed
				default:
					give(u)
					for _, h := range held {
						give(h)
					}
					held = held[:0]
				}
				if !m.Valid() && r.IntN(4) == 0 {
					give(v.snapshot())
				}
			}
			if m.Joined == 0 {
				t.Fatal("the story never joined")
			}
		}
	}
}

func TestAWrongChecksumLosesTheBookUntilTheNextSnapshot(t *testing.T) {
	sum := func(text []byte, b *Book, _ *market.Instrument) ([]byte, bool) {
		n, k := b.Len()
		return fmt.Appendf(text, "%d:%d", n, k), true
	}
	m := NewMachine(Rule{Join: Stream, Checksum: sum}, &market.Instrument{})
	s := market.BookUpdate{Snapshot: true, Bids: []market.Level{level("99", "1")}, Asks: []market.Level{level("100", "1")}, Checksum: crc32.ChecksumIEEE([]byte("1:1")), HasSum: true, Prev: market.NoPrev}
	if v := m.Apply(&s); v != Publish {
		t.Fatal(v)
	}
	bad := market.BookUpdate{Bids: []market.Level{level("98", "1")}, Checksum: 999, HasSum: true, Prev: market.NoPrev}
	if v := m.Apply(&bad); v != Lost || m.Valid() || m.Loss().Kind != market.BadChecksum {
		t.Fatal(v, m.Loss())
	}
	next := market.BookUpdate{Bids: []market.Level{level("97", "1")}, Prev: market.NoPrev}
	if v := m.Apply(&next); v != Wait {
		t.Fatal(v)
	}
	if v := m.Apply(&s); v != Publish || !m.Valid() {
		t.Fatal(v)
	}
}

func TestATimedBookForgetsGhostsWhenRefreshed(t *testing.T) {
	m := NewMachine(Rule{Join: RESTTime}, &market.Instrument{})
	at := func(s int) time.Time { return t0.Add(time.Duration(s) * time.Second) }
	early := market.BookUpdate{Bids: []market.Level{level("98", "7")}, At: at(1), Prev: market.NoPrev}
	if v := m.Apply(&early); v != Wait {
		t.Fatal(v)
	}
	s := market.BookUpdate{Snapshot: true, Bids: []market.Level{level("99", "1")}, Asks: []market.Level{level("101", "1")}, At: at(2), Prev: market.NoPrev}
	m.Apply(&s)
	m.Pending(func(*market.BookUpdate, Verdict) { t.Error("what is older than the snapshot says nothing") })
	u := market.BookUpdate{Bids: []market.Level{level("99.5", "2")}, At: at(3), Prev: market.NoPrev}
	if v := m.Apply(&u); v != Publish {
		t.Fatal(v)
	}
	// The removal of 99 was lost on the way; nothing shows it. A refresh does.
	fresh := market.BookUpdate{Snapshot: true, Bids: nil, Asks: []market.Level{level("101", "1")}, At: at(2).Add(time.Millisecond), Prev: market.NoPrev}
	m.Apply(&fresh)
	m.Pending(func(*market.BookUpdate, Verdict) {})
	if got := text(&m.Book); got != "99.5x2 | 101x1" {
		t.Error(got)
	}
}

func TestACrossedBookIsThrownAway(t *testing.T) {
	for _, rule := range []Rule{{Join: Stream}, {Join: Chain}, {Join: RESTRange}, {Join: StreamRange}} {
		m := NewMachine(rule, &market.Instrument{})
		s := market.BookUpdate{Snapshot: true, Bids: []market.Level{level("99", "1")}, Asks: []market.Level{level("100", "1")}, Last: 1, Prev: market.NoPrev}
		m.Apply(&s)
		u := market.BookUpdate{Bids: []market.Level{level("100", "1")}, First: 2, Last: 2, Prev: market.NoPrev}
		if v := m.Apply(&u); v != Lost || m.Valid() || m.Loss().Kind != market.CrossedBook {
			t.Errorf("%+v: %v", rule, v)
		}
	}
}

func BenchmarkApply(b *testing.B) {
	v := &venueBook{r: rand.New(rand.NewPCG(1, 2))}
	var us []market.BookUpdate
	for range 4096 {
		us = append(us, v.change())
	}
	var k Book
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		k.Apply(&us[i%len(us)])
	}
}

// Of whole books that come out of order the newest stays.
func TestAnOlderWholeBookIsPassedOver(t *testing.T) {
	m := NewMachine(Rule{Join: Replace}, &market.Instrument{})
	for i, x := range []struct {
		at   time.Time
		want Verdict
	}{{t0, Publish}, {t0.Add(2), Publish}, {t0.Add(1), Ignore}, {t0.Add(2), Publish}, {time.Time{}, Publish}} {
		v := m.Apply(&market.BookUpdate{At: x.at, Bids: []market.Level{level("1", fmt.Sprint(i+1))}})
		b, _ := m.Book.Bid(0)
		if v != x.want || x.want == Publish && b.Qty.String() != fmt.Sprint(i+1) {
			t.Errorf("book %d: verdict %d, best %v", i, v, b)
		}
	}
}

// FuzzLoad: any levels in any order give a sorted book without doubles.
func FuzzLoad(f *testing.F) {
	f.Add([]byte{1, 2, 3, 3, 2, 1})
	f.Fuzz(func(t *testing.T, in []byte) {
		var ls []market.Level
		for i, c := range in {
			ls = append(ls, market.Level{Price: money.Price{Decimal: money.MustNew(int64(c)+1, i%3)}, Qty: money.Qty{Decimal: money.MustNew(int64(c%3), 0)}})
		}
		var b Book
		b.Load(ls, slices.Clone(ls))
		bids, asks := b.Top(0, nil, nil)
		for i := 1; i < len(bids); i++ {
			if bids[i-1].Price.Cmp(bids[i].Price.Decimal) <= 0 {
				t.Fatal("bids", bids)
			}
		}
		for i := 1; i < len(asks); i++ {
			if asks[i-1].Price.Cmp(asks[i].Price.Decimal) >= 0 {
				t.Fatal("asks", asks)
			}
		}
	})
}

// Ranges of a chain follow each other, or overlap by the last change: a venue that
// overlaps once must always, or the loss of a range of one change would not show.
func TestRangesOfAChainFollowOrOverlap(t *testing.T) {
	type span struct{ first, last uint64 }
	for _, c := range []struct {
		name  string
		spans []span
		want  []Verdict
	}{
		{"follow", []span{{11, 12}, {13, 13}, {14, 20}}, []Verdict{Publish, Publish, Publish}},
		{"follow, one lost", []span{{11, 12}, {14, 20}}, []Verdict{Publish, Lost}},
		{"overlap", []span{{10, 12}, {12, 13}, {13, 20}}, []Verdict{Publish, Publish, Publish}},
		{"overlap, one of one change lost", []span{{10, 12}, {13, 20}}, []Verdict{Publish, Lost}},
		{"reach back", []span{{5, 12}, {8, 12}, {9, 15}}, []Verdict{Publish, Ignore, Publish}},
	} {
		m := NewMachine(Rule{Join: Chain}, &market.Instrument{})
		m.Apply(&market.BookUpdate{Snapshot: true, Bids: []market.Level{level("99", "1")}, First: 10, Last: 10, Prev: market.NoPrev})
		for i, s := range c.spans {
			u := &market.BookUpdate{Bids: []market.Level{level("98", "1")}, First: s.first, Last: s.last, Prev: market.NoPrev}
			if v := m.Apply(u); v != c.want[i] {
				t.Errorf("%s: update %d gave %v, want %v (%s)", c.name, i, v, c.want[i], m.Loss().Detail)
			}
		}
	}
}

// A checksum that comes alone is compared, and says nothing to readers when it agrees.
func TestAChecksumMayComeAlone(t *testing.T) {
	sum := func(text []byte, b *Book, _ *market.Instrument) ([]byte, bool) {
		l, _ := b.Bid(0)
		return l.Qty.Append(text), true
	}
	m := NewMachine(Rule{Join: Stream, Checksum: sum}, &market.Instrument{})
	alone := func(of string) Verdict {
		return m.Apply(&market.BookUpdate{Checksum: crc32.ChecksumIEEE([]byte(of)), HasSum: true, Prev: market.NoPrev})
	}
	m.Apply(&market.BookUpdate{Snapshot: true, Bids: []market.Level{level("99", "1")}, Prev: market.NoPrev})
	if v := alone("1"); v != Ignore || m.Sums != 1 || m.BadSums != 0 {
		t.Errorf("%v after %d checksums, %d bad", v, m.Sums, m.BadSums)
	}
	if v := alone("2"); v != Lost || m.Loss().Kind != market.BadChecksum {
		t.Errorf("%v, %+v", v, m.Loss())
	}
}

// A whole book that was overtaken by a newer one does not come back; one without a time,
// and any after a loss, is taken as it comes.
func TestAnOlderWholeBookDoesNotReplaceANewerOne(t *testing.T) {
	m := NewMachine(Rule{Join: Replace}, &market.Instrument{})
	at := time.Date(2026, 8, 9, 0, 0, 0, 0, time.UTC)
	whole := func(at time.Time) Verdict {
		return m.Apply(&market.BookUpdate{At: at, Bids: []market.Level{level("90", "1")}, Asks: []market.Level{level("110", "1")}})
	}
	for i, x := range []struct {
		at   time.Time
		want Verdict
	}{{at, Publish}, {at.Add(time.Second), Publish}, {at, Ignore}, {at.Add(time.Second), Publish}, {time.Time{}, Publish}, {at, Publish}} {
		if v := whole(x.at); v != x.want {
			t.Errorf("%d: %v, want %v", i, v, x.want)
		}
	}
	whole(at.Add(time.Minute))
	m.Invalidate(market.Disconnected, "gone")
	if v := whole(at); v != Publish {
		t.Errorf("after a loss: %v", v)
	}
}

// Where numbers are shared by all markets, what lies between two of them belongs to
// others: only the predecessor tells. A snapshot is joined by the first difference whose
// predecessor it includes.
func TestNumbersThatJumpAreFollowedByTheirPredecessor(t *testing.T) {
	m := NewMachine(Rule{Join: RESTRange}, &market.Instrument{})
	diff := func(prev int64, first, last uint64, p string) *market.BookUpdate {
		return &market.BookUpdate{Prev: prev, First: first, Last: last, Bids: []market.Level{level(p, "1")}}
	}
	snapshot := func(last uint64) *market.BookUpdate {
		return &market.BookUpdate{Snapshot: true, Prev: market.NoPrev, Last: last, Bids: []market.Level{level("90", "1")}, Asks: []market.Level{level("110", "1")}}
	}
	m.Apply(diff(100, 130, 140, "91"))
	m.Apply(diff(140, 170, 180, "92"))
	if v := m.Apply(snapshot(90)); v != Wait {
		t.Errorf("a snapshot older than what was kept: %v", v)
	}
	if v := m.Apply(snapshot(150)); v != Publish {
		t.Fatalf("a snapshot between two differences: %v", v)
	}
	m.Pending(func(u *market.BookUpdate, v Verdict) {
		if v != Publish || u.Last != 180 {
			t.Errorf("pending %d: %v", u.Last, v)
		}
	})
	if v := m.Apply(diff(180, 250, 260, "93")); v != Publish {
		t.Errorf("numbers jump, and nothing is missing: %v", v)
	}
	if v := m.Apply(diff(180, 250, 260, "93")); v != Ignore {
		t.Errorf("the same again: %v", v)
	}
	if v := m.Apply(diff(270, 280, 290, "94")); v != Lost || m.Loss().Missing != -1 {
		t.Errorf("a predecessor we never had: %v %+v", v, m.Loss())
	}
	if v := m.Apply(snapshot(275)); v != Publish {
		t.Errorf("the difference that showed the loss is kept for the next snapshot: %v", v)
	}
	m.Pending(func(*market.BookUpdate, Verdict) {})
	m.Apply(snapshot(300))
	for _, want := range []Verdict{Publish, Ignore} {
		if v := m.Apply(diff(290, 299, 300, "95")); v != want {
			t.Errorf("a difference that ends where the snapshot does: %v, want %v", v, want)
		}
	}
}
