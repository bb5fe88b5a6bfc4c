package indicator

import (
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// Each file of testdata/examples is a small series that can be checked with a pencil: a
// row a bar, inputs, a bar, and outputs, "-" where there is no value. A value is right
// when it rounds to the digits that are written.
func TestExamplesThatCanBeCheckedByHand(t *testing.T) {
	files, err := filepath.Glob("testdata/examples/*.txt")
	if err != nil || len(files) < 12 {
		t.Fatal(files, err)
	}
	list := Catalogue()
	for _, path := range files {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txt"), func(t *testing.T) { example(t, list, string(text)) })
	}
}

func example(t *testing.T, list []Function, text string) {
	var f *Function
	var outputs []int
	var run *Run
	set, bar := map[string]string{}, 0
	for _, line := range strings.Split(strings.TrimSpace(text), "\n") {
		word, rest, _ := strings.Cut(line, " ")
		switch word {
		case "#":
		case "function":
			var err error
			if f, err = Find(list, rest); err != nil {
				t.Fatal(err)
			}
		case "settings":
			for _, s := range strings.Fields(rest) {
				k, v, _ := strings.Cut(s, "=")
				set[k] = v
			}
		case "columns":
			in, out, _ := strings.Cut(rest, " | ")
			var names []string
			for _, i := range f.Inputs {
				names = append(names, i.Column())
			}
			if in != strings.Join(names, " ") {
				t.Fatalf("columns are %s, the function's are %v", in, names)
			}
			for _, name := range strings.Fields(out) {
				for i, o := range f.Outputs {
					if o.Name == name {
						outputs = append(outputs, i)
					}
				}
			}
			if len(outputs) != len(strings.Fields(out)) {
				t.Fatalf("outputs %s are not all there", out)
			}
			v, err := f.Set(set)
			if err != nil {
				t.Fatal(err)
			}
			if run, err = f.Open(v); err != nil {
				t.Fatal(err)
			}
		default:
			inputs, values, _ := strings.Cut(line, " | ")
			var in []float64
			for _, s := range strings.Fields(inputs) {
				x, err := strconv.ParseFloat(s, 64)
				if err != nil {
					t.Fatal(err)
				}
				in = append(in, x)
			}
			out := make([]float64, len(f.Outputs))
			warm, err := run.Update(in, out)
			if err != nil {
				t.Fatal(err)
			}
			for i, s := range strings.Fields(values) {
				if (s == "-") == warm {
					t.Fatalf("bar %d: has a value: %v, the example says %s", bar, warm, s)
				}
				if !warm {
					continue
				}
				want, err := strconv.ParseFloat(s, 64)
				if err != nil {
					t.Fatal(err)
				}
				_, digits, _ := strings.Cut(s, ".")
				half := math.Pow(10, -float64(len(digits))) / 2
				if len(digits) == 0 || strings.HasPrefix(text, "# Twelve") {
					half = 1e-9
				}
				if got := out[outputs[i]]; math.Abs(got-want) > half*1.001 {
					t.Errorf("bar %d %s: %v, the example says %s", bar, f.Outputs[outputs[i]].Name, got, s)
				}
			}
			bar++
		}
	}
	if bar == 0 {
		t.Error("there are no bars")
	}
}
