package emulator

import (
	"bufio"
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/assayhq/assay/market"
)

// vector is a request that another program signed with made-up keys at a frozen time.
type vector struct {
	Exchange    string
	Call        string
	FrozenMS    int64 `json:"frozen_ms"`
	Credentials struct{ APIKey, Secret, Password, PrivateKey, WalletAddress string }
	Requests    []struct {
		Method, URL string
		Headers     map[string]any
		Body        *string
	}
}

// ownVectors are a few more, of this program's making, for where the others are not.
const ownVectors = "testdata/proofs.jsonl"

func vectorsOf(t *testing.T) []vector {
	t.Helper()
	file := ownVectors
	if dir := os.Getenv("ASSAY_SHARED"); dir != "" {
		file = filepath.Join(dir, "data/market/signing-vectors/requests_A.jsonl")
	} else {
		t.Log("SKIPPED: the requests of another program; set ASSAY_SHARED to the folder that holds data/market/signing-vectors. Our own are checked")
	}
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<22)
	var out []vector
	for lines.Scan() {
		var v vector
		if err := json.Unmarshal(lines.Bytes(), &v); err != nil {
			t.Fatal(err)
		}
		out = append(out, v)
	}
	return out
}

// signedRequests turns a vector into what a venue would see, and the key it would know.
func (v *vector) signedRequests(t *testing.T) (*Key, []*sealed) {
	c := v.Credentials
	// The vectors hold no PEM that a search for keys would find.
	k := &Key{Key: c.APIKey, Passphrase: c.Password, Secret: strings.NewReplacer("PEM-TEST-KEY EC begin", "-----BEGIN EC PRIVATE"+" KEY-----",
		"PEM-TEST-KEY EC end", "-----END EC PRIVATE"+" KEY-----").Replace(c.Secret)}
	if v.Exchange == "hyperliquid" {
		k.Key, k.Secret = c.WalletAddress, c.PrivateKey
	}
	var out []*sealed
	for _, r := range v.Requests {
		u, err := url.Parse(r.URL)
		if err != nil {
			t.Fatal(err)
		}
		s := &sealed{method: r.Method, host: u.Host, path: u.EscapedPath(), query: u.RawQuery, header: http.Header{}}
		if r.Body != nil {
			s.body = *r.Body
		}
		for name, x := range r.Headers {
			if text, ok := x.(string); ok {
				s.header.Set(name, text)
			}
		}
		if v.Exchange == "gemini" {
			s.body = ""
		}
		if _, claims := schemes[market.VenueID(v.Exchange)].read(s); claims {
			out = append(out, s)
		}
	}
	return k, out
}

// bent are copies of a request in each of which one thing that is signed is another.
func (s *sealed) bent() map[string]*sealed {
	out := map[string]*sealed{}
	add := func(name string, change func(c *sealed)) {
		c := *s
		c.header = s.header.Clone()
		change(&c)
		out[name] = &c
	}
	for name := range s.header {
		switch strings.ToLower(name) {
		case "api-sign", "ok-access-sign", "x-bapi-sign", "x-auth-signature", "bfx-signature", "x-gemini-signature", "kc-api-sign", "sign", "access-sign", "cb-access-sign", "authent":
			add("a bit of "+name, func(c *sealed) { c.header.Set(name, flipped(c.header.Get(name))) })
		case "authorization":
			add("a bit of "+name, func(c *sealed) {
				h := c.header.Get(name)
				if i := strings.Index(h, "sig="); i >= 0 {
					c.header.Set(name, h[:i+4]+flipped(h[i+4:]))
				} else {
					i := strings.LastIndexByte(h, '.') + 1
					c.header.Set(name, h[:i]+flipped(h[i:]))
				}
			})
		}
	}
	if i := strings.Index(strings.ToLower(s.query), "signature="); i >= 0 {
		add("a bit of the query's signature", func(c *sealed) { c.query = s.query[:i+10] + flipped(s.query[i+10:]) })
	}
	if i := strings.Index(s.body, "signature="); i >= 0 {
		add("a bit of the form's signature", func(c *sealed) { c.body = s.body[:i+10] + flipped(s.body[i+10:]) })
	}
	if i := strings.Index(s.body, `"sig":"`); i >= 0 {
		add("a bit of sig", func(c *sealed) { c.body = s.body[:i+7] + flipped(s.body[i+7:]) })
	}
	if i := strings.Index(s.body, `"r":"0x`); i >= 0 {
		add("a bit of r", func(c *sealed) { c.body = s.body[:i+7] + flipped(s.body[i+7:]) })
	}
	return out
}

// flipped changes the first character to another of the same alphabet.
func flipped(s string) string {
	if s == "" {
		return "x"
	}
	c := byte('1')
	if s[0] == '1' {
		c = '2'
	}
	return string(c) + s[1:]
}

// judge is where assertions report, so that a test can see that they would.
type judge interface {
	Helper()
	Errorf(format string, args ...any)
}

// checkProofs is the assertion: every vector is accepted, and none with a bit flipped.
func checkProofs(j judge, t *testing.T, list []vector, m mutant) map[string]int {
	j.Helper()
	counts := map[string]int{}
	for i := range list {
		v := &list[i]
		x := schemes[market.VenueID(v.Exchange)]
		if x == nil {
			continue
		}
		k, reqs := v.signedRequests(t)
		now := time.UnixMilli(v.FrozenMS)
		for _, s := range reqs {
			if _, why := newRing([]*Key{k}).check(x, s, now, m); why != welcome {
				j.Errorf("%s %s %s %s: %v", v.Exchange, v.Call, s.method, s.path, why)
				continue
			}
			counts[v.Exchange]++
			all := s.bent()
			if len(all) == 0 {
				j.Errorf("%s %s: no signature was found to bend", v.Exchange, v.Call)
			}
			for name, b := range all {
				if _, why := newRing([]*Key{k}).check(x, b, now, m); why == welcome {
					j.Errorf("%s %s %s: accepted with %s changed", v.Exchange, v.Call, s.path, name)
				}
			}
			other := *k
			other.Key += "0"
			if _, why := newRing([]*Key{&other}).check(x, s, now, m); why != unknownKey {
				j.Errorf("%s %s: a key nobody has is %v", v.Exchange, v.Call, why)
			}
		}
	}
	return counts
}

func TestRequestsOfAnotherProgramAreAcceptedAndNoBitOfThemMayChange(t *testing.T) {
	counts := checkProofs(t, t, vectorsOf(t), mutant{})
	for _, name := range slices.Sorted(maps.Keys(counts)) {
		t.Logf("%-18s %3d requests", name, counts[name])
	}
	for id := range schemes {
		if id != "htxswap" && id != "kucoinfutures" && id != "gatefutures" && counts[string(id)] == 0 && os.Getenv("ASSAY_SHARED") != "" {
			t.Errorf("%s: no vector", id)
		}
	}
}
