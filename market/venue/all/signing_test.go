package all_test

import (
	"bufio"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/assayhq/assay/access/secret"
	"github.com/assayhq/assay/market"
	"github.com/assayhq/assay/market/venue"
	"github.com/assayhq/assay/market/venue/binance"
	"github.com/assayhq/assay/market/venue/bitfinex"
	"github.com/assayhq/assay/market/venue/bitget"
	"github.com/assayhq/assay/market/venue/bithumb"
	"github.com/assayhq/assay/market/venue/bitstamp"
	"github.com/assayhq/assay/market/venue/bybit"
	"github.com/assayhq/assay/market/venue/coinbase"
	"github.com/assayhq/assay/market/venue/cryptocom"
	"github.com/assayhq/assay/market/venue/deribit"
	"github.com/assayhq/assay/market/venue/gate"
	"github.com/assayhq/assay/market/venue/gemini"
	"github.com/assayhq/assay/market/venue/htx"
	"github.com/assayhq/assay/market/venue/hyperliquid"
	"github.com/assayhq/assay/market/venue/kraken"
	"github.com/assayhq/assay/market/venue/krakenfutures"
	"github.com/assayhq/assay/market/venue/kucoin"
	"github.com/assayhq/assay/market/venue/mexc"
	"github.com/assayhq/assay/market/venue/okx"
	"github.com/assayhq/assay/market/venue/sign"
	"github.com/assayhq/assay/market/venue/upbit"
)

// schemes are all the ways to sign, by the names that vectors and documents use.
func schemes() map[string]sign.Scheme {
	m := map[string]sign.Scheme{
		"binance": binance.Private.Sign, "binanceusdm": binance.USDMPrivate.Sign, "bitfinex": bitfinex.Private.Sign, "bitget": bitget.Private.Sign,
		"bithumb": bithumb.Private.Sign, "bitstamp": bitstamp.Private.Sign, "bybit": bybit.Private.Sign, "coinbase": coinbase.Private.Sign,
		"coinbaseexchange": coinbase.ExchangePrivate.Sign, "cryptocom": cryptocom.Private.Sign, "deribit": deribit.Private.Sign, "gate": gate.Private.Sign,
		"gemini": gemini.Private.Sign, "htx": htx.Private.Sign, "hyperliquid": hyperliquid.Private.Sign, "kraken": kraken.Private.Sign,
		"krakenfutures": krakenfutures.Private.Sign, "kucoin": kucoin.Private.Sign, "mexc": mexc.Private.Sign, "okx": okx.Private.Sign, "upbit": upbit.Private.Sign,
	}
	for name, s := range sign.Others() {
		m[name] = s
	}
	return m
}

// vector is what another program sent with made-up keys at a frozen time.
type vector struct {
	Exchange    string
	Call        string
	FrozenMS    int64 `json:"frozen_ms"`
	Credentials struct{ APIKey, Secret, Password, PrivateKey, WalletAddress string }
	Requests    []wire
}

// wire is one request as it went out.
type wire struct {
	Method  string
	URL     string
	Headers map[string]any
	Body    *string
}

func (w wire) body() string {
	if w.Body == nil {
		return ""
	}
	return *w.Body
}

// proofs are the names of headers, parameters and members that only a signed request has.
var proofs = []string{
	"X-MBX-APIKEY", "API-Sign", "OK-ACCESS-SIGN", "X-BAPI-SIGN", "X-Auth-Signature", "bfx-signature", "X-GEMINI-SIGNATURE", "KC-API-SIGN", "SIGN",
	"X-MEXC-APIKEY", "ACCESS-SIGN", "Authorization", "CB-ACCESS-SIGN", "Authent", "signature", "x-phemex-request-signature", "X-BX-APIKEY", "X-TXC-SIGNATURE",
	"BITVAVO-ACCESS-SIGNATURE", "BX-SIGNATURE", "X-Signature",
}

func (w wire) proves() bool {
	for _, p := range proofs {
		if _, ok := w.Headers[p]; ok {
			return true
		}
	}
	return strings.Contains(w.URL, "ignature=") || strings.Contains(w.body(), `"sig":"`) || strings.Contains(w.body(), `"signature":{`)
}

// without takes names out of a query.
func without(query string, names ...string) string {
	return strings.Join(slices.DeleteFunc(strings.Split(query, "&"), func(p string) bool {
		n, _, _ := strings.Cut(p, "=")
		return n == "" || slices.Contains(names, n)
	}), "&")
}

// unsigned takes a vector's proof out again: it is what our caller would have begun with.
func unsigned(exchange string, c *venue.Call, m *venue.Moment) error {
	switch exchange {
	case "binance", "binanceusdm":
		c.Query, c.Body = without(c.Query, "timestamp", "signature"), without(c.Body, "timestamp", "signature")
		c.Form = c.Body != ""
	case "mexc":
		c.Query = without(c.Query, "timestamp", "recvWindow", "signature")
	case "bingx":
		c.Query = without(c.Query, "timestamp", "signature")
	case "htx":
		c.Query = without(c.Query, "AccessKeyId", "SignatureMethod", "SignatureVersion", "Timestamp", "Signature")
	case "kraken":
		c.Body = without(c.Body, "nonce")
	case "bitstamp", "krakenfutures":
		c.Form = true
	case "cryptocom":
		var e struct{ Params json.RawMessage }
		if err := json.Unmarshal([]byte(c.Body), &e); err != nil {
			return err
		}
		c.Body = string(e.Params)
	case "hyperliquid":
		var e struct {
			Action json.RawMessage
			Nonce  int64
		}
		if err := json.Unmarshal([]byte(c.Body), &e); err != nil {
			return err
		}
		if e.Action != nil {
			c.Body, m.Nonce = string(e.Action), e.Nonce
		}
	case "whitebit":
		_, rest, _ := strings.Cut(c.Body, `"nonceWindow":false`)
		c.Body = "{" + strings.TrimPrefix(rest, ",")
	}
	return nil
}

// aside are headers of a vector that are the other program's name, or say what its library
// always says; the exchanges do not look at them.
var aside = []string{
	"Content-Type", "Accept", "Cache-Control", "source", "X-CHANNEL-API-CODE", "OPEN-API-PARTNER", "KC-API-PARTNER", "KC-API-PARTNER-SIGN", "KC-API-PARTNER-VERIFY",
	"X-SOURCE-KEY", "X-Broker-Id", "Referer", "X-Gate-Channel-Id", "User-Agent",
}

// differs compares what we would send with a vector; "" when they are the same.
func differs(exchange string, got venue.Signed, w wire) string {
	u, err := url.Parse(w.URL)
	if err != nil {
		return err.Error()
	}
	path, body := u.EscapedPath(), w.body()
	if u.RawQuery != "" {
		path += "?" + u.RawQuery
	}
	if exchange == "gemini" {
		body = "" // sent beside the header that holds it; Gemini wants none
	}
	switch {
	case got.Method != w.Method:
		return "method " + got.Method
	case target(exchange, got.Path) != target(exchange, path):
		return "\n got " + got.Path + "\nwant " + path
	case plain(exchange, got.Body) != plain(exchange, body):
		return "body\n got " + got.Body + "\nwant " + body
	}
	for name := range got.Header {
		if _, ok := w.Headers[name]; !ok && !slices.Contains(aside, name) {
			return "header " + name + " is only ours"
		}
	}
	for name, v := range w.Headers {
		if v != nil && !slices.Contains(aside, name) && got.Header[name] != fmt.Sprint(v) {
			return "header " + name + "\n got " + got.Header[name] + "\nwant " + fmt.Sprint(v)
		}
	}
	return ""
}

// target puts a query in order where an exchange signs it so, and does not care in which
// it is sent.
func target(exchange, path string) string {
	p, q, _ := strings.Cut(path, "?")
	switch exchange {
	case "htx", "bingx", "poloniex":
		return p + "?" + sign.Sorted(q)
	}
	return path
}

// plain is a body by its meaning, where members have no order for the exchange.
func plain(exchange, body string) string {
	if exchange != "hyperliquid" {
		return body
	}
	var v any
	if json.Unmarshal([]byte(body), &v) != nil {
		return body
	}
	b, _ := json.Marshal(v)
	return string(b)
}

// armoured puts the lines around a key of PEM back, which vectors leave out so that no
// search for keys finds them.
func armoured(text string) string {
	return strings.NewReplacer("PEM-TEST-KEY EC begin", "-----BEGIN EC PRIVATE"+" KEY-----", "PEM-TEST-KEY EC end", "-----END EC PRIVATE"+" KEY-----",
		"PEM-TEST-KEY begin", "-----BEGIN PRIVATE"+" KEY-----", "PEM-TEST-KEY end", "-----END PRIVATE"+" KEY-----").Replace(text)
}

func keysOf(v *vector) venue.Credentials {
	k := v.Credentials
	s := k.Secret
	if k.PrivateKey != "" {
		s = k.PrivateKey
	}
	s = armoured(s)
	return venue.NewCredentials(map[string]secret.Value{
		venue.FieldKey: secret.Of(k.APIKey), venue.FieldSecret: secret.Of(s), venue.FieldPassphrase: secret.Of(k.Password), venue.FieldAccount: secret.Of(k.WalletAddress),
	})
}

func momentOf(v *vector) venue.Moment {
	m := venue.Moment{Time: time.UnixMilli(v.FrozenMS), Nonce: v.FrozenMS, Random: [16]byte{0x11, 0x11, 0x11, 0x11, 0x22, 0x22, 0x43, 0x33, 0x84, 0x44, 0x55, 0x55, 0x55, 0x55, 0x55, 0x55}}
	if v.Exchange == "coinbase" {
		m.Random = [16]byte{0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef, 0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef}
	}
	return m
}

func vectors(t *testing.T) []vector {
	dir := os.Getenv("ASSAY_SHARED")
	f, err := os.Open(filepath.Join(dir, "data/market/signing-vectors/requests_A.jsonl"))
	if dir == "" || err != nil {
		t.Skip("SKIPPED: no requests of another program here; set ASSAY_SHARED to the folder that holds data/market/signing-vectors")
	}
	defer f.Close()
	var out []vector
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var v vector
		if err := json.Unmarshal(lines.Bytes(), &v); err != nil {
			t.Fatal(err)
		}
		out = append(out, v)
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	return out
}

// reproduce signs a request anew; proves tells whether it had to be signed at all.
func reproduce(s sign.Scheme, v *vector, w wire) (proves bool, why string) {
	u, err := url.Parse(w.URL)
	if err != nil {
		return false, err.Error()
	}
	c := venue.Call{Method: w.Method, Host: u.Host, Path: u.EscapedPath(), Query: u.RawQuery, Body: w.body(), Open: !w.proves()}
	m := momentOf(v)
	if !c.Open {
		if err := unsigned(v.Exchange, &c, &m); err != nil {
			return true, err.Error()
		}
	}
	got, err := s(c, keysOf(v), m)
	if err != nil {
		return !c.Open, err.Error()
	}
	return !c.Open, differs(v.Exchange, got, w)
}

func TestRequestsOfAnotherProgramAreReproduced(t *testing.T) {
	type count struct{ vectors, requests, proving, reproduced, whole int }
	counts := map[string]*count{}
	known := schemes()
	for _, v := range vectors(t) {
		n := counts[v.Exchange]
		if n == nil {
			n = &count{}
			counts[v.Exchange] = n
		}
		s := known[v.Exchange]
		if s == nil {
			t.Errorf("%s: nobody signs for it", v.Exchange)
			continue
		}
		n.vectors++
		whole := true
		for _, w := range v.Requests {
			n.requests++
			proves, why := reproduce(s, &v, w)
			if proves {
				n.proving++
			}
			if why != "" {
				whole = false
				t.Errorf("%s %s: %s", v.Exchange, v.Call, why)
				continue
			}
			n.reproduced++
		}
		if whole {
			n.whole++
		}
	}
	var all count
	t.Logf("%-18s %8s %8s %8s %11s %10s", "exchange", "vectors", "whole", "requests", "with proof", "reproduced")
	for _, name := range slices.Sorted(maps.Keys(counts)) {
		n := counts[name]
		t.Logf("%-18s %8d %8d %8d %11d %10d", name, n.vectors, n.whole, n.requests, n.proving, n.reproduced)
		all.vectors, all.whole, all.requests = all.vectors+n.vectors, all.whole+n.whole, all.requests+n.requests
		all.proving, all.reproduced = all.proving+n.proving, all.reproduced+n.reproduced
		if n.proving == 0 {
			t.Errorf("%s: no vector proves anything, so nothing was tested", name)
		}
	}
	t.Logf("%-18s %8d %8d %8d %11d %10d", "all", all.vectors, all.whole, all.requests, all.proving, all.reproduced)
}

// streams are the private streams, by the names of documents.
func streams() map[string]*venue.PrivateStream {
	return map[string]*venue.PrivateStream{
		"binance": binance.Private.Stream, "binanceusdm": binance.USDMPrivate.Stream, "bitfinex": bitfinex.Private.Stream, "bitget": bitget.Private.Stream, "bithumb": bithumb.Private.Stream,
		"bitstamp": bitstamp.Private.Stream, "bybit": bybit.Private.Stream, "coinbase": coinbase.Private.Stream, "coinbaseexchange": coinbase.ExchangePrivate.Stream,
		"cryptocom": cryptocom.Private.Stream, "deribit": deribit.Private.Stream, "gate": gate.Private.Stream, "gemini": gemini.Private.Stream, "htx": htx.Private.Stream,
		"htxswap": htx.SwapPrivate.Stream, "hyperliquid": hyperliquid.Private.Stream, "kraken": kraken.Private.Stream, "krakenfutures": krakenfutures.Private.Stream,
		"kucoin": kucoin.Private.Stream, "mexc": mexc.Private.Stream, "okx": okx.Private.Stream, "upbit": upbit.Private.Stream,
	}
}

// hand is one line of testdata/signing.jsonl, which signing.py beside it computes without
// any of our code.
type hand struct {
	Exchange      string
	Stream        bool
	Call          venue.Call
	Keys          map[string]string
	Millis, Nonce int64
	Random        string
	Given         struct {
		Host, Ticket, Challenge string
		Symbols                 []string
	}
	Want struct {
		Method, Path, Body string
		Header             map[string]string
		Login, Subscribe   []json.RawMessage
	}
}

func (h *hand) credentials() venue.Credentials {
	fields := map[string]secret.Value{}
	for name, v := range h.Keys {
		fields[name] = secret.Of(armoured(v))
	}
	return venue.NewCredentials(fields)
}

func (h *hand) moment(t *testing.T) venue.Moment {
	m := venue.Moment{Time: time.UnixMilli(h.Millis), Nonce: h.Nonce}
	if n, err := hex.Decode(m.Random[:], []byte(h.Random)); err != nil || n != len(m.Random) {
		t.Fatal(err)
	}
	return m
}

func hands(t *testing.T) []hand {
	text, err := os.ReadFile("testdata/signing.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	var out []hand
	for l := range strings.Lines(string(text)) {
		var h hand
		if err := json.Unmarshal([]byte(l), &h); err != nil {
			t.Fatal(err)
		}
		out = append(out, h)
	}
	return out
}

func TestEverySchemeSignsAsAnIndependentProgramDoes(t *testing.T) {
	known, seen := schemes(), map[string]int{}
	for i, h := range hands(t) {
		if h.Stream {
			continue
		}
		seen[h.Exchange]++
		got, err := known[h.Exchange](h.Call, h.credentials(), h.moment(t))
		if err != nil {
			t.Errorf("line %d, %s: %v", i+1, h.Exchange, err)
			continue
		}
		if got.Method != h.Want.Method || target(h.Exchange, got.Path) != target(h.Exchange, h.Want.Path) || got.Body != h.Want.Body {
			t.Errorf("line %d, %s:\n got %s %s %s\nwant %s %s %s", i+1, h.Exchange, got.Method, got.Path, got.Body, h.Want.Method, h.Want.Path, h.Want.Body)
		}
		delete(got.Header, "Content-Type")
		delete(got.Header, "Cache-Control")
		for name, v := range h.Want.Header {
			if got.Header[name] != v {
				t.Errorf("line %d, %s, %s:\n got %s\nwant %s", i+1, h.Exchange, name, got.Header[name], v)
			}
			delete(got.Header, name)
		}
		if len(got.Header) > 0 {
			t.Errorf("line %d, %s: more headers than wanted: %v", i+1, h.Exchange, got.Header)
		}
	}
	for name := range known {
		if seen[name] < 2 && name != "bingx" {
			t.Errorf("%s: %d requests of our own", name, seen[name])
		}
	}
}

func TestEveryStreamIsEnteredAsAnIndependentProgramDoes(t *testing.T) {
	known, seen := streams(), map[string]bool{}
	for i, h := range hands(t) {
		if !h.Stream {
			continue
		}
		s := known[h.Exchange]
		seen[h.Exchange] = true
		pass := venue.Pass{Credentials: h.credentials(), Moment: h.moment(t), Host: h.Given.Host, Ticket: h.Given.Ticket, Challenge: h.Given.Challenge, Account: h.Keys["account"]}
		for _, symbol := range h.Given.Symbols {
			pass.Instruments = append(pass.Instruments, &market.Instrument{Symbol: symbol})
		}
		if h.Want.Header != nil {
			got, err := s.Header(pass.Credentials, pass.Moment)
			if err != nil || !maps.Equal(got, h.Want.Header) {
				t.Errorf("line %d, %s:\n got %v %v\nwant %v", i+1, h.Exchange, got, err, h.Want.Header)
			}
		}
		for what, c := range map[string]struct {
			write func(venue.Pass) ([][]byte, error)
			want  []json.RawMessage
		}{"login": {s.Login, h.Want.Login}, "subscribe": {s.Subscribe, h.Want.Subscribe}} {
			if c.want == nil {
				continue
			}
			got, err := c.write(pass)
			if err != nil || len(got) != len(c.want) {
				t.Errorf("line %d, %s: %d frames of %s, want %d: %v", i+1, h.Exchange, len(got), what, len(c.want), err)
				continue
			}
			for j := range got {
				if meaning(t, got[j]) != meaning(t, c.want[j]) {
					t.Errorf("line %d, %s:\n got %s\nwant %s", i+1, h.Exchange, got[j], c.want[j])
				}
			}
		}
	}
	// The others sign no frame: a ticket is asked for with a signed request, or nothing is.
	for name, s := range known {
		if !seen[name] && s.Ticket == nil && name != "hyperliquid" {
			t.Errorf("%s: nothing shows how its stream is entered", name)
		}
	}
}

// meaning is a JSON text with its members in order.
func meaning(t *testing.T, text []byte) string {
	t.Helper()
	var v any
	d := json.NewDecoder(strings.NewReader(string(text)))
	d.UseNumber()
	if err := d.Decode(&v); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// Whatever a call and the credentials hold: signing gives an error or the same bytes twice,
// and the error tells no credential.
func FuzzSigning(f *testing.F) {
	f.Add("GET", "/a", "b=1&c=%20", "", "key", "c2VjcmV0IHNlY3JldCBzZWNyZXQgc2VjcmV0IHNlYw==")
	f.Add("POST", "/exchange", "", `{"type":"x","n":[1,-1,null,true]}`, "k", strings.Repeat("1", 64))
	f.Add("POST", "/api/v1/order", "%zz&&==", `{"a":`, "", "")
	f.Fuzz(func(t *testing.T, method, path, query, body, key, private string) {
		k := venue.NewCredentials(map[string]secret.Value{venue.FieldKey: secret.Of(key), venue.FieldSecret: secret.Of(private), venue.FieldPassphrase: secret.Of("p")})
		c := venue.Call{Method: method, Path: path, Query: query, Body: body, Host: "h"}
		m := venue.Moment{Time: time.UnixMilli(1767225600123), Nonce: 1767225600123}
		for name, s := range schemes() {
			one, err := s(c, k, m)
			if err != nil {
				if len(private) > 8 && strings.Contains(err.Error(), private) && !strings.Contains(path+body+method, private) {
					t.Errorf("%s: the error tells the secret: %v", name, err)
				}
				continue
			}
			two, err := s(c, k, m)
			if err != nil || one.Path != two.Path || one.Body != two.Body || !maps.Equal(one.Header, two.Header) {
				t.Errorf("%s: signed in two ways: %v", name, err)
			}
		}
	})
}
