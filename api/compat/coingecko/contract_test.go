package coingecko

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/assayhq/assay/access"
	"github.com/assayhq/assay/access/gate"
	"github.com/assayhq/assay/fault"
	"github.com/assayhq/assay/market"
)

// unknownHere are numbers that the description always has and this face has not: they are
// null. docs/compat/coingecko.md says so.
var unknownHere = []string{
	"community_data.", "developer_data.", "public_interest_stats.", "watchlist_portfolio_users", "volume_change_percentage_24h_usd",
	"market_cap_change_24h", "block_time_in_minutes", "cost_to_move_up_usd", "cost_to_move_down_usd", "volume", "converted_volume.", "trade_volume_24h_btc",
}

// schema is a part of an OpenAPI 3.0 document: as much of it as the description uses.
type schema map[string]any

type document struct{ components map[string]any }

// check tells what is wrong with a value, with its place.
func (d document) check(s schema, v any, at string, tell func(string, ...any)) {
	if ref, ok := s["$ref"].(string); ok {
		s = d.components[ref[strings.LastIndex(ref, "/")+1:]].(map[string]any)
	}
	if all, ok := s["allOf"].([]any); ok {
		for _, x := range all {
			d.check(x.(map[string]any), v, at, tell)
		}
	}
	if one, ok := s["oneOf"].([]any); ok {
		fits := 0
		for _, x := range one {
			good := true
			d.check(x.(map[string]any), v, at, func(string, ...any) { good = false })
			if good {
				fits++
			}
		}
		if fits == 0 {
			tell("%s fits none of %d forms", at, len(one))
		}
		return
	}
	kind, _ := s["type"].(string)
	if v == nil {
		if s["nullable"] != true && !slices.ContainsFunc(unknownHere, func(u string) bool {
			return strings.HasSuffix(at, "."+u) || strings.HasSuffix(u, ".") && strings.Contains(at, u)
		}) {
			tell("%s is null", at)
		}
		return
	}
	right := true
	switch x := v.(type) {
	case map[string]any:
		right = kind == "object" || kind == ""
		properties, _ := s["properties"].(map[string]any)
		required, _ := s["required"].([]any)
		for _, r := range required {
			if _, ok := x[r.(string)]; !ok && at+"."+r.(string) != "history.market_data" {
				tell("%s lacks %s", at, r)
			}
		}
		for name, y := range x {
			if p, ok := properties[name].(map[string]any); ok {
				d.check(p, y, at+"."+name, tell)
			} else if p, ok := s["additionalProperties"].(map[string]any); ok {
				d.check(p, y, at+"."+name, tell)
			}
		}
	case []any:
		right = kind == "array" || kind == ""
		if items, ok := s["items"].(map[string]any); ok {
			for i, y := range x {
				d.check(items, y, fmt.Sprintf("%s[%d]", at, i), tell)
			}
		}
	case string:
		right = kind == "string" || kind == ""
	case bool:
		right = kind == "boolean" || kind == ""
	case json.Number:
		right = kind == "number" || kind == "" || kind == "integer" && !strings.ContainsAny(x.String(), ".eE")
	}
	if !right {
		tell("%s is %v, not a %s", at, v, kind)
	}
}

// TestAnswersFitTheDescription runs the schemas of the public description over our
// answers, where the description is at hand.
func TestAnswersFitTheDescription(t *testing.T) {
	dir := os.Getenv("ASSAY_SHARED")
	if dir == "" {
		dir = filepath.Join("..", "..", "..", "..", "shared")
	}
	b, err := os.ReadFile(filepath.Join(dir, "specs", "coingecko-openapi.json"))
	if err != nil {
		t.Skipf("SKIPPED: the description is not here (%v); set ASSAY_SHARED to compare with it", err)
	}
	var doc struct {
		Paths map[string]struct {
			Get struct {
				Responses map[string]struct {
					Content map[string]struct{ Schema schema }
				}
			}
		}
		Components struct{ Schemas map[string]any }
	}
	if err := json.Unmarshal(b, &doc); err != nil {
		t.Fatal(err)
	}
	w := newWorld(t)
	d := document{doc.Components.Schemas}
	served := map[string]bool{}
	for _, g := range golden {
		served[g.path] = true
		p, ok := doc.Paths[g.path]
		if !ok {
			t.Errorf("the description has no %s", g.path)
			continue
		}
		a := w.ask(g.target, "app", "bot")
		var v any
		dec := json.NewDecoder(a.Body)
		dec.UseNumber()
		if err := dec.Decode(&v); err != nil || a.Code != 200 {
			t.Errorf("%s: %d %v", g.target, a.Code, err)
			continue
		}
		n := 0
		if g.file == "simple-price" { // has a coin of which little is known
			continue
		}
		d.check(p.Get.Responses["200"].Content["application/json"].Schema, v, g.file, func(form string, args ...any) {
			if strings.Contains(g.file, "sparkline") {
				return
			}
			if n++; n < 6 {
				t.Errorf(form, args...)
			}
		})
	}
	// Every other path is refused by name, not as a mistake of the caller's.
	refusals := 0
	for path := range doc.Paths {
		if served[path] || path == "/coins/list" {
			continue
		}
		ask := strings.NewReplacer("{id}", "bitcoin", "{coin_id}", "bitcoin", "{entity}", "companies").Replace(path)
		ask = strings.NewReplacer("{", "", "}", "").Replace(ask)
		a := w.ask(ask)
		if a.Code == 501 {
			refusals++
		} else if !strings.Contains(path, "contract") && a.Code != 422 {
			t.Errorf("%s as %s: %d %s", path, ask, a.Code, a.Body)
		}
	}
	t.Logf("%d paths of the description are answered, %d refused", len(served), refusals)
}

// TestRecordedRequests replays what real clients send.
func TestRecordedRequests(t *testing.T) {
	w := newWorld(t)
	for _, target := range []string{
		"/simple/price?ids=bitcoin&vs_currencies=usd&include_market_cap=true",
		"/coins/list?include_platform=true",
		"/coins/markets?vs_currency=usd&sparkline=true&price_change_percentage=1h%2C24h%2C7d",
		"/coins/bitcoin?tickers=false",
		"/coins/bitcoin/tickers?page=2",
		"/coins/bitcoin/history?date=2025-12-30",
		"/coins/bitcoin/market_chart?vs_currency=usd&days=1",
		"/coins/bitcoin/market_chart/range?vs_currency=usd&from=2025-01-01&to=2025-12-31",
		"/coins/bitcoin/ohlc?vs_currency=usd&days=1",
		"/exchanges?per_page=5", "/exchanges/binance", "/search?query=eth", "/key",
		"/simple/price?include_market_cap=true&ids=bitcoin%2Clitecoin&vs_currencies=usd",
		"/coins/bitcoin/", "/coins/bitcoin/history?date=10-11-2024",
		"/coins/bitcoin/market_chart/range?vs_currency=usd&from=1735689600&to=1738368000",
		"/coins/list?", "/ping?id=", "/coins/markets/?vs_currency=USD&ids=Bitcoin", "/exchanges/gdax?id=gdax",
	} {
		if a := w.ask(target, "app", "bot"); a.Code != 200 || !json.Valid(a.Body.Bytes()) {
			t.Errorf("%s: %d %.300s", target, a.Code, a.Body)
		}
	}
}

func decode[T any](t *testing.T, a *httptest.ResponseRecorder) (v T) {
	t.Helper()
	if a.Code != 200 {
		t.Fatalf("%d %s", a.Code, a.Body)
	}
	if err := json.Unmarshal(a.Body.Bytes(), &v); err != nil {
		t.Fatal(err)
	}
	return v
}

type chartAnswer struct {
	Prices  [][2]*float64 `json:"prices"`
	Caps    [][2]*float64 `json:"market_caps"`
	Volumes [][2]*float64 `json:"total_volumes"`
}

func TestChartsHaveTheStepThatTheirLengthCallsFor(t *testing.T) {
	w := newWorld(t)
	for _, c := range []struct {
		query string
		step  time.Duration
		least int
	}{
		{"days=1", 5 * time.Minute, 288}, {"days=2", time.Hour, 48}, {"days=1.5", time.Hour, 36}, {"days=90", time.Hour, 2000}, {"days=91", 24 * time.Hour, 91}, {"days=max", 24 * time.Hour, 390},
		{"days=10&interval=5m", 5 * time.Minute, 500}, {"days=30&interval=daily", 24 * time.Hour, 30}, {"days=100&interval=hourly", time.Hour, 2390},
	} {
		for _, currency := range []string{"usd", "eur"} {
			v := decode[chartAnswer](t, w.ask("/coins/bitcoin/market_chart?vs_currency="+currency+"&"+c.query))
			n := len(v.Prices)
			if len(v.Caps) != n || len(v.Volumes) != n || n < c.least {
				t.Errorf("%s %s: %d, %d and %d points", c.query, currency, n, len(v.Caps), len(v.Volumes))
				continue
			}
			for i := 1; i < n; i++ {
				d := time.Duration(*v.Prices[i][0]-*v.Prices[i-1][0]) * time.Millisecond
				if d <= 0 || i < n-1 && d != c.step || *v.Caps[i][0] != *v.Prices[i][0] || *v.Volumes[i][0] != *v.Prices[i][0] {
					t.Errorf("%s: point %d stands %v after the one before", c.query, i, d)
					break
				}
			}
			if last := time.UnixMilli(int64(*v.Prices[n-1][0])); !last.Equal(noon) {
				t.Errorf("%s: the last point is of %v", c.query, last)
			}
			if v.Volumes[n-2][1] == nil || *v.Volumes[n-2][1] <= 0 {
				t.Errorf("%s: no volume at the end", c.query)
			}
		}
	}
	old := decode[chartAnswer](t, w.ask("/coins/bitcoin/market_chart?vs_currency=usd&days=max"))
	if old.Caps[0][1] != nil {
		t.Error("a capitalisation without a supply of that time was told:", *old.Caps[0][1])
	}
	first := decode[chartAnswer](t, w.ask(fmt.Sprintf("/coins/bitcoin/market_chart/range?vs_currency=usd&interval=hourly&from=%d&to=%d", noon.AddDate(0, 0, -125).Unix(), noon.AddDate(0, 0, -110).Unix())))
	if first.Volumes[0][1] != nil || first.Volumes[30][1] == nil {
		t.Error("a day that is not covered by what is stored has no volume")
	}
}

func TestTheVolumeOfAChartIsThatOfTheDayBefore(t *testing.T) {
	w := newWorld(t)
	for _, query := range []string{"days=1", "days=30", "days=100"} {
		v := decode[chartAnswer](t, w.ask("/coins/bitcoin/market_chart?vs_currency=usd&precision=full&"+query))
		i := len(v.Prices) - 3
		if units := *v.Volumes[i][1] / *v.Prices[i][1]; units < 287.9 || units > 288.1 {
			t.Errorf("%s: %v units in 24 hours; every hour trades 12", query, units)
		}
	}
}

func TestCandlesStandAtTheirCloseAndAreOrdered(t *testing.T) {
	w := newWorld(t)
	for query, step := range map[string]time.Duration{"days=1": 30 * time.Minute, "days=2": 30 * time.Minute, "days=3": 4 * time.Hour, "days=30": 4 * time.Hour, "days=31": 96 * time.Hour, "days=365": 96 * time.Hour, "days=max": 96 * time.Hour, "days=90&interval=hourly": time.Hour, "days=180&interval=daily": 24 * time.Hour} {
		for _, currency := range []string{"usd", "eur", "btc", "sats"} {
			v := decode[[][5]float64](t, w.ask("/coins/bitcoin/ohlc?vs_currency="+currency+"&"+query))
			if len(v) < 7 {
				t.Errorf("%s %s: %d candles", query, currency, len(v))
				continue
			}
			for i, x := range v {
				at := time.UnixMilli(int64(x[0])).UTC()
				if at.Unix()%int64(step/time.Second) != 0 || at.After(noon) || i > 0 && at.Sub(time.UnixMilli(int64(v[i-1][0]))) != step {
					t.Errorf("%s: candle %d at %v", query, i, at)
					break
				}
				if x[2] < max(x[1], x[4]) || x[3] > min(x[1], x[4]) {
					t.Errorf("%s: %v", query, x)
					break
				}
			}
		}
	}
	if v := decode[[][]float64](t, w.ask("/coins/bitcoin/ohlc?vs_currency=usd&days=40&x_volume=true")); len(v[0]) != 6 || v[1][5] != 4*288 {
		t.Error(v[1])
	}
}

func TestErrorsHaveTheirShapes(t *testing.T) {
	w := newWorld(t)
	for target, want := range map[string]string{
		"/simple/price?ids=bitcoin":                    `422 {"error":"Missing parameter vs_currencies"}`,
		"/simple/price?vs_currencies=usd":              `422 {"error":"Missing parameter ids"}`,
		"/coins/markets":                               `422 {"error":"Missing parameter vs_currency"}`,
		"/coins/markets?vs_currency=zzz":               `422 {"error":"invalid vs_currency"}`,
		"/coins/nothing":                               `404 {"error":"coin not found"}`,
		"/coins/nothing/ohlc?vs_currency=usd&days=1":   `404 {"error":"coin not found"}`,
		"/coins/markets?vs_currency=usd&category=none": `404 {"error":"category not found"}`,
		"/exchanges/nothing":                           `404 {"error":"exchange not found"}`,
		"/nothing":                                     `404 {"error":"Incorrect path. Check it against the list in docs/compat/coingecko.md"}`,
		"/coins/markets?vs_currency=usd&page=-1":       `400 {"error":"page: write a whole number from 1 on"}`,
		"/coins/bitcoin/history?date=2026-13-01":       `400 {"error":"date: write it as 31-01-2026 or 2026-01-31"}`,
		"/coins/bitcoin/market_chart?vs_currency=usd&days=101&interval=hourly":         `400 {"error":"interval: hourly points are given for at most 100 days at once"}`,
		"/coins/bitcoin/market_chart/range?vs_currency=usd&from=1772366400&to=1772366": `400 {"error":"from: the range ends before it begins"}`,
		"/onchain/networks/eth/pools/0x0":                                              `501 {"error":"/onchain/networks: data of decentralised exchanges is not collected here yet"}`,
		"/key":                                                                         `401 {"status":{"timestamp":"2026-03-01T12:00:00.000Z","error_code":10002,"error_message":"this is about a key, and none was sent"}}`,
		"POST /ping":                                                                   `405 {"error":"only GET is answered here"}`,
	} {
		a := w.ask(target)
		if got := fmt.Sprint(a.Code, " ", a.Body); got != want {
			t.Errorf("%s:\ngot  %s\nwant %s", target, got, want)
		}
		if a.Header().Get("Cache-Control") != "no-store" || !strings.HasPrefix(a.Header().Get("Content-Type"), "application/json") {
			t.Error(target, a.Header())
		}
	}
	if a := w.ask("/coins/bitcoin/market_chart?vs_currency=usd&days=800", "app", "small"); a.Code != 401 || a.Body.String() != `{"error":{"status":{"timestamp":"2026-03-01T12:00:00.000Z","error_code":10012,"error_message":"the plan free reaches back 365 days"}}}` {
		t.Error(a.Code, a.Body)
	}
	if a := w.ask("/coins/bitcoin/market_chart?vs_currency=usd&days=365", "app", "small"); a.Code != 200 {
		t.Error(a.Code, a.Body)
	}
}

func TestFailuresOfAdmissionHaveTheirShapes(t *testing.T) {
	w := newWorld(t)
	caller := gate.WithCaller(context.Background(), &access.Caller{KeyID: "k"})
	for _, c := range []struct {
		ctx    context.Context
		status int
		err    error
		want   string
	}{
		{context.Background(), 401, fault.New(fault.Unauthentic, "no"), `{"status":{"timestamp":"2026-03-01T12:00:00.000Z","error_code":10002,"error_message":"no"}}`},
		{caller, 403, fault.New(fault.Denied, "no"), `{"status":{"timestamp":"2026-03-01T12:00:00.000Z","error_code":10005,"error_message":"no"}}`},
		{context.Background(), 403, fault.New(fault.Denied, "no"), `{"error":"no"}`},
		{caller, 429, fault.New(fault.Exhausted, "no"), `{"status":{"error_code":429,"error_message":"no"}}`},
		{caller, 500, fault.New(fault.Internal, "no"), `{"status":{"error_code":500,"error_message":"no"}}`},
		{caller, 503, fault.New(fault.Unavailable, "no"), `{"status":{"error_code":503,"error_message":"no"}}`},
	} {
		a := httptest.NewRecorder()
		w.Fail(a, httptest.NewRequest("GET", "/", nil).WithContext(c.ctx), c.status, c.err)
		if a.Code != c.status || a.Body.String() != c.want {
			t.Errorf("%v:\ngot  %d %s\nwant %s", c.err, a.Code, a.Body, c.want)
		}
		if (c.status == 429 || c.status == 503) != (a.Header().Get("Retry-After") != "") {
			t.Error(c.status, a.Header())
		}
	}
}

// Things that are no errors there.
func TestWhatIsNotThereIsLeftOut(t *testing.T) {
	w := newWorld(t)
	for target, want := range map[string]string{
		"/simple/price?ids=nothing&vs_currencies=usd":               `{}`,
		"/simple/price?ids=bitcoin&vs_currencies=zzz":               `{"bitcoin":{}}`,
		"/simple/price?ids=bitcoin&vs_currencies=gbp":               `{"bitcoin":{"gbp":null}}`,
		"/simple/price?ids=solana&vs_currencies=usd":                `{"solana":{"usd":null}}`,
		"/search?query=zzzzzzzz":                                    `{"coins":[],"exchanges":[],"icos":[],"categories":[],"nfts":[]}`,
		"/coins/markets?vs_currency=usd&page=1000":                  `[]`,
		"/coins/markets?vs_currency=usd&ids=nothing":                `[]`,
		"/coins/bitcoin/tickers?page=9":                             `{"name":"Bitcoin","tickers":[]}`,
		"/coins/solana/tickers":                                     `{"name":"Solana","tickers":[]}`,
		"/coins/solana/ohlc?vs_currency=usd&days=7":                 `[]`,
		"/coins/solana/market_chart?vs_currency=usd&days=7":         `{"prices":[],"market_caps":[],"total_volumes":[]}`,
		"/simple/price?symbols=btc&vs_currencies=usd&ids=shiba-inu": `{"shiba-inu":{"usd":0.00001234}}`,
	} {
		if a := w.ask(target); a.Code != 200 || a.Body.String() != want {
			t.Errorf("%s: %d %s", target, a.Code, a.Body)
		}
	}
	early := decode[map[string]any](t, w.ask("/coins/bitcoin/history?date=01-01-2012"))
	if _, has := early["market_data"]; has || early["id"] != "bitcoin" || early["image"] == nil {
		t.Error(early)
	}
	if a, b := w.ask("/coins/bitcoin/history?date=27-02-2026").Body, w.ask("/coins/bitcoin/history?date=2026-02-27").Body; !bytes.Equal(a.Bytes(), b.Bytes()) {
		t.Error("the two forms of a date differ")
	}
	rows := decode[[]map[string]any](t, w.ask("/coins/markets?vs_currency=gbp"))
	if len(rows) != 5 || rows[0]["id"] != "bitcoin" || rows[0]["current_price"] != nil || rows[0]["market_cap"] != nil || rows[0]["market_cap_rank"] != 1.0 {
		t.Error(len(rows), rows[0])
	}
}

func TestTablesAreOrderedAndCut(t *testing.T) {
	w := newWorld(t)
	for query, want := range map[string]string{
		"":                                     "bitcoin ethereum tether wrapped-bitcoin shiba-inu",
		"&order=market_cap_asc":                "wrapped-bitcoin tether ethereum bitcoin shiba-inu",
		"&order=volume_desc":                   "tether bitcoin ethereum wrapped-bitcoin shiba-inu",
		"&order=id_asc":                        "bitcoin ethereum shiba-inu tether wrapped-bitcoin",
		"&order=id_desc&per_page=2":            "wrapped-bitcoin tether",
		"&order=gecko_desc&per_page=999":       "bitcoin ethereum tether wrapped-bitcoin shiba-inu",
		"&order=market_cap_rank_asc":           "bitcoin ethereum tether wrapped-bitcoin shiba-inu",
		"&per_page=2&page=2":                   "tether wrapped-bitcoin",
		"&symbols=BTC,eth":                     "bitcoin ethereum",
		"&names=tether":                        "tether",
		"&ids=solana,bitcoin":                  "bitcoin solana",
		"&ids=bitcoin&category=proof-of-stake": "ethereum",
	} {
		var got []string
		for _, r := range decode[[]struct{ ID string }](t, w.ask("/coins/markets?vs_currency=usd"+query)) {
			got = append(got, r.ID)
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s: %v", query, got)
		}
	}
	rows := decode[[]struct {
		Rank, All *int
	}](t, renamed(w.ask("/coins/markets?vs_currency=usd&include_rehypothecated=true")))
	if *rows[2].Rank != 3 || rows[3].Rank != nil || *rows[3].All != 4 || rows[4].All != nil {
		t.Error("ranks of tether, a wrapped coin and one without a supply:", rows)
	}
}

func renamed(a *httptest.ResponseRecorder) *httptest.ResponseRecorder {
	b := strings.NewReplacer("market_cap_rank_with_rehypothecated", "All", "market_cap_rank", "Rank").Replace(a.Body.String())
	a.Body.Reset()
	a.Body.WriteString(b)
	return a
}

func TestAnswersCanBeKept(t *testing.T) {
	w := newWorld(t)
	a := w.ask("/coins/list")
	tag := a.Header().Get("Etag")
	if !strings.HasPrefix(tag, `W/"`) || a.Header().Get("Age") != "0" || a.Header().Get("Vary") != "Accept-Encoding" || a.Header().Get("Cache-Control") != "public, max-age=60, s-maxage=60" {
		t.Error(a.Header())
	}
	for _, h := range []string{tag, strings.TrimPrefix(tag, "W/"), `"x", ` + tag, "*"} {
		if a := w.ask("/coins/list", "If-None-Match", h); a.Code != http.StatusNotModified || a.Body.Len() != 0 || a.Header().Get("Etag") != tag {
			t.Error(h, a.Code)
		}
	}
	if a := w.ask("/coins/list", "If-None-Match", `W/"other"`); a.Code != 200 {
		t.Error(a.Code)
	}
	if a := w.ask("HEAD /coins/list"); a.Code != 200 || a.Body.Len() != 0 {
		t.Error(a.Code, a.Body.Len())
	}
	closed := newWorld(t, func(o *Options) { o.Shared = false })
	if h := closed.ask("/coins/list").Header().Get("Cache-Control"); h != "private, max-age=60" {
		t.Error("answers for those with a key only may stay in a cache between:", h)
	}
}

func TestAFailureBelowIsToldAsOne(t *testing.T) {
	w := newWorld(t)
	w.broken = fault.New(fault.Unavailable, "there are no figures yet")
	for _, target := range []string{"/global", "/coins/bitcoin", "/simple/price?ids=bitcoin&vs_currencies=usd", "/coins/markets?vs_currency=usd", "/coins/categories", "/search?query=bit"} {
		if a := w.ask(target); a.Code != 503 || a.Header().Get("Retry-After") == "" || a.Body.String() != `{"status":{"error_code":503,"error_message":"there are no figures yet"}}` {
			t.Error(target, a.Code, a.Body)
		}
	}
}

// TestNonsenseIsAnswered throws 2,000 random requests at the face: each gets an answer or
// a refusal in its form, and none is our failure.
func TestNonsenseIsAnswered(t *testing.T) {
	w := newWorld(t)
	rnd := rand.New(rand.NewPCG(7, 9))
	pick := func(from []string) string { return from[rnd.IntN(len(from))] }
	values := []string{"", "0", "-1", "1e9", "1e309", "99999999999999999999", "null", "bitcoin", "BITCOIN", "bitcoin%2Cethereum", "usd", "USD,eur", "%00", "%zz", "'; DROP TABLE coins;--", "<script>", strings.Repeat("a", 3000),
		strings.Repeat("a,", 1500), "ünïcode", "%ff%fe", "1772352000", "1772352000000", "2026-13-45", "9999-01-01", "0001-01-01", "true", "True", "maybe", "max", "NaN", "Inf", "-Inf", "0x10", ",,,,", "{}", "a=b", "😀", "+", "../../etc/passwd", "18", "full", "1h", "5m", "daily", "hourly", "24h,7d", "0.5", "31-12-2025", "all", "top"}
	names := []string{"ids", "names", "symbols", "vs_currency", "vs_currencies", "days", "interval", "from", "to", "date", "page", "per_page", "order", "precision", "sparkline", "price_change_percentage", "category", "include_tokens", "contract_addresses", "query", "x_quality", "x_volume", "depth", "exchange_ids", "coin_ids", "localization", "tickers", "show_max", "duration", "status", "nonsense", "ids[]", ""}
	ids := []string{"bitcoin", "ethereum", "nothing", "BITCOIN", "%2e%2e", "a%2Fb", "%ff", strings.Repeat("x", 300), "kraken", "gdax", "0xdac17f958d2ee523a2206206994597c13d831ec7", "%E2%82%AC", "..", "{}"}
	var paths []string
	for _, r := range routes {
		paths = append(paths, r.path)
	}
	for _, e := range elsewhere {
		paths = append(paths, e.path)
	}
	paths = append(paths, "", "nothing", "coins/{}/{}", "{}/{}/{}", "coins/{}/contract", "onchain/{}/{}")
	for n := range 2000 {
		path := pick(paths)
		for strings.Contains(path, "{}") {
			path = strings.Replace(path, "{}", strings.ReplaceAll(pick(ids), "{}", "()"), 1)
		}
		var query []string
		for range rnd.IntN(6) {
			query = append(query, pick(names)+"="+pick(values))
		}
		if rnd.IntN(2) == 0 {
			query = append(query, "vs_currency=usd", "vs_currencies=usd", "ids=bitcoin")
		}
		u, err := url.Parse("/" + path + pick([]string{"", "/", "//"}))
		if err != nil {
			continue
		}
		u.RawQuery = strings.Join(query, pick([]string{"&", "&&", ";"}))
		r := &http.Request{Method: "GET", URL: u, Header: http.Header{}, Host: "localhost"}
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		a := httptest.NewRecorder()
		w.ServeHTTP(a, r.WithContext(ctx))
		cancel()
		if !json.Valid(a.Body.Bytes()) || a.Code >= 500 && a.Code != 501 {
			t.Errorf("%d: %s: %d %.300s", n, u, a.Code, a.Body)
		}
		if a.Code >= 400 && !strings.HasPrefix(a.Body.String(), `{"error":`) && !strings.HasPrefix(a.Body.String(), `{"status":{`) {
			t.Errorf("%s: %d %s", u, a.Code, a.Body)
		}
	}
}

func TestTwoVenuesOfOneBookAreOne(t *testing.T) {
	w := newWorld(t)
	a := w.ask("/exchanges/list").Body.String()
	if strings.Contains(a, "coinbaseexchange") || strings.Count(a, "gdax") != 1 {
		t.Error(a)
	}
	if _, err := w.venue("coinbase"); err != nil {
		t.Error("our own id is an alias:", err)
	}
	for ours, theirs := range map[market.VenueID]string{
		"okx": "okex", "bybit": "bybit_spot", "cryptocom": "crypto_com", "htx": "huobi", "mexc": "mxc", "krakenfutures": "kraken_futures",
		"gate": "gate", "kucoin": "kucoin", "upbit": "upbit", "bithumb": "bithumb", "bitget": "bitget", "gemini": "gemini", "bitfinex": "bitfinex", "deribit": "deribit", "hyperliquid": "hyperliquid",
	} {
		if got := exchangeID(ours); got != theirs {
			t.Errorf("%s is %s there, not %s", ours, theirs, got)
		}
	}
}
