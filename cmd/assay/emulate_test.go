package main

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
)

func TestEmulatedExchangesServeAndTellWhatTheyRefuse(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	out, outs := io.Pipe()
	errs, errw := io.Pipe()
	c := &cli{out: outs, err: errw}
	root := c.root()
	root.SetArgs([]string{"emulate", "--venue", "binance", "--venue", "kraken", "--pair", "btc-usdt", "--seed", "7", "-o", "json"})
	done := make(chan error, 1)
	go func() { done <- root.ExecuteContext(ctx) }()
	lines := bufio.NewScanner(out)
	lines.Buffer(nil, 1<<20)
	var list []emulated
	for len(list) < 2 && lines.Scan() {
		var e emulated
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			t.Fatal(err)
		}
		list = append(list, e)
	}
	if list[0].Venue != "binance" || strings.Join(list[0].Symbols, " ") != "BTCUSDT" || !list[0].Accounts || len(list[0].Keys) != 2 || list[1].Symbols[0] != "BTC/USDT" {
		t.Errorf("%+v", list)
	}
	told := make(chan string, 1)
	go func() {
		s := bufio.NewScanner(errs)
		s.Scan()
		told <- s.Text()
		_, _ = io.Copy(io.Discard, errs)
	}()
	req, err := http.NewRequestWithContext(t.Context(), "GET", list[0].REST+"/api/v3/account?timestamp=1&signature=00", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("X-MBX-APIKEY", list[0].Keys[0].Key)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	body, _ := io.ReadAll(res.Body)
	res.Body.Close()
	if !strings.Contains(string(body), "-1022") || res.Header.Get("X-Assay-Simulated") != "true" {
		t.Errorf("%s", body)
	}
	if s := <-told; !strings.Contains(s, `"what":"refused"`) || !strings.Contains(s, "bad signature") || !strings.Contains(s, `"venue":"binance"`) {
		t.Error(s)
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestEmulatedExchangesAreNotForOthers(t *testing.T) {
	for args, want := range map[string]string{
		"--venue binance --listen 0.0.0.0:0":      "other machines",
		"--venue binance --listen 192.168.1.2:80": "other machines",
		"--venue binance --listen :0":             "other machines",
		"--venue binance --listen nowhere":        "no address",
		"--venue binanze":                         "not emulated",
		"--venue binance --speed 0":               "above 0",
		"--venue binance --pair BTC-XYZ":          "lists none",
		"--venue binance --faults nothing.yaml":   "cannot be read",
		"":                                        "--venue is missing",
	} {
		if _, errs, code := assay(t, append([]string{"emulate"}, strings.Fields(args)...)...); code == 0 || !strings.Contains(errs, want) {
			t.Errorf("%q: code %d, %s", args, code, errs)
		}
	}
}
