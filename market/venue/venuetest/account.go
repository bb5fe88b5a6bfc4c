package venuetest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/assayhq/assay/access/secret"
	"github.com/assayhq/assay/asset"
	"github.com/assayhq/assay/fault"
	"github.com/assayhq/assay/market"
	"github.com/assayhq/assay/market/venue"
	"github.com/assayhq/assay/trading"
)

// What the exam signs with. The secret is base64 of 32 bytes, which is a secret to every
// venue: a text, base64, or an Ed25519 key.
const (
	examSecret = "ZXhhbS1zZWNyZXQtb2YtMzItYnl0ZXMtZm9yLWFsbCE="
	examOwner  = "0x00000000000000000000000000000000000000e1"
)

// Keys are made-up credentials with every field.
func Keys() venue.Credentials {
	return venue.NewCredentials(map[string]secret.Value{
		venue.FieldKey: secret.Of("exam-key"), venue.FieldSecret: secret.Of(examSecret),
		venue.FieldPassphrase: secret.Of("exam-passphrase"), venue.FieldAccount: secret.Of(examOwner),
	})
}

// Moment is the moment at which the exam signs.
func Moment() venue.Moment {
	m := venue.Moment{Time: time.UnixMilli(1767225600123).UTC(), Nonce: 1767225600123}
	for i := range m.Random {
		m.Random[i] = byte(i*17 + 1)
	}
	return m
}

// deed is one line of an account fixture's in.jsonl: an ask with its answer, or something
// that the account's stream sent.
type deed struct {
	Ask     string          `json:"ask"` // balances, orders or fills
	Symbol  string          `json:"symbol"`
	From    time.Time       `json:"from"`
	To      time.Time       `json:"to"`
	Cursor  string          `json:"cursor"`
	Section int             `json:"section"`
	Wallet  string          `json:"wallet"`
	Status  int             `json:"status"` // of the answer; 0 is 200
	Data    json.RawMessage `json:"data"`   // the answer; without one only the call is shown
	Ticket  json.RawMessage `json:"ticket"` // the answer of the stream's ticket
	Admit   json.RawMessage `json:"admit"`  // a frame while the login is not answered
	Frame   json.RawMessage `json:"frame"`  // a frame after it
}

// bytesOf gives what a JSON value stands for on the wire: a string is a text frame.
func bytesOf(raw json.RawMessage) []byte {
	var s string
	if len(raw) > 0 && raw[0] == '"' && json.Unmarshal(raw, &s) == nil {
		return []byte(s)
	}
	return raw
}

// Account examines a venue's interface to an account by testdata/account/*.txtar: what is
// asked for, how it is signed, and what is made of answers and frames. d names the venue
// and its symbols. Fixtures for another venue of the folder name it in meta.json.
func Account(t *testing.T, d *venue.Driver, p *venue.Private) {
	if len(p.Needs) == 0 || p.Rights == "" || p.Sign == nil || p.Request == nil || p.Decode == nil {
		t.Fatal("Needs, Rights, Sign, Request and Decode belong to every interface")
	}
	seen := map[string]bool{}
	for _, f := range accountFixtures(t, d) {
		t.Run(strings.TrimSuffix(filepath.Base(f.path), ".txtar"), func(t *testing.T) {
			x := accountPlay{t: t, d: d, p: p, table: venue.NewTable(d, code), seen: seen}
			if p.Stream != nil && p.Stream.Open != nil {
				x.feed = p.Stream.Open(x.table)
			}
			n := 0
			for l := range strings.Lines(f.files["in.jsonl"]) {
				n++
				var r deed
				if strings.TrimSpace(l) == "" {
					continue
				}
				if err := json.Unmarshal([]byte(l), &r); err != nil {
					t.Fatalf("in.jsonl, line %d: %v", n, err)
				}
				x.line = n
				x.play(&r)
			}
			if *update {
				f.files["want.jsonl"] = x.out.String()
				if err := f.write(); err != nil {
					t.Fatal(err)
				}
			} else if want := f.files["want.jsonl"]; want != x.out.String() {
				t.Errorf("%s: got\n%s\nwant\n%s", f.path, x.out.String(), want)
			}
			if odd := x.strange; len(odd) > 0 && !strings.HasPrefix(filepath.Base(f.path), "strange") {
				t.Errorf("strange without the fixture saying so in its name: %s", strings.Join(odd, "; "))
			}
		})
	}
	for w := venue.AskBalances; w <= venue.AskFills; w++ {
		in := &market.Instrument{Symbol: "exam", Key: "exam"}
		_, err := p.Request(venue.AccountAsk{What: w, Instrument: in, Account: examOwner})
		switch {
		case err == nil && !seen[w.String()]:
			t.Errorf("no fixture shows an answer about %s", w)
		case err != nil && (fault.Of(err) != fault.Invalid || len(err.Error()) < 30):
			t.Errorf("%s are refused without a sentence: %v", w, err)
		}
	}
	if p.Stream != nil && p.Stream.Open != nil && !seen["frame"] {
		t.Error("no fixture shows a frame of the stream")
	}
}

func accountFixtures(t testing.TB, d *venue.Driver) []*fixture {
	t.Helper()
	paths, err := filepath.Glob("testdata/account/*.txtar")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no fixtures in testdata/account/*.txtar: %v", err)
	}
	var out []*fixture
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		f := &fixture{path: path}
		f.split(string(text))
		if c := strings.TrimSpace(f.comment); len(c) < 20 || !strings.HasSuffix(c, ".") {
			t.Fatalf("%s: the comment %q does not say in a sentence what it shows", path, c)
		}
		if err := json.Unmarshal([]byte(f.files["meta.json"]), &f.meta); err != nil {
			t.Fatalf("%s: meta.json: %v", path, err)
		}
		if f.meta.Venue == string(d.Spec.ID) {
			out = append(out, f)
		}
	}
	return out
}

type accountPlay struct {
	t       *testing.T
	d       *venue.Driver
	p       *venue.Private
	table   *venue.Table
	feed    venue.AccountFeed
	out     bytes.Buffer
	line    int
	seen    map[string]bool
	strange []string
}

// say writes a line: where, what, and the members of v.
func (x *accountPlay) say(kind string, v any) {
	b, err := json.Marshal(v)
	if err != nil {
		x.t.Fatal(err)
	}
	rest := strings.TrimPrefix(string(b), "{")
	if rest != "}" {
		rest = "," + rest
	}
	fmt.Fprintf(&x.out, `{"line":%d,"type":%q%s`+"\n", x.line, kind, rest)
}

func (x *accountPlay) fail(kind string, err error) {
	x.say(kind, map[string]string{"kind": fault.Of(err).String(), "text": err.Error()})
	for _, s := range []string{examSecret, "exam-passphrase"} {
		if strings.Contains(err.Error(), s) {
			x.t.Errorf("line %d: an error tells a credential", x.line)
		}
	}
}

func (x *accountPlay) play(r *deed) {
	switch {
	case r.Ask != "":
		x.ask(r)
	case r.Ticket != nil:
		x.ticket(r)
	case r.Admit != nil:
		challenge, ok, err := x.p.Stream.Admitted(bytesOf(r.Admit))
		if err != nil {
			x.fail("refused", err)
			return
		}
		x.say("admitted", map[string]any{"challenge": challenge, "in": ok})
	case r.Frame != nil:
		x.seen["frame"] = true
		var got trading.Account
		if err := x.feed.Decode(bytesOf(r.Frame), &got); err != nil {
			x.fail("error", err)
			return
		}
		x.tell(&got)
		x.unheard(&got, bytesOf(r.Frame), func(b []byte, out *trading.Account) error {
			return x.p.Stream.Open(x.table).Decode(b, out)
		})
	default:
		x.t.Fatalf("line %d says nothing", x.line)
	}
}

func (x *accountPlay) ticket(r *deed) {
	addr, ticket, err := x.p.Stream.Ticket.Read(bytesOf(r.Ticket))
	if err != nil {
		x.fail("refused", err)
		return
	}
	x.say("ticket", map[string]string{"addr": addr, "ticket": ticket})
}

func (x *accountPlay) ask(r *deed) {
	a := venue.AccountAsk{Account: examOwner, From: r.From, To: r.To, Cursor: r.Cursor, Section: r.Section, Wallet: r.Wallet}
	for a.What.String() != r.Ask {
		if a.What++; a.What > venue.AskFills {
			x.t.Fatalf("line %d: nobody asks for %q", x.line, r.Ask)
		}
	}
	if r.Symbol != "" {
		a.Instrument = x.table.Find([]byte(r.Symbol))
	}
	call, err := x.p.Request(a)
	if err != nil {
		x.fail("unanswered", err)
		return
	}
	x.call("call", call)
	if r.Data == nil {
		return
	}
	body := bytesOf(r.Data)
	if r.Status != 0 && r.Status/100 != 2 {
		if x.p.Failure == nil {
			x.t.Fatalf("line %d: nobody reads failures", x.line)
		}
		x.fail("refused", x.p.Failure(r.Status, body))
		return
	}
	var got trading.Account
	if err := x.p.Decode(a, body, x.table, &got); err != nil {
		x.fail("refused", err)
		return
	}
	x.seen[r.Ask] = true
	x.tell(&got)
	x.unheard(&got, body, func(b []byte, out *trading.Account) error { return x.p.Decode(a, b, x.table, out) })
	if x.p.Next == nil {
		return
	}
	if next, more := x.p.Next(a, &got); more {
		call, err := x.p.Request(next)
		if err != nil {
			x.t.Fatalf("line %d: the next page cannot be asked for: %v", x.line, err)
		}
		x.call("next", call)
	}
}

// call shows a call, and examines how it is signed.
func (x *accountPlay) call(kind string, c venue.Call) {
	x.say(kind, struct {
		Method string `json:"method"`
		Path   string `json:"path"`
		Body   string `json:"body,omitempty"`
		Weight int    `json:"weight,omitempty"`
	}{c.Verb(), c.Target(), c.Body, c.Weight})
	c.Host = "exam.example"
	one, err := x.p.Sign(c, Keys(), Moment())
	if err != nil {
		x.t.Errorf("line %d: a call of its own cannot be signed: %v", x.line, err)
		return
	}
	two, _ := x.p.Sign(c, Keys(), Moment())
	if !same(one, two) {
		x.t.Errorf("line %d: the same call was signed in two ways", x.line)
	}
	for _, text := range append(headers(one), one.Path, one.Body) {
		if strings.Contains(text, examSecret) {
			x.t.Errorf("line %d: the secret itself is sent", x.line)
		}
	}
	c.Open = true
	if open, err := x.p.Sign(c, Keys(), Moment()); err != nil || slices.ContainsFunc(headers(open), func(h string) bool { return strings.Contains(h, "exam-key") }) {
		x.t.Errorf("line %d: a call that proves nothing shows the key (%v)", x.line, err)
	}
}

func headers(s venue.Signed) []string {
	var out []string
	for name, v := range s.Header {
		out = append(out, name+": "+v)
	}
	slices.Sort(out)
	return out
}

func same(a, b venue.Signed) bool {
	return a.Method == b.Method && a.Path == b.Path && a.Body == b.Body && slices.Equal(headers(a), headers(b))
}

// tell writes what was said of an account.
func (x *accountPlay) tell(a *trading.Account) {
	if err := soundAccount(a, x.d.Spec.ID); err != nil {
		x.t.Errorf("line %d: %v", x.line, err)
	}
	if a.Snapshot {
		x.say("snapshot", struct{}{})
	}
	for _, w := range a.Wallets {
		x.say("wallet", map[string]string{"id": w})
	}
	for _, b := range a.Balances {
		x.say("balance", b)
	}
	for _, o := range a.Orders {
		x.say("order", o)
	}
	for _, f := range a.Fills {
		x.say("fill", f)
	}
	for _, n := range a.Notices {
		x.say("notice", map[string]string{"kind": noticeName(n.Kind), "symbol": n.Symbol, "text": n.Text})
	}
	x.strange = append(x.strange, a.Strange()...)
}

func noticeName(k market.NoticeKind) string {
	return [...]string{"ack", "refused", "heartbeat", "moving", "info", "strange", "reply"}[min(k, market.Reply)]
}

// unheard reads the same again with a word for an order's status that no venue has: it must
// come out as not known, and be said to be strange.
func (x *accountPlay) unheard(got *trading.Account, body []byte, read func([]byte, *trading.Account) error) {
	const word = "exam_unheard_of"
	for _, o := range got.Orders {
		changed := body
		for _, before := range []string{":", ","} { // a value of an object or an array, no name
			changed = bytes.ReplaceAll(changed, []byte(before+`"`+o.Word+`"`), []byte(before+`"`+word+`"`))
		}
		if o.Word == "" || bytes.Equal(changed, body) {
			continue
		}
		var again trading.Account
		if err := read(changed, &again); err != nil {
			x.t.Errorf("line %d: a status that nobody knows is an error: %v", x.line, err)
			continue
		}
		for _, p := range again.Orders {
			if p.Word == word && (p.Status != trading.StatusUnknown || len(again.Strange()) == 0) {
				x.t.Errorf("line %d: a status that nobody knows became %q, and %d notices", x.line, p.Status, len(again.Strange()))
			}
		}
	}
}

// soundAccount finds what no account can be.
func soundAccount(a *trading.Account, id market.VenueID) error {
	known := map[trading.Status]bool{}
	for _, s := range trading.Statuses() {
		known[s.Status] = true
	}
	for i := range a.Balances {
		if b := &a.Balances[i]; b.Venue != id || b.Symbol == "" || b.Asset == "" {
			return fmt.Errorf("a balance of nothing: %+v", b)
		}
	}
	for i := range a.Orders {
		o := &a.Orders[i]
		switch {
		case o.Venue != id || o.ID == "":
			return fmt.Errorf("an order of nobody: %+v", o)
		case !known[o.Status]:
			return fmt.Errorf("status %q", o.Status)
		case o.Status == trading.PartiallyFilled && o.Filled.IsZero() && o.Word == "":
			return errors.New("an order that is filled in part, by nothing")
		}
	}
	for i := range a.Fills {
		if f := &a.Fills[i]; f.Venue != id || f.ID == "" && f.OrderID == "" || f.Price.IsZero() || f.Qty.IsZero() {
			return fmt.Errorf("a fill of nothing: %+v", f)
		}
	}
	return nil
}

// FuzzAccount feeds arbitrary bytes to everything that reads of an account, beginning with
// its fixtures.
func FuzzAccount(f *testing.F, d *venue.Driver, p *venue.Private) {
	for _, x := range accountFixtures(f, d) {
		for l := range strings.Lines(x.files["in.jsonl"]) {
			var r deed
			if json.Unmarshal([]byte(l), &r) != nil {
				continue
			}
			for _, raw := range []json.RawMessage{r.Data, r.Frame, r.Ticket, r.Admit} {
				if raw != nil {
					f.Add(bytesOf(raw))
				}
			}
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		table := venue.NewTable(d, code)
		check := func(a *trading.Account, err error) {
			if err != nil {
				return
			}
			if err := soundAccount(a, d.Spec.ID); err != nil {
				t.Fatal(err)
			}
		}
		for w := venue.AskBalances; w <= venue.AskFills; w++ {
			for section := range 2 {
				a := venue.AccountAsk{What: w, Account: examOwner, Section: section, Wallet: strings.Repeat("1", section), From: Moment().Time}
				var got trading.Account
				err := p.Decode(a, data, table, &got)
				check(&got, err)
				if err == nil && p.Next != nil {
					if next, more := p.Next(a, &got); more {
						_, _ = p.Request(next)
					}
				}
			}
		}
		if p.Failure != nil && p.Failure(400, data) == nil {
			t.Fatal("a failure that is none")
		}
		s := p.Stream
		if s == nil {
			return
		}
		if s.Ticket != nil {
			_, _, _ = s.Ticket.Read(data)
		}
		if s.Admitted != nil {
			_, _, _ = s.Admitted(data)
		}
		if s.Open != nil {
			feed := s.Open(table)
			for range 2 { // what it remembers must not hurt it
				var got trading.Account
				check(&got, feed.Decode(data, &got))
			}
		}
	})
}

// Unconnected is a driver of a venue whose connector is not in this folder: it guesses
// pairs from symbols with a sign between their assets, and knows nothing else.
func Unconnected(id market.VenueID) *venue.Driver {
	d := &venue.Driver{Guess: func(key string) (market.Instrument, bool) {
		base, quote, ok := strings.Cut(strings.NewReplacer("_", "-", "/", "-", ":", "-").Replace(key), "-")
		return market.Instrument{Symbol: key, Kind: market.Spot, Base: asset.Code(base), Quote: asset.Code(quote)}, ok && base != "" && quote != ""
	}}
	d.Spec.ID = id
	return d
}

// QuoteFirst turns an Unconnected driver round, for venues that name the quote first.
func QuoteFirst(d *venue.Driver) *venue.Driver {
	guess := d.Guess
	d.Guess = func(key string) (market.Instrument, bool) {
		in, ok := guess(key)
		in.Base, in.Quote = in.Quote, in.Base
		return in, ok
	}
	return d
}
