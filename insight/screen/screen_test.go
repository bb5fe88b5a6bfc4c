package screen

import (
	"fmt"
	"math/big"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/assayhq/assay/money"
)

var fields = []Field{{Name: "cap"}, {Name: "change_24h"}, {Name: "rank"}, {Name: "category", Word: true}}

// A filter finds what a naive one finds, which knows nothing but big rationals and maps.
func TestFilterEqualsANaiveOne(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	words := []string{"layer-1", "defi", "meme", "proof-of-work"}
	type row struct {
		numbers map[string]string
		words   []string
	}
	number := func() string { return fmt.Sprintf("%d.%0*d", r.IntN(9)-4, 1+r.IntN(3), r.IntN(4)) }
	matched := 0
	for range 4000 {
		x := row{numbers: map[string]string{}}
		for _, f := range fields[:3] {
			if r.IntN(5) > 0 {
				x.numbers[f.Name] = number()
			}
		}
		for _, w := range words {
			if r.IntN(3) == 0 {
				x.words = append(x.words, w)
			}
		}
		var parts []string
		want := true
		for range 1 + r.IntN(3) {
			op := operators[r.IntN(len(operators))]
			if r.IntN(4) == 0 {
				op = []string{"=", "!="}[r.IntN(2)]
				w := []string{words[r.IntN(4)], strings.ToUpper(words[r.IntN(4)])}[:1+r.IntN(2)]
				parts = append(parts, " category "+op+strings.Join(w, " | "))
				any := false
				for _, y := range w {
					any = any || slices.Contains(x.words, strings.ToLower(y))
				}
				want = want && len(x.words) > 0 && any == (op == "=")
				continue
			}
			name, n := fields[r.IntN(3)].Name, number()
			parts = append(parts, name+" "+op+" "+n)
			have, ok := x.numbers[name]
			if !ok {
				want = false
				continue
			}
			a, _ := new(big.Rat).SetString(have)
			b, _ := new(big.Rat).SetString(n)
			c := a.Cmp(b)
			want = want && map[string]bool{">": c > 0, ">=": c >= 0, "<": c < 0, "<=": c <= 0, "=": c == 0, "!=": c != 0}[op]
		}
		text := strings.Join(parts, ",")
		f, err := Parse(text, fields)
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		got := f.Match(func(name string) Value {
			if name == "category" {
				return Words(x.words...)
			}
			if v, ok := x.numbers[name]; ok {
				return Number(money.MustParse(v))
			}
			return Value{}
		})
		if got != want {
			t.Fatalf("%s on %v: %v, want %v", text, x, got, want)
		}
		if got {
			matched++
		}
	}
	if matched < 200 {
		t.Errorf("only %d rows matched: the test shows little", matched)
	}
}

func TestWrongConditionsAreRefusedWithAReason(t *testing.T) {
	for text, want := range map[string]string{
		"price>1":                              "there are: cap, change_24h, rank, category",
		"cap":                                  "is no condition",
		">5":                                   "is no condition",
		"cap>":                                 "is no number",
		"cap>5,":                               "is no condition",
		"cap>five":                             "is no number",
		"cap>1e":                               "is no number",
		"category>defi":                        "is a word",
		"category=":                            "give one word",
		"category=a|":                          "give one word",
		"cap=>5":                               "is no number",
		strings.Repeat("cap>1,", 20) + "cap>1": "more than 20",
	} {
		if _, err := Parse(text, fields); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
	f, err := Parse("cap<1e9, change_24h >= -2.5", fields)
	if err != nil || len(f) != 2 || f[0].Number.String() != "1000000000" || f[1].Op != ">=" || f[1].Number.String() != "-2.5" {
		t.Errorf("got %v %v", f, err)
	}
	if f, err := Parse("  ", fields); err != nil || !f.Match(nil) {
		t.Errorf("no conditions: %v", err)
	}
}

// What is not known is last in both orders.
func TestUnknownComesLast(t *testing.T) {
	v := []Value{{}, Float(1.5), Float(-3), Number(money.MustParse("2"))}
	for _, down := range []bool{false, true} {
		x := slices.Clone(v)
		slices.SortStableFunc(x, func(a, b Value) int { return Compare(a, b, down) })
		if x[3].Known || x[0].Number.Equal(money.MustParse("-3")) == down {
			t.Errorf("descending %v: %v", down, x)
		}
	}
}

// A text from anywhere is read or refused, and what is read can be asked.
func FuzzParse(f *testing.F) {
	f.Add("cap>1e9,category=defi|meme")
	f.Add("rank!=3")
	f.Fuzz(func(t *testing.T, text string) {
		x, err := Parse(text, fields)
		if err != nil {
			return
		}
		x.Match(func(string) Value { return Float(1) })
	})
}
