package emulator

import (
	"fmt"
	"testing"
	"time"
)

// verdict is a judge that keeps what it was told.
type verdict struct {
	n     int
	first string
}

func (*verdict) Helper() {}

func (v *verdict) Errorf(format string, args ...any) {
	if v.n++; v.n == 1 {
		v.first = fmt.Sprintf(format, args...)
	}
}

// The checks are checked: an exchange that was made wrong on purpose turns each of them
// red, and the one that was not does not.
func TestAnExchangeMadeWrongIsFoundOut(t *testing.T) {
	list := vectorsOf(t)
	checks := map[string]func(j judge, m mutant){
		"skip the signature check": func(j judge, m mutant) { checkProofs(j, t, list, mutant{blind: m.blind}) },
		"wrong checksum order":     func(j judge, m mutant) { checkKrakenSums(j, t, Options{mutant: m}) },
		"sequence not raised":      func(j judge, m mutant) { checkBinanceChain(j, t, Options{mutant: m}) },
		"signed requests in HTTP":  func(j judge, m mutant) { checkRefusals(j, t, Options{mutant: m}) },
	}
	wrong := map[string]mutant{
		"skip the signature check": {blind: true}, "wrong checksum order": {jumbled: true}, "sequence not raised": {standing: true}, "signed requests in HTTP": {blind: true},
	}
	for name, check := range checks {
		right := &verdict{}
		if check(right, mutant{}); right.n > 0 {
			t.Errorf("%s: found at an exchange that does right: %s", name, right.first)
		}
		bad := &verdict{}
		if check(bad, wrong[name]); bad.n == 0 {
			t.Errorf("%s: nobody saw it", name)
		}
		t.Logf("%s: %d findings, first: %.160s", name, bad.n, bad.first)
	}
}

// checkRefusals asks an emulated Kraken over HTTP: what is wrong with a request decides
// what it answers, and a stranger burns nobody's nonce.
func checkRefusals(j judge, t *testing.T, opt Options) {
	inBubble(t, "kraken", opt, func(b *bench) {
		k := b.v.Keys()[0]
		ask := func(key Key, path, nonce string, sign func(string) string) string {
			return b.post(path, "nonce="+nonce, map[string]string{"API-Key": key.Key, "API-Sign": sign("nonce=" + nonce), "Content-Type": "application/x-www-form-urlencoded"})
		}
		good := func(key Key, path, nonce string) func(string) string {
			return func(body string) string { return krakenProof(key.Secret, path, nonce, body) }
		}
		const path = "/0/private/Balance"
		bad := func(string) string { return "AAAA" }
		for i, x := range []struct{ got, want string }{
			{ask(k, path, "100", good(k, path, "100")), `{"error":[],`},
			{ask(k, path, "100", good(k, path, "100")), `EAPI:Invalid nonce`},
			{ask(k, path, "99", good(k, path, "99")), `EAPI:Invalid nonce`},
			{ask(k, path, "900", bad), `EAPI:Invalid signature`},
			{ask(k, path, "101", good(k, path, "101")), `{"error":[],`},
			{ask(Key{Key: "nobody"}, path, "1", bad), `EAPI:Invalid key`},
			{ask(b.v.Keys()[1], "/0/private/AddOrder", "1", good(b.v.Keys()[1], "/0/private/AddOrder", "1")), `EGeneral:Permission denied`},
		} {
			if !containsText(x.got, x.want) {
				j.Errorf("request %d: %s, not %s", i, x.got, x.want)
			}
		}
	})
}

// Times are looked at on the venue's own clock, up to its window and not beyond.
func TestTimesOfRequestsCountOnTheVenuesClock(t *testing.T) {
	inBubble(t, "binance", Options{Skew: 3 * time.Second}, func(b *bench) {
		k := b.v.Keys()[1]
		for _, x := range []struct {
			off    time.Duration
			window string
			want   string
		}{
			{3 * time.Second, "", `"balances"`},
			{-1 * time.Second, "", `"balances"`},
			{-3 * time.Second, "", `-1021`},
			{-3 * time.Second, "10000", `"balances"`},
			{0, "1000", `-1021`},
			{5 * time.Second, "", `-1021`},
		} {
			q := fmt.Sprintf("timestamp=%d", time.Now().Add(x.off).UnixMilli())
			if x.window != "" {
				q += "&recvWindow=" + x.window
			}
			if got := b.ask("/api/v3/account?"+q+"&signature="+binanceProof(k.Secret, q), map[string]string{"X-MBX-APIKEY": k.Key}); !containsText(got, x.want) {
				t.Errorf("%v, window %q: %s, not %s", x.off, x.window, got, x.want)
			}
		}
	})
}
