package scan

import (
	"encoding/json"
	"testing"
	"time"
)

func TestWalksAMessageByHand(t *testing.T) {
	c := New([]byte(`{"e":"depthUpdate","U":157,"skip":{"a":["]}",1]},"b":[["0.0024","10"],["1e-3",2.50]],"t":"2026-08-09T21:05:48.228568804Z","m":true,"n":null}`))
	var got []string
	for ok := c.Obj(); ok && c.NextKey(); {
		switch string(c.K) {
		case "e":
			got = append(got, string(c.Str()))
		case "U":
			if n := c.Int(); n != 157 {
				t.Error(n)
			}
		case "b":
			for ok := c.Arr(); ok && c.NextItem(); {
				for ok := c.Arr(); ok && c.NextItem(); {
					got = append(got, c.Decimal().String())
				}
			}
		case "t":
			if at := c.RFC3339(); !at.Equal(time.Date(2026, 8, 9, 21, 5, 48, 228568804, time.UTC)) {
				t.Error(at)
			}
		case "m":
			if !c.Bool() {
				t.Error("m")
			}
		default:
			c.Skip()
		}
	}
	if err := c.End(); err != nil {
		t.Fatal(err)
	}
	want := []string{"depthUpdate", "0.0024", "10", "0.001", "2.50"}
	if len(got) != len(want) {
		t.Fatal(got)
	}
	for i := range want {
		if got[i] != want[i] {
			t.Error(got[i], want[i])
		}
	}
}

func TestEveryCutIsAnError(t *testing.T) {
	full := []byte(`{"a":[1,"x\"y",{"b":[[]]}],"c":"z"}`)
	for n := range len(full) {
		c := New(full[:n])
		for ok := c.Obj(); ok && c.NextKey(); {
			c.Skip()
		}
		if c.End() == nil {
			t.Errorf("%q was accepted", full[:n])
		}
	}
}

func TestLitStepsOnlyOverWhatIsThere(t *testing.T) {
	c := New([]byte(`{"a":1}`))
	for _, no := range []string{`{"b"`, ` {"a"`, `{"a":1} `} {
		if c.Lit(no) {
			t.Errorf("%q was found", no)
		}
	}
	if !c.Lit(`{"a":`) || c.Int() != 1 || !c.Lit(`}`) || c.Lit(`}`) {
		t.Error("the expected text was not stepped over")
	}
	if err := c.End(); err != nil {
		t.Error(err)
	}
}

func TestSecondsAreExact(t *testing.T) {
	c := New([]byte(`["1618678142.557535",1541390792.763]`))
	c.Arr()
	c.NextItem()
	if at := c.Seconds(); at.UnixNano() != 1618678142557535000 {
		t.Error(at)
	}
	c.NextItem()
	if at := c.Seconds(); at.UnixNano() != 1541390792763000000 {
		t.Error(at)
	}
}

// FuzzSkip: whatever encoding/json accepts, the cursor walks to its end; nothing panics.
func FuzzSkip(f *testing.F) {
	for _, s := range []string{`{}`, `[1,2,{"a":"\\"}]`, `"\u00e9"`, `nul`, `{"a":{"b":[true,false,null]}}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		c := New(b)
		c.Skip()
		err := c.End()
		if json.Valid(b) && err != nil {
			t.Fatalf("valid JSON %q refused: %v", b, err)
		}
		d := New(b)
		for ok := d.Obj(); ok && d.NextKey(); {
			d.Decimal()
			d.RFC3339()
		}
		_ = d.End()
	})
}

// A turnover that is too long does not cost the bar it stands beside.
func TestASumOfTooManyDigitsIsNotTold(t *testing.T) {
	for in, want := range map[string]string{
		`["1.5",2]`: "1.5", `["12345678901234.123456789",2]`: "0", `[12345678901234567890.5,2]`: "0", `["x",2]`: "", `[null,2]`: "0",
	} {
		c := New([]byte(in))
		c.Arr()
		c.NextItem()
		d := c.Sum()
		after := int64(0)
		if c.NextItem() {
			after = c.Int()
		}
		if want == "" {
			if c.Err() == nil {
				t.Errorf("%s was taken", in)
			}
			continue
		}
		if c.Err() != nil || d.String() != want || after != 2 {
			t.Errorf("%s: %s, then %d, %v", in, d, after, c.Err())
		}
	}
}

func TestAFigureIsRoundedToWhatFits(t *testing.T) {
	for in, want := range map[string]string{`[7.792297123456789e-12,2]`: "0.0000000000077922971", `["1.50",2]`: "1.50", `[null,2]`: "0", `["x",2]`: "", `[99999999999999999999,2]`: ""} {
		c := New([]byte(in))
		c.Arr()
		c.NextItem()
		d := c.Rounded()
		ok := c.NextItem() && c.Int() == 2
		if want == "" && c.Err() == nil || want != "" && (c.Err() != nil || d.String() != want || !ok) {
			t.Errorf("%s: %s, %v", in, d, c.Err())
		}
	}
}
