package anomaly

import (
	"bytes"
	"net/netip"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/assayhq/assay/fault"
)

// learnt is a Watch that saw a client for nine days, and the moment after them.
func learnt() (*Watch, time.Time) {
	w := New(Options{Seed: 5})
	at := time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)
	home := netip.MustParsePrefix("198.51.100.0/24")
	for range 9 * 144 {
		at = at.Add(10 * time.Minute)
		w.Observe(Use{At: at, Key: "k", Ring: "r", Prefix: home, Agent: "sdk/1", Endpoint: "prices", Status: 200, Bytes: 900})
	}
	w.Tick(at.Add(2 * time.Hour))
	return w, at.Add(2 * time.Hour)
}

func TestWhatWasLearntIsKnownAfterARestart(t *testing.T) {
	w, at := learnt()
	var b bytes.Buffer
	if err := w.Save(&b); err != nil {
		t.Fatal(err)
	}
	again, err := Load(Options{Seed: 99}, bytes.NewReader(b.Bytes()))
	if err != nil {
		t.Fatal(err)
	}
	theft := Use{At: at, Key: "k", Ring: "r", Prefix: netip.MustParsePrefix("203.0.113.0/24"), Agent: "Wget/1", Endpoint: "candles", Status: 200, Bytes: 900}
	home := theft
	home.Prefix, home.Agent, home.Endpoint = netip.MustParsePrefix("198.51.100.0/24"), "sdk/1", "prices"
	one, two := w.Observe(theft), again.Observe(theft)
	if len(one) != 1 || !reflect.DeepEqual(one, two) {
		t.Errorf("before the restart %+v\nafter it %+v", one, two)
	}
	fresh := New(Options{Seed: 5})
	if a := slices.Concat(fresh.Observe(home), fresh.Observe(theft)); len(a) != 0 {
		t.Error("a watch that knows nobody raises", a)
	}
	// A roll-over fails for a client that succeeded before the restart.
	again, _ = Load(Options{}, bytes.NewReader(b.Bytes()))
	var got []Alert
	for range 5 {
		got = append(got, again.Refuse(Refusal{At: at, Why: Suspended, Key: "k", Ring: "r", Prefix: home.Prefix, Agent: home.Agent, Checksum: true})...)
	}
	if len(got) != 1 || got[0].Class != ClassRollover {
		t.Errorf("%+v", got)
	}
}

func TestSavingWhatWasLoadedGivesTheSame(t *testing.T) {
	w, _ := learnt()
	var one, two bytes.Buffer
	if err := w.Save(&one); err != nil {
		t.Fatal(err)
	}
	again, err := Load(Options{}, bytes.NewReader(one.Bytes()))
	if err != nil {
		t.Fatal(err)
	}
	if err := again.Save(&two); err != nil || !bytes.Equal(one.Bytes(), two.Bytes()) {
		t.Errorf("%d bytes became %d, %v", one.Len(), two.Len(), err)
	}
}

func FuzzLoad(f *testing.F) {
	w, _ := learnt()
	var b bytes.Buffer
	if err := w.Save(&b); err != nil {
		f.Fatal(err)
	}
	f.Add(b.Bytes())
	f.Add([]byte("nothing"))
	f.Fuzz(func(t *testing.T, in []byte) {
		w, err := Load(Options{Keys: 10, Rings: 10}, bytes.NewReader(in))
		if err != nil {
			if fault.Of(err) != fault.Invalid {
				t.Error(err)
			}
			return
		}
		w.Observe(Use{At: time.Unix(1_800_000_000, 0), Key: "k", Ring: "r", Status: 200})
		w.Tick(time.Unix(1_800_007_200, 0))
	})
}
