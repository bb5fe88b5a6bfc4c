package tokenmetrics

import (
	"encoding/csv"
	"encoding/json"
	"encoding/xml"
	"flag"
	"fmt"
	"io"
	"maps"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/assayhq/assay/asset"
)

var update = flag.Bool("update", false, "write the answers into testdata")

func ask(f *Face, method, target, body string, kv ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	for i := 0; i+1 < len(kv); i += 2 {
		r.Header.Set(kv[i], kv[i+1])
	}
	w := httptest.NewRecorder()
	w.Header().Set("X-Request-Id", "golden")
	f.ServeHTTP(w, r)
	return w
}

// body is an answer as clients read it.
type body struct {
	Success    *bool
	Message    *string
	Length     *int
	Data       []map[string]any
	Pagination *struct {
		Total, TotalPages *int
		Page, Limit       int
		HasMore           bool `json:"has_more"`
		Warnings          []string
	}
	AsOf     string `json:"as_of"`
	Stale    bool
	Baseline string
	Error    *struct{ Code, Field string }
}

// rows asks and checks what holds for every answer.
func rows(t *testing.T, f *Face, target string) body {
	t.Helper()
	w := get(f, target)
	var b body
	if w.Code != 200 || w.Header().Get("Content-Type") != "application/json; charset=utf-8" || json.Unmarshal(w.Body.Bytes(), &b) != nil {
		t.Fatalf("%s: %d %s", target, w.Code, w.Body)
	}
	if b.Success == nil || !*b.Success || b.Message == nil || *b.Message == "" || b.Length == nil || *b.Length != len(b.Data) || b.Data == nil || b.Pagination == nil {
		t.Errorf("%s: the envelope is not whole: %.300s", target, w.Body)
	}
	for _, r := range b.Data {
		if !slices.Equal(slices.Sorted(maps.Keys(r)), slices.Sorted(maps.Keys(b.Data[0]))) {
			t.Errorf("%s: rows with different fields: %v and %v", target, r, b.Data[0])
		}
	}
	return b
}

// TestGolden asks what testdata asks and compares what is answered. A line of a section
// "request" is a target; the section after it is the answer.
func TestGolden(t *testing.T) {
	files, _ := filepath.Glob("testdata/*.txtar")
	if len(files) < 5 {
		t.Fatal("the golden files are gone")
	}
	f := newFace(t)
	asked := map[string]bool{}
	for _, path := range files {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		comment, rest, _ := strings.Cut(string(text), "-- request --\n")
		var out strings.Builder
		out.WriteString(comment)
		for part := range strings.SplitSeq(rest, "-- request --\n") {
			request, _, _ := strings.Cut(part, "-- answer --\n")
			head, sent, _ := strings.Cut(strings.TrimRight(request, "\n"), "\n")
			method, target, _ := strings.Cut(head, " ")
			var kv []string
			if accept, ok := strings.CutPrefix(sent, "Accept: "); ok {
				sent, kv = "", []string{"Accept", accept}
			}
			w := ask(f, method, target, sent, kv...)
			_, name, _ := address(strings.SplitN(target, "?", 2)[0])
			asked[name] = true
			fmt.Fprintf(&out, "-- request --\n%s-- answer --\n%d %s\n", request, w.Code, w.Header().Get("Content-Type"))
			for _, h := range []string{"Allow", "Link", "Warning"} {
				if v := w.Header().Get(h); v != "" {
					fmt.Fprintf(&out, "%s: %s\n", h, v)
				}
			}
			out.WriteString("\n" + broken(w.Body.String()))
		}
		if *update {
			if err := os.WriteFile(path, []byte(out.String()), 0o644); err != nil {
				t.Fatal(err)
			}
		} else if out.String() != string(text) {
			t.Errorf("%s: answers differ; run `go test ./api/compat/tokenmetrics -run Golden -update` and read the diff", path)
		}
	}
	for name := range f.routes {
		if !asked[name] {
			t.Errorf("no golden answer of /%s", name)
		}
	}
}

// broken puts each row on its own line, for people.
func broken(s string) string {
	s = strings.ReplaceAll(s, `,{"TOKEN_ID"`, ",\n{\"TOKEN_ID\"")
	s = strings.ReplaceAll(s, `,{"token_id"`, ",\n{\"token_id\"")
	s = strings.ReplaceAll(s, `],"pagination"`, "],\n\"pagination\"")
	return strings.TrimRight(s, "\n") + "\n"
}

func TestAllThreeFirstPagesAreOne(t *testing.T) {
	f := newFace(t)
	const target = "/v2/daily-ohlcv?symbol=BTC&limit=100"
	first := get(f, target).Body.String()
	for _, page := range []string{"&page=", "&page=0", "&page=1"} {
		if got := get(f, target+page).Body.String(); got != first {
			t.Errorf("page %q differs from none", page)
		}
	}
	a, b := rows(t, f, target), rows(t, f, target+"&page=2")
	if len(a.Data) != 100 || len(b.Data) != 100 || a.Data[99]["DATE"].(string) <= b.Data[0]["DATE"].(string) {
		t.Error("the second page does not follow the first")
	}
	if a.Pagination.Total != nil || !a.Pagination.HasMore {
		t.Error("what was not counted is told as counted", a.Pagination)
	}
	if w := get(f, target); !strings.Contains(w.Header().Get("Link"), `page=2&symbol=BTC>; rel="next"`) {
		t.Error("no link to the next page", w.Header())
	}
	if got := rows(t, f, "/v2/daily-ohlcv?symbol=BTC&limit=99999"); len(got.Data) != 1000 || got.Pagination.Limit != 1000 {
		t.Error("a limit above 1000 is not taken as 1000:", len(got.Data))
	}
	if got := rows(t, f, "/v2/daily-ohlcv?symbol=BTC"); len(got.Data) != 50 {
		t.Error("without a limit there are", len(got.Data), "rows")
	}
	if got := rows(t, f, "/v2/top-market-cap-tokens?top_k=2&page=0"); len(got.Data) != 2 || got.Data[0]["TOKEN_SYMBOL"] != "BTC" {
		t.Error("top_k:", got.Data)
	}
}

func TestBothDaysOfARangeBelongToIt(t *testing.T) {
	f := newFace(t)
	b := rows(t, f, "/v2/daily-ohlcv?symbol=BTC&startDate=2025-01-01&endDate=2025-01-30&limit=100&page=0")
	if len(b.Data) != 30 || b.Data[0]["DATE"] != "2025-01-30T00:00:00.000Z" || b.Data[29]["DATE"] != "2025-01-01T00:00:00.000Z" || b.Data[0]["TIMESTAMP"] != b.Data[0]["DATE"] {
		t.Fatal(len(b.Data), b.Data[0])
	}
	if *b.Pagination.Total != 30 || *b.Pagination.TotalPages != 1 || b.Pagination.Warnings != nil {
		t.Error(b.Pagination)
	}
	if b := rows(t, f, "/v2/daily-ohlcv?symbol=BTC&startDate=2025-01-01&endDate=2025-01-01"); len(b.Data) != 1 {
		t.Error("a day is", len(b.Data), "rows")
	}
	if b := rows(t, f, "/v2/hourly-ohlcv?symbol=BTC&startDate=2025-07-01&endDate=2025-07-30&limit=1000"); len(b.Data) != 720 {
		t.Error("30 days are", len(b.Data), "hours")
	}
	if b := rows(t, f, "/v2/daily-ohlcv?symbol=BTC&start_date=2024-02-01&end_date=2024-02-29"); len(b.Data) != 28 || len(b.Pagination.Warnings) != 1 || !strings.Contains(b.Pagination.Warnings[0], "BTC 2024-02-10") {
		t.Error("a missing day is not told", len(b.Data), b.Pagination)
	}
	today := rows(t, f, "/v2/daily-ohlcv?symbol=BTC&startDate=2025-09-01&endDate=2026-09-01")
	if today.Data[0]["DATE"] != "2025-09-09T00:00:00.000Z" {
		t.Error("the open bar is told as if it were over:", today.Data[0])
	}
	if w := get(f, "/v2/daily-ohlcv?startDate=2025-02-01&endDate=2025-01-01"); w.Code != 400 {
		t.Error("a range that ends before it begins:", w.Code)
	}
}

// The official chunkers cut two months into pieces; together they get every day.
func TestTheClientsChunksGiveTheWholeRange(t *testing.T) {
	f := newFace(t)
	for name, chunks := range map[string][][2]string{
		"js":     {{"2025-07-01", "2025-07-30"}, {"2025-07-31", "2025-08-29"}, {"2025-08-30", "2025-08-31"}},
		"python": {{"2025-07-01", "2025-07-30"}, {"2025-07-30", "2025-08-28"}, {"2025-08-28", "2025-08-31"}},
	} {
		days := map[any]bool{}
		n := 0
		for _, c := range chunks {
			for _, r := range rows(t, f, "/v2/daily-ohlcv?symbol=BTC&limit=100&page=0&startDate="+c[0]+"&endDate="+c[1]).Data {
				days[r["DATE"]] = true
				n++
			}
		}
		if len(days) != 62 || name == "js" && n != 62 || name == "python" && n != 64 {
			t.Errorf("%s: %d days in %d rows", name, len(days), n)
		}
	}
}

func TestSelectorsNarrowEachOther(t *testing.T) {
	f := newFace(t)
	for target, want := range map[string]string{
		"symbol=btc,%20eth":              "BTC ETH",
		"symbol=xbt":                     "BTC",
		"symbols=BTC&token_id=3306":      "",
		"token_id=3375&symbol=BTC":       "BTC",
		"tokenId=3306,3375":              "BTC ETH",
		"tokenid=1":                      "",
		"symbol=beam":                    "BEAMX BEAM",
		"symbol=beam&limit=1":            "BEAMX",
		"token_name=bitcoin,Ether":       "BTC ETH",
		"slug=bitcoin,beam-merit-circle": "BTC BEAMX",
		"blockchain_address=ethereum:0x62d0a8458ed7719fdaf978fe5929c6d342b0bfce": "BEAMX",
		"blockchainAddress=polygon:0x62d0a8458ed7719fdaf978fe5929c6d342b0bfce":   "",
		"category=Layer%201":                      "BTC ETH",
		"category=proof-of-work,stablecoin":       "BTC USDT",
		"exchange=binance":                        "BTC",
		"exchange=Kraken,binance&market_cap=1e12": "BTC",
		"marketcap=100000000000":                  "BTC ETH",
		"volume=10000000000":                      "BTC",
		"fdv=1":                                   "BTC",
		"":                                        "BTC ETH BEAMX BEAM USDT",
	} {
		var got []string
		for _, r := range rows(t, f, "/v2/tokens?"+target).Data {
			s := r["TOKEN_SYMBOL"].(string)
			if r["TOKEN_NAME"] == "Beam (Merit Circle)" {
				s = "BEAMX"
			}
			got = append(got, s)
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s: %v, want %s", target, got, want)
		}
	}
}

func TestANumberOfOursStaysWithItsAsset(t *testing.T) {
	w := newWorld(t)
	ids := func(o Options) map[string]int {
		out := map[string]int{}
		for _, tk := range New(o).book.tokens {
			out[string(tk.Code)] = tk.id
		}
		return out
	}
	before := ids(w.options())
	slices.Reverse(w.assets)
	w.assets = w.assets[1:]
	after := ids(w.options())
	for code, id := range after {
		if before[code] != id || id <= firstOwn && code != "BTC" && code != "ETH" || id > 1<<31-1 {
			t.Errorf("%s was %d and is %d", code, before[code], id)
		}
	}
	o := w.options()
	o.IDs = map[asset.Code]int{"BEAM": 4242}
	if ids(o)["BEAM"] != 4242 {
		t.Error("an id of the settings is not used")
	}
}

func TestFourYearsAreOneCall(t *testing.T) {
	f := newFace(t)
	b := rows(t, f, "/v2/daily-ohlcv?token_id=3375&startDate=2021-01-01&endDate=2024-12-31")
	if len(b.Data) != 1460 || !strings.Contains(b.Pagination.Warnings[0], "BTC 2024-02-10") || b.Pagination.HasMore {
		t.Error(len(b.Data), "days, want 1460 and one that is told missing", b.Pagination)
	}
}

func TestVersion3HasItsOwnNames(t *testing.T) {
	f := newFace(t)
	for path, want := range map[string][]string{
		"tokens?symbol=BTC":           {"token_id", "token_name", "token_symbol", "slug", "current_price", "market_cap", "total_volume", "fully_diluted_valuation", "high_24_h", "low_24_h", "price_change_percentage_24_h_in_currency", "circulating_supply", "total_supply", "max_supply", "contract_address", "exchange_list", "category_list", "app_link", "updated_at"},
		"trading-signals?symbol=BTC":  {"token_id", "token_name", "token_symbol", "slug", "date", "trading_signal", "token_signal_str", "token_trend", "token_trend_str", "trading_signals_returns", "holding_returns", "tm_grade", "fundamental_grade", "app_link"},
		"tm-grade-history?symbol=BTC": {"token_id", "token_name", "token_symbol", "slug", "date", "tm_grade", "tm_grade_signal", "tm_grade_24h_pct_change", "tm_trader_grade_24_h_change", "quant_grade", "momentum", "trading_signal", "token_signal_str", "app_link"},
	} {
		b := rows(t, f, "/v3/"+path)
		if len(b.Data) == 0 {
			t.Errorf("%s: no rows", path)
			continue
		}
		for _, n := range want {
			if _, ok := b.Data[0][n]; !ok {
				t.Errorf("%s: no %s in %v", path, n, b.Data[0])
			}
		}
		for n := range b.Data[0] {
			if n != strings.ToLower(n) {
				t.Errorf("%s: %s is no name of version 3", path, n)
			}
		}
	}
	short, long := rows(t, f, "/v3/tokens?symbol=BTC"), rows(t, f, "/v3/tokens?symbol=BTC&expand=exchange_list,category_list")
	if short.Data[0]["exchange_list"].([]any)[0] != "binance" || long.Data[0]["exchange_list"].([]any)[0].(map[string]any)["exchange_name"] != "Binance" {
		t.Error(short.Data[0]["exchange_list"], long.Data[0]["exchange_list"])
	}
	for in, want := range map[string]string{"VOLUME_24H": "volume_24_h", "TM_GRADE_24h_PCT_CHANGE": "tm_grade_24h_pct_change", "24H": "24_h", "1M": "1_m", "VOL_10": "vol_10"} {
		if snake(in) != want {
			t.Errorf("%s became %s", in, snake(in))
		}
	}
}

// A position is taken after the close that told it: what came later must not change what
// was said before, and a day's own change is not in its return.
func TestTheBaselineOfSignalsSeesNoFuture(t *testing.T) {
	w := newWorld(t)
	f := New(w.options())
	ctx := t.Context()
	tk := &f.book.tokens[0]
	bars, err := f.bars(ctx, tk, daily, since, time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	whole := signals(tk, bars, daily, dailyLook, since)
	for _, n := range []int{100, 500, 1200} {
		part := signals(tk, bars[:n], daily, dailyLook, since)
		last := part[len(part)-1]
		i := slices.IndexFunc(whole, func(s signal) bool { return s.at.Equal(last.at) })
		if s := whole[i]; s.event != last.event || s.trend != last.trend || s.returns != last.returns || s.holding != last.holding {
			t.Errorf("after %d bars: %+v, with the future known %+v", n, last, s)
		}
	}
	events := 0
	for i := 1; i < len(whole); i++ {
		if turned := whole[i].trend != whole[i-1].trend; turned != (whole[i].event != 0) {
			t.Error("an event without a turn, or a turn without an event", whole[i])
		} else if turned {
			events++
		}
	}
	if events < 5 {
		t.Error("only", events, "events: nothing was tried")
	}
	if whole[0].returns != 0 || whole[0].holding != 0 {
		t.Error("a return on the first day", whole[0])
	}
}

func TestWithoutEnginesPathsAreHonestlyEmpty(t *testing.T) {
	o := newWorld(t).options()
	o.Market, o.Grades = nil, nil
	f := New(o)
	for name := range f.routes {
		target := "/v2/" + name
		if name == "indices-holdings" {
			target += "?id=1"
		}
		if name == "hourly-trading-signals" {
			target += "?token_id=3375"
		}
		b := rows(t, f, target)
		if len(b.Data) == 0 && !strings.Contains(*b.Message, "made up") && !strings.Contains(*b.Message, "No ") {
			t.Errorf("%s says nothing about why it is empty: %s", name, *b.Message)
		}
	}
	if b := rows(t, f, "/v2/price?symbol=BTC"); len(b.Data) != 1 || b.Data[0]["CURRENT_PRICE"] != 112345.60 {
		t.Error("a price without figures:", b.Data)
	}
}

func TestOtherForms(t *testing.T) {
	f := newFace(t)
	const target = "/v2/tokens?symbol=BTC,ETH"
	w := get(f, target, "Accept", "text/csv")
	list, err := csv.NewReader(w.Body).ReadAll()
	if err != nil || len(list) != 3 || list[1][1] != "Bitcoin" || !strings.HasPrefix(w.Header().Get("Content-Type"), "text/csv") {
		t.Error(list, err)
	}
	w = get(f, target, "Accept", "application/x-ndjson")
	if lines := strings.Split(strings.TrimSpace(w.Body.String()), "\n"); len(lines) != 2 || !json.Valid([]byte(lines[1])) {
		t.Error(lines)
	}
	for _, path := range []string{target, "/v2/indices", "/v2/correlation"} {
		w = get(f, path, "Accept", "application/xml")
		for d := xml.NewDecoder(w.Body); ; {
			if _, err := d.Token(); err == io.EOF {
				break
			} else if err != nil {
				t.Fatal(path, err)
			}
		}
	}
	tag := get(f, target).Header().Get("ETag")
	if w := get(f, target, "If-None-Match", tag); tag == "" || w.Code != 304 || w.Body.Len() > 0 {
		t.Error("the same answer is sent again", w.Code)
	}
	if b := rows(t, f, "/v2/tm-grade?symbol=BTC&numbers=string"); b.Data[0]["TM_GRADE"] == nil {
		t.Error("no grade")
	} else if _, ok := b.Data[0]["TM_GRADE"].(string); !ok {
		t.Error("a grade is not text:", b.Data[0])
	}
}

func TestAnUnknownParameterIsNamed(t *testing.T) {
	b := rows(t, newFace(t), "/v2/price?symbol=BTC&colour=red")
	if len(b.Data) != 1 || len(b.Pagination.Warnings) != 1 || !strings.Contains(b.Pagination.Warnings[0], "colour") {
		t.Error(b.Pagination)
	}
}
