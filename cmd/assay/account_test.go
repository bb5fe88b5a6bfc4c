package main

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// binanceAccount is an exchange that looks at signatures.
func binanceAccount(t *testing.T) *httptest.Server {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		if q.URL.Path == "/api/v3/exchangeInfo" {
			fmt.Fprint(w, `{"symbols":[{"symbol":"BTCUSDT","status":"TRADING","baseAsset":"BTC","quoteAsset":"USDT","filters":[]}]}`)
			return
		}
		text, signature, _ := strings.Cut(q.URL.RawQuery, "&signature=")
		m := hmac.New(sha256.New, []byte("the-secret"))
		m.Write([]byte(text))
		if signature != hex.EncodeToString(m.Sum(nil)) || q.Header.Get("X-MBX-APIKEY") != "the-key" {
			w.WriteHeader(http.StatusUnauthorized)
			fmt.Fprint(w, `{"code":-1022,"msg":"Signature for this request is not valid."}`)
			return
		}
		switch q.URL.Path {
		case "/api/v3/account":
			fmt.Fprint(w, `{"balances":[{"asset":"BTC","free":"0.1","locked":"0.5"}]}`)
		case "/api/v3/openOrders":
			fmt.Fprint(w, `[{"symbol":"BTCUSDT","orderId":7,"clientOrderId":"c","price":"60000","origQty":"0.5","executedQty":"0.2","status":"PARTIALLY_FILLED","type":"LIMIT","side":"BUY","time":1767225600000,"isWorking":true}]`)
		case "/api/v3/myTrades":
			fmt.Fprint(w, `[{"symbol":"BTCUSDT","id":71,"orderId":7,"price":"60000","qty":"0.2","commission":"0.0002","commissionAsset":"BTC","time":1767225600003,"isBuyer":true,"isMaker":true}]`)
		default:
			w.WriteHeader(http.StatusNotFound)
		}
	}))
	t.Cleanup(s.Close)
	return s
}

// A story on the command line: a key is kept as a secret, the settings name it, and the
// account is read with it.
func TestAnAccountIsReadWithAKeyThatIsNamed(t *testing.T) {
	dir := t.TempDir()
	settings := filepath.Join(dir, "assay.yaml")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(settings, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	run := func(args ...string) (string, string, int) {
		t.Helper()
		return assay(t, append([]string{"--data", filepath.Join(dir, "data"), "--config", settings}, args...)...)
	}
	where := "endpoints:\n  binance:\n    rest: " + binanceAccount(t).URL + "\n"
	write(where)
	if _, errs, code := run("account", "balances", "--venue", "binance"); code != 4 || !strings.Contains(errs, "assay secret put exchange/binance") || !strings.Contains(errs, "Enable Reading") {
		t.Errorf("%d %s", code, errs)
	}
	write(where + "accounts:\n  binance: exchange/binance\n")
	if _, errs, code := run("account", "balances", "--venue", "binance"); code != 3 || !strings.Contains(errs, "exchange/binance") {
		t.Errorf("%d %s", code, errs)
	}
	key := filepath.Join(dir, "key.json")
	if err := os.WriteFile(key, []byte(`{"key":"the-key","secret":"the-secret"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, errs, code := run("secret", "put", "exchange/binance", "--file", key); code != 0 {
		t.Fatal(out, errs)
	}
	for _, c := range []struct{ args, want string }{
		{"balances", "BTC - 0.6 0.1 0.5 -"},
		{"orders", "partially_filled"},
		{"fills --pair BTC-USDT", "0.0002"},
	} {
		out, errs, code := run(append([]string{"account"}, strings.Fields(c.args+" --venue binance")...)...)
		if code != 0 || !strings.Contains(strings.Join(strings.Fields(out), " "), c.want) {
			t.Errorf("%s: %d %s\n%s", c.args, code, errs, out)
		}
	}
	out, _, _ := run("account", "orders", "--venue", "binance", "-o", "json")
	var o map[string]any
	if err := json.Unmarshal([]byte(out), &o); err != nil || o["id"] != "7" || o["pair"] != "BTC-USDT" || o["filled"] != "0.2" {
		t.Errorf("%s %v", out, err)
	}
	if _, errs, code := run("account", "fills", "--venue", "binance"); code != 2 || !strings.Contains(errs, "--pair") {
		t.Errorf("%d %s", code, errs)
	}
	for _, args := range []string{"balances", "balances --venue nowhere", "fills --venue binance --pair NO-PAIR", "fills --venue binance --pair BTC-USDT --since 2026-02-01 --until 2026-01-01"} {
		if out, errs, code := run(append([]string{"account"}, strings.Fields(args)...)...); code == 0 || errs == "" {
			t.Errorf("%s: %d %s", args, code, out)
		}
	}
}

func TestKeysInTheSettingsAreRefused(t *testing.T) {
	settings := filepath.Join(t.TempDir(), "assay.yaml")
	const leak = "vLk7qjbN3mV0sT2xR9wZ"
	for _, text := range []string{
		"accounts:\n  kraken: " + leak + "\n",
		"accounts:\n  kraken: " + leak + "/" + leak + "==\n",
		"accounts:\n  kraken: exchange/" + leak + "==\n",
		"accounts:\n  kraken:\n    key: k\n    secret: " + leak + "\n",
		"accounts:\n  kraken: '{\"key\":\"k\",\"secret\":\"" + leak + "\"}'\n",
		"accounts:\n  coinbase: |\n    -----BEGIN SOMETHING-----\n    " + leak + "\n",
	} {
		if err := os.WriteFile(settings, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		out, errs, code := assay(t, "config", "check", "--config", settings)
		if code != 2 || !strings.Contains(errs, "assay secret put exchange/") || strings.Contains(out+errs, leak) {
			t.Errorf("%s%d %s %s", text, code, out, errs)
		}
	}
}
