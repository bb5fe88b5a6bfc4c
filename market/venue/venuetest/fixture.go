package venuetest

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/assayhq/assay/market"
	"github.com/assayhq/assay/market/book"
	"github.com/assayhq/assay/market/venue"
)

// fixture is one testdata/*.txtar.
type fixture struct {
	path    string
	comment string
	files   map[string]string
	order   []string
	meta    struct {
		Addr  string    `json:"addr"`
		At    time.Time `json:"at"`
		Venue string    `json:"venue"`
	}
	records []record
}

// record is one line of in.jsonl.
type record struct {
	T      string `json:"t"`
	Conn   string `json:"conn"`
	Addr   string `json:"addr"`
	URL    string `json:"url"`
	Status int    `json:"status"`
	// Enc is how the frame is packed on the wire: "" as it stands, "gzip", or "base64"
	// when data is the base64 of a binary frame.
	Enc  string          `json:"enc"`
	Raw  json.RawMessage `json:"data"`
	line int
	data []byte // what Raw stands for
}

func load(t testing.TB, d *venue.Driver) []*fixture {
	t.Helper()
	paths, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no fixtures in testdata/*.txtar: %v", err)
	}
	var out []*fixture
	for _, p := range paths {
		text, err := os.ReadFile(p)
		if err != nil {
			t.Fatal(err)
		}
		f := &fixture{path: p}
		if err := f.parse(string(text)); err != nil {
			t.Fatalf("%s: %v", p, err)
		}
		if f.meta.Venue == "" || f.meta.Venue == string(d.Spec.ID) {
			out = append(out, f)
		}
	}
	return out
}

// parse reads the txtar form: a comment, then files between lines "-- name --".
func (f *fixture) parse(text string) error {
	f.split(text)
	if s := strings.TrimSpace(f.comment); len(s) < 20 || !strings.HasSuffix(s, ".") {
		return fmt.Errorf("the comment %q does not say in a sentence what it shows", s)
	}
	if err := json.Unmarshal([]byte(f.files["meta.json"]), &f.meta); err != nil {
		return fmt.Errorf("meta.json: %w", err)
	}
	if f.meta.At.IsZero() {
		return errors.New("meta.json does not say when: at chooses the dialect")
	}
	n := 0
	for l := range strings.Lines(f.files["in.jsonl"]) {
		n++
		if strings.TrimSpace(l) == "" {
			continue
		}
		r := record{line: n}
		if err := json.Unmarshal([]byte(l), &r); err != nil {
			return fmt.Errorf("in.jsonl, line %d: %w", n, err)
		}
		r.data = r.Raw
		if len(r.Raw) > 0 && r.Raw[0] == '"' {
			var s string
			if err := json.Unmarshal(r.Raw, &s); err != nil {
				return fmt.Errorf("in.jsonl, line %d: %w", n, err)
			}
			r.data = []byte(s)
		}
		if r.Enc == "base64" {
			b, err := base64.StdEncoding.DecodeString(string(r.data))
			if err != nil {
				return fmt.Errorf("in.jsonl, line %d: %w", n, err)
			}
			r.data = b
		}
		f.records = append(f.records, r)
	}
	return nil
}

// split takes the files apart.
func (f *fixture) split(text string) {
	f.files = map[string]string{}
	name := ""
	for l := range strings.Lines(text) {
		if s := strings.TrimSpace(l); strings.HasPrefix(s, "-- ") && strings.HasSuffix(s, " --") {
			name = strings.TrimSpace(s[3 : len(s)-3])
			f.order = append(f.order, name)
			f.files[name] = ""
		} else if name == "" {
			f.comment += l
		} else {
			f.files[name] += l
		}
	}
}

func (f *fixture) write() error {
	var b bytes.Buffer
	b.WriteString(f.comment)
	if !slices.Contains(f.order, "want.jsonl") {
		f.order = append(f.order, "want.jsonl")
	}
	for _, name := range f.order {
		fmt.Fprintf(&b, "-- %s --\n%s", name, f.files[name])
	}
	return os.WriteFile(f.path, b.Bytes(), 0o644)
}

// player plays the records of a fixture through a driver.
type player struct {
	d     *venue.Driver
	f     *fixture
	table *venue.Table
	conns map[string]*conn
	seen  coverage
}

type conn struct {
	dialect *venue.Dialect
	feed    venue.Feed
	books   map[string]*book.Machine
}

func (f *fixture) player(d *venue.Driver, seen coverage) *player {
	return &player{d: d, f: f, table: venue.NewTable(d, code), conns: map[string]*conn{}, seen: seen}
}

func (p *player) open(r *record) (*conn, error) {
	if c := p.conns[r.Conn]; c != nil && r.T != "connect" {
		return c, nil
	}
	addr := r.Addr
	if addr == "" {
		addr = p.f.meta.Addr
	}
	u, err := url.Parse(addr)
	if err != nil {
		return nil, err
	}
	l, err := p.d.Pick(u, p.f.meta.At)
	if err != nil {
		return nil, err
	}
	c := &conn{dialect: l, feed: l.Open(p.table, u), books: map[string]*book.Machine{}}
	p.conns[r.Conn] = c
	return c, nil
}

func packed(data []byte) []byte {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	w.Write(data) //nolint:errcheck // into memory
	w.Close()     //nolint:errcheck // into memory
	return b.Bytes()
}

// decode reads one record into out, without looking at the books.
func (p *player) decode(r *record, data []byte, out *market.Batch) error {
	switch r.T {
	case "recv":
		c, err := p.open(r)
		if err != nil {
			return err
		}
		if r.Enc == "gzip" {
			data = packed(data)
		}
		return c.feed.Decode(data, out)
	case "http":
		u, err := url.Parse(r.URL)
		if err != nil {
			return err
		}
		if r.Status >= 400 && p.d.REST.Failure != nil {
			return p.d.REST.Failure(r.Status, data)
		}
		return p.d.REST.Decode(u, data, p.table, out)
	case "connect":
		_, err := p.open(r)
		return err
	}
	return nil
}

// play reads one record and shows what it says.
func (p *player) play(r *record, data []byte) []string {
	var b market.Batch
	if err := p.decode(r, data, &b); err != nil {
		p.seen.add(r.T, "error")
		return []string{failed(r.line, err)}
	}
	scope := r.T
	if r.T == "recv" {
		scope = p.conns[r.Conn].dialect.Name
	}
	p.seen.batch(scope, &b)
	return render(r.line, &b, func(u *market.BookUpdate) (book.Verdict, string) { return p.apply(r, scope, u) })
}

// apply gives an update to the book of its connection; a snapshot by REST goes to
// every connection that has the book.
func (p *player) apply(r *record, scope string, u *market.BookUpdate) (v book.Verdict, why string) {
	for _, c := range p.conns {
		if r.T == "recv" && c != p.conns[r.Conn] {
			continue
		}
		m := c.books[u.Symbol]
		if m == nil && r.T == "recv" {
			in := p.table.Find([]byte(u.Symbol))
			if x, ok := p.table.ByPair(u.Pair); ok && x.Symbol == u.Symbol {
				in = x
			}
			m = book.NewMachine(c.dialect.Book, in)
			c.books[u.Symbol] = m
		}
		if m == nil || r.T == "http" && !m.NeedsSnapshot() {
			continue
		}
		sums := m.Sums - m.BadSums
		if v = m.Apply(u); v == book.Lost || v == book.Wait {
			why = m.Loss().Detail
		}
		if v == book.Publish && u.Snapshot {
			m.Pending(func(*market.BookUpdate, book.Verdict) {})
		}
		if m.Sums-m.BadSums > sums {
			p.seen.add(scope, "checksum")
		}
	}
	return v, why
}

// golden compares what a driver makes of the fixture with want.jsonl.
func (f *fixture) golden(t *testing.T, d *venue.Driver, seen coverage) {
	t.Helper()
	p := f.player(d, seen)
	var got strings.Builder
	for i := range f.records {
		r := &f.records[i]
		for _, l := range p.play(r, r.data) {
			got.WriteString(l + "\n")
		}
		var b market.Batch
		if err := p.decode(r, r.data, &b); err == nil {
			sound(t, d, r, &b, true)
		}
	}
	if *update {
		f.files["want.jsonl"] = got.String()
		if err := f.write(); err != nil {
			t.Fatal(err)
		}
		return
	}
	if want := f.files["want.jsonl"]; got.String() != want {
		g, w := strings.Split(got.String(), "\n"), strings.Split(want, "\n")
		for i := range max(len(g), len(w)) {
			if i >= len(g) || i >= len(w) || g[i] != w[i] {
				t.Fatalf("line %d of want.jsonl\n got %s\nwant %s", i+1, at(g, i), at(w, i))
			}
		}
	}
}

func at(lines []string, i int) string {
	if i < len(lines) {
		return lines[i]
	}
	return "(nothing)"
}

// sound checks what must hold of any batch; of a fixture's also that it makes sense.
func sound(t testing.TB, d *venue.Driver, r *record, b *market.Batch, sense bool) {
	t.Helper()
	bad := func(format string, args ...any) {
		t.Helper()
		t.Errorf("line %d: "+format+" from %.300s", append(append([]any{r.line}, args...), r.data)...)
	}
	for _, x := range b.Trades {
		if x.Venue != d.Spec.ID || x.Symbol == "" || x.Pair == "" || x.Price.IsZero() {
			bad("trade without venue, symbol, pair or price: %+v", x)
		}
		if sense && (x.At.IsZero() || x.Qty.Sign() <= 0 || x.Side == market.NoSide && !strange(b)) {
			bad("trade without time, size or side: %+v (a side that is not known is reported as Strange)", x)
		}
		if sense && r.T == "http" && x.Marks&market.Backfilled == 0 {
			bad("trade of REST that is not marked backfilled: %+v", x)
		}
	}
	for _, x := range b.Quotes {
		if x.Venue != d.Spec.ID || x.Symbol == "" || x.Pair == "" {
			bad("quote without venue, symbol or pair: %+v", x)
		}
	}
	for _, x := range b.Books {
		if x.Venue != d.Spec.ID || x.Symbol == "" || x.Pair == "" {
			bad("book without venue, symbol or pair: %+v", x)
		}
	}
	for _, x := range b.Candles {
		if x.Venue != d.Spec.ID || x.Pair == "" || x.Interval == "" {
			bad("candle without venue, pair or interval: %+v", x)
		}
		if sense && !x.Interval.Start(x.Open).Equal(x.Open) {
			bad("candle of %s that opens at %v", x.Interval, x.Open)
		}
	}
	for _, x := range b.Instruments {
		if x.Venue != d.Spec.ID || x.Symbol == "" || x.Pair == "" || x.Guessed {
			bad("instrument without venue, symbol or pair: %+v", x)
		}
	}
}

func strange(b *market.Batch) bool {
	return slices.ContainsFunc(b.Notices, func(n market.Notice) bool { return n.Kind == market.Strange })
}
