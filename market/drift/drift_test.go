package drift

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"
)

var noon = time.Date(2026, 8, 9, 12, 0, 0, 0, time.UTC)

// day lets a venue send so many messages.
func day(w *Watch, n int, message string) {
	for i := range n {
		w.Look([]byte(message), noon.Add(time.Duration(i)*time.Second))
	}
}

const (
	tradeThen = `{"channel":"trade","data":[{"symbol":"BTC/USD","price":1.5,"qty":2}]}`
	tradeNow  = `{"channel":"trade","data":[{"symbol":"BTC/USD","price":1.5,"size":2,"liquidation":false}]}`
	bookThen  = `{"channel":"book","data":[{"symbol":"BTC/USD","bids":[{"price":1,"qty":2}]}]}`
)

func words(w *Watch) (out []string) {
	for _, f := range w.Findings() {
		out = append(out, fmt.Sprint(f.Kind, " ", f.What))
	}
	return out
}

func TestARenamedMemberAndANewOneAreNews(t *testing.T) {
	w := New()
	day(w, Learning/2+1, bookThen)
	day(w, Learning/2+1, tradeThen)
	if f := w.Findings(); len(f) > 0 {
		t.Fatal("while it learns nothing is news:", f)
	}
	day(w, 250*Part, tradeNow)
	day(w, 250*Part, bookThen)
	got := fmt.Sprint(words(w))
	want := "[new_member trade.data[].liquidation new_member trade.data[].size vanished_member trade.data[].qty]"
	if got != want {
		t.Errorf("%s, want %s", got, want)
	}
	text, err := json.Marshal(w)
	if err != nil {
		t.Fatal(err)
	}
	again := New()
	if err := json.Unmarshal(text, again); err != nil {
		t.Fatal(err)
	}
	if n, ok := again.Looked(); !ok || n != w.looked {
		t.Error("after a restart it has looked at", n)
	}
	if f := again.Findings(); len(f) != 2 {
		t.Error("after a restart news is still news:", f)
	}
	w.Accept()
	if f := w.Findings(); len(f) > 0 {
		t.Error("accepted, and still", f)
	}
	day(w, 100*Part, tradeNow)
	if f := w.Findings(); len(f) > 0 {
		t.Error("accepted news comes back as", f)
	}
}

func TestSymbolsAsKeysAreNoMembers(t *testing.T) {
	w := New()
	day(w, Learning+1, `{"result":{"XXBTZUSD":{"a":[1]},"1712345678":{"a":[1]}}}`)
	day(w, 10*Part, `{"result":{"SOLUSD":{"a":[1]},"BTC-PERP":{"a":[1]},"ADA/EUR":{"a":[1]}}}`)
	if f := w.Findings(); len(f) > 0 {
		t.Error(f)
	}
}

func TestOddThingsAreCountedWithASample(t *testing.T) {
	w := New()
	for i := range 500 {
		w.Odd(false, fmt.Sprint("status ", i%3), []byte(`{"status":9}`), noon)
	}
	w.Odd(true, "number without digits", []byte("{\xff"), noon)
	f := w.Findings()
	if len(f) != 4 || f[0].Count+f[1].Count+f[2].Count != 500 || f[3].Kind != "unreadable" {
		t.Errorf("%+v", f)
	}
	for i := range 1000 {
		w.Odd(false, fmt.Sprint("kind ", i), nil, noon)
	}
	if n := len(w.Findings()); n > maxOdd+2 {
		t.Error("it remembers", n)
	}
}

func FuzzLook(f *testing.F) {
	f.Add([]byte(tradeThen))
	f.Add([]byte(`[[[[[[[[[[{"a":1}]]]]]]]]]]`))
	f.Fuzz(func(t *testing.T, b []byte) {
		w := New()
		w.Look(b, noon)
		w.Look(b, noon)
		w.Findings()
	})
}

func BenchmarkLook(b *testing.B) {
	w := New()
	day(w, Learning, bookThen)
	m := []byte(bookThen)
	b.ReportAllocs()
	for b.Loop() {
		w.Look(m, noon)
	}
}
