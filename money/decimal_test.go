package money

import (
	"encoding/json"
	"math/big"
	"math/rand/v2"
	"strconv"
	"testing"
)

func TestTextIsKeptAsSent(t *testing.T) {
	for _, s := range []string{"0", "0.00000000", "58721.20000", "0.02798644", "-1.50", "1", "100", "0.0000000000000000001", "9999999999999999999", "1234567890.123456789", "18446744073709551.61"} {
		d, err := Parse([]byte(s))
		if err != nil || d.String() != s {
			t.Errorf("Parse(%q) = %q, %v", s, d, err)
		}
	}
}

func TestExponentsAndOddForms(t *testing.T) {
	for in, want := range map[string]string{"1e-8": "0.00000001", "1.5E3": "1500", "+7": "7", ".5": "0.5", "5.": "5", "007": "7", "1.000000000000000000000000": "1.000000000000000000", "0e5": "0"} {
		if d, err := Parse([]byte(in)); err != nil || d.String() != want {
			t.Errorf("Parse(%q) = %q, %v; want %q", in, d, err, want)
		}
	}
	for _, in := range []string{"", "-", ".", "NaN", "Infinity", "1x", "1e", "1e99", "--1", "1.2.3", "0x10", " 1"} {
		if d, err := Parse([]byte(in)); err == nil {
			t.Errorf("Parse(%q) = %v, want an error", in, d)
		}
	}
}

func TestTooManyDigitsIsAnErrorNotARounding(t *testing.T) {
	for _, in := range []string{"12345678901234567890", "1.2345678901234567891", "0.00000000000000000001"} {
		if d, err := Parse([]byte(in)); err == nil {
			t.Errorf("Parse(%q) = %v, want ErrRange", in, d)
		}
	}
	a := MustParse("9999999999999999999")
	if _, err := a.Add(MustParse("1")); err == nil {
		t.Error("sum over 19 digits must fail")
	}
	if _, err := MustParse("1.234567891").Mul(MustParse("1.23456789123")); err == nil {
		t.Error("product over 19 digits must fail")
	}
}

func TestArithmeticAgreesWithBigRationals(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	rat := func(d Decimal) *big.Rat { v, _ := new(big.Rat).SetString(d.String()); return v }
	for range 20000 {
		a := MustNew(r.Int64N(2_000_000_000)-1_000_000_000, r.IntN(9))
		b := MustNew(r.Int64N(2_000_000_000)-1_000_000_000, r.IntN(9))
		if got := a.Cmp(b); got != rat(a).Cmp(rat(b)) {
			t.Fatalf("Cmp(%v,%v)=%d", a, b, got)
		}
		if s, err := a.Add(b); err != nil || rat(s).Cmp(new(big.Rat).Add(rat(a), rat(b))) != 0 {
			t.Fatalf("%v+%v=%v %v", a, b, s, err)
		}
		if s, err := a.Sub(b); err != nil || rat(s).Cmp(new(big.Rat).Sub(rat(a), rat(b))) != 0 {
			t.Fatalf("%v-%v=%v %v", a, b, s, err)
		}
		if s, err := a.Mul(b); err == nil && rat(s).Cmp(new(big.Rat).Mul(rat(a), rat(b))) != 0 {
			t.Fatalf("%v*%v=%v", a, b, s)
		}
	}
}

func TestSumIsExactBeyondNineteenDigits(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	var s Sum
	want := new(big.Rat)
	for range 50000 {
		p := MustNew(r.Int64N(9_000_000_000), 2+r.IntN(3))
		q := MustNew(r.Int64N(9_000_000_000), 8)
		s.AddProduct(p, q)
		pr, _ := new(big.Rat).SetString(p.String())
		qr, _ := new(big.Rat).SetString(q.String())
		want.Add(want, pr.Mul(pr, qr))
	}
	got, exact := s.Decimal(8)
	gr, _ := new(big.Rat).SetString(got.String())
	diff := gr.Sub(gr, want)
	half := big.NewRat(1, 2)
	for range got.Scale() {
		half.Quo(half, big.NewRat(10, 1))
	}
	if diff.Abs(diff).Cmp(half) > 0 {
		t.Fatalf("sum %v off by %v (exact=%v)", got, diff.FloatString(20), exact)
	}
	if exact {
		t.Error("this sum cannot fit 19 digits; exact must be false")
	}
	var small Sum
	small.Add(MustParse("0.10"))
	small.Add(MustParse("0.200"))
	var both Sum
	both.AddSum(s)
	both.AddSum(small)
	s.Add(MustParse("0.3"))
	if both != s {
		t.Errorf("a sum of sums is %v, not %v", both, s)
	}
	if d, ok := small.Decimal(8); !ok || d.Cmp(MustParse("0.3")) != 0 {
		t.Errorf("0.10+0.200 = %v %v", d, ok)
	}
}

func TestRescale(t *testing.T) {
	if d, err := MustParse("45285.2").Rescale(5); err != nil || d.String() != "45285.20000" {
		t.Error(d, err)
	}
	if d, err := MustParse("1.50").Rescale(1); err != nil || d.String() != "1.5" {
		t.Error(d, err)
	}
	if _, err := MustParse("1.55").Rescale(1); err == nil {
		t.Error("losing a digit must fail")
	}
}

func TestJSONTakesNumbersAndStringsAndGivesStrings(t *testing.T) {
	var v struct{ A, B Price }
	if err := json.Unmarshal([]byte(`{"A":1.50,"B":"2.25"}`), &v); err != nil {
		t.Fatal(err)
	}
	b, _ := json.Marshal(v)
	if string(b) != `{"A":"1.50","B":"2.25"}` {
		t.Error(string(b))
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"1.5", "-0.00", "1e5", "99999999999999999999", "."} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		d, err := Parse(b)
		if err != nil {
			return
		}
		e, err := Parse([]byte(d.String()))
		if err != nil || !e.Equal(d) || e.String() != d.String() {
			t.Fatalf("%q -> %v -> %v %v", b, d, e, err)
		}
	})
}

func BenchmarkParse(b *testing.B) {
	in := []byte("58721.20000")
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Parse(in); err != nil {
			b.Fatal(err)
		}
	}
}

// The short way to a float gives the same as reading the text.
func TestFloat64IsTheNearest(t *testing.T) {
	r := rand.New(rand.NewPCG(8, 9))
	for range 200_000 {
		d := MustNew(r.Int64()>>r.IntN(63)*int64(1-2*r.IntN(2)), r.IntN(20))
		want, err := strconv.ParseFloat(d.String(), 64)
		if err != nil {
			t.Fatal(err)
		}
		if got := d.Float64(); got != want {
			t.Fatalf("%s: %v, want %v", d, got, want)
		}
	}
}

// What was computed in floating point has more digits than mean anything.
func TestFiguresAreRoundedToWhatFits(t *testing.T) {
	for in, want := range map[string]string{
		"1.5": "1.5", "2.18013888889e-7": "0.000000218013888889", "7.792297123456789e-12": "0.0000000000077922971", "-7.79229712e-13": "-0.0000000000007792297",
		"28064.920827245921234": "28064.92082724592123", "-1e-40": "0.0000000000000000000", "99999999999999999999": "", "1e61": "", "x": "", "": "",
	} {
		d, err := ParseRounded([]byte(in))
		if want == "" {
			if err == nil {
				t.Errorf("%q was read as %s", in, d)
			}
		} else if err != nil || d.String() != want {
			t.Errorf("%q: %s, %v, want %s", in, d, err, want)
		}
	}
}
