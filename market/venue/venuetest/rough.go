package venuetest

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"slices"
	"sort"
	"strings"
	"testing"

	"github.com/assayhq/assay/market"
	"github.com/assayhq/assay/market/book"
	"github.com/assayhq/assay/market/venue"
)

// twice reads every message two times: nothing of the first reading may show in the second.
func (f *fixture) twice(t *testing.T, d *venue.Driver) {
	t.Helper()
	p := f.player(d, coverage{})
	for i := range f.records {
		r := &f.records[i]
		show := func() string {
			var b market.Batch
			if err := p.decode(r, r.data, &b); err != nil {
				return failed(r.line, err)
			}
			return strings.Join(render(r.line, &b, nothing), "\n")
		}
		if one, two := show(), show(); one != two {
			t.Errorf("line %d reads differently the second time:\n%s\n%s", r.line, one, two)
		}
	}
}

// shuffled plays the fixture with the members of every object in another order: JSON
// gives them none, and exchanges do change it.
func (f *fixture) shuffled(t *testing.T, d *venue.Driver) {
	t.Helper()
	for seed := range uint64(8) {
		rnd := rand.New(rand.NewPCG(seed, 1))
		p, q := f.player(d, coverage{}), f.player(d, coverage{})
		for i := range f.records {
			r := &f.records[i]
			data := shuffle(r.data, rnd)
			want, got := p.play(r, r.data), q.play(r, data)
			sort.Strings(want)
			sort.Strings(got)
			if !slices.Equal(want, got) {
				t.Errorf("line %d: the order of members matters:\n in %.500s\n got %s\nwant %s", r.line, data, strings.Join(got, "\n     "), strings.Join(want, "\n     "))
				return
			}
		}
	}
}

// shuffle gives the same JSON with the members of its objects in random order; what
// is no JSON stays as it is.
func shuffle(data []byte, rnd *rand.Rand) []byte {
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	var v any
	if err := dec.Decode(&v); err != nil || dec.More() {
		return data
	}
	return write(nil, v, rnd)
}

func write(b []byte, v any, rnd *rand.Rand) []byte {
	switch v := v.(type) {
	case map[string]any:
		keys := make([]string, 0, len(v))
		for k := range v {
			keys = append(keys, k)
		}
		sort.Strings(keys)
		rnd.Shuffle(len(keys), func(i, j int) { keys[i], keys[j] = keys[j], keys[i] })
		b = append(b, '{')
		for i, k := range keys {
			if i > 0 {
				b = append(b, ',')
			}
			b = append(text(b, k), ':')
			b = write(b, v[k], rnd)
		}
		return append(b, '}')
	case []any:
		b = append(b, '[')
		for i, x := range v {
			if i > 0 {
				b = append(b, ',')
			}
			b = write(b, x, rnd)
		}
		return append(b, ']')
	case string:
		return text(b, v)
	case json.Number:
		return append(b, v...)
	}
	s, _ := json.Marshal(v) // true, false and null
	return append(b, s...)
}

func text(b []byte, s string) []byte {
	var w bytes.Buffer
	e := json.NewEncoder(&w)
	e.SetEscapeHTML(false)
	_ = e.Encode(s) // a string always encodes
	return append(b, bytes.TrimSuffix(w.Bytes(), []byte("\n"))...)
}

// cuts is how many beginnings of one message are tried at most.
const cuts = 400

// cut reads beginnings of every message, and messages with something behind them:
// they are errors, because what is not whole may not be believed.
func (f *fixture) cut(t *testing.T, d *venue.Driver) {
	t.Helper()
	for i := range f.records {
		r := &f.records[i]
		if len(r.data) == 0 {
			continue
		}
		p := f.player(d, coverage{})
		for j := range i {
			var b market.Batch
			_ = p.decode(&f.records[j], f.records[j].data, &b)
		}
		try := func(data []byte) {
			var b market.Batch
			err := p.decode(&record{T: r.T, Conn: r.Conn, Addr: r.Addr, URL: r.URL, Enc: r.Enc, line: r.line}, data, &b)
			if err != nil {
				return
			}
			sound(t, d, &record{T: r.T, line: r.line, data: data}, &b, false)
			if !json.Valid(data) {
				t.Errorf("line %d: a message that is not whole was accepted: %.300q", r.line, data)
			}
		}
		step := max(1, len(r.data)/cuts)
		for n := 0; n < len(r.data) && !t.Failed(); n += step {
			try(slices.Clip(r.data[:n]))
		}
		try(append(slices.Clone(r.data), "{}"...))
	}
}

func nothing(*market.BookUpdate) (v book.Verdict, why string) { return v, "" }
