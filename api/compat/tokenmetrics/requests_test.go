package tokenmetrics

import (
	"bufio"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"
)

// What the official clients send, as it was recorded, by client.
var recorded = map[string]string{
	"js 1.0.3": `/v2/tokens?symbol=BTC,ETH
/v2/hourly-ohlcv?symbol=BTC&startDate=2025-07-01&endDate=2025-07-30&limit=1000&page=0
/v2/hourly-ohlcv?symbol=BTC&startDate=2025-07-31&endDate=2025-08-29&limit=1000&page=0
/v2/hourly-ohlcv?symbol=BTC&startDate=2025-08-30&endDate=2025-08-31&limit=1000&page=0
/v2/daily-ohlcv?symbol=BTC&startDate=2025-07-01&endDate=2025-07-10&limit=100&page=0
/v2/investor-grades?symbol=BTC&limit=1000&page=0
/v2/trader-grades?symbol=BTC&limit=1000&page=0
/v2/trader-indices?limit=1000&page=0
/v2/investor-indices?limit=1000&page=0
/v2/market-metrics?limit=1000&page=0
/v2/ai-reports?limit=1000&page=0&symbol=BTC
/v2/trading-signals?symbol=BTC&signal=1&limit=1000&page=0
/v2/crypto-investors?limit=1000&page=0
/v2/top-market-cap-tokens?top_k=100&page=0
/v2/resistance-support?limit=1000&page=0&symbol=BTC
/v2/price?limit=1000&symbol=BTC&page=0
/v2/sentiments?limit=1000&symbol=BTC&page=0
/v2/quantmetrics?limit=1000&symbol=BTC&page=0
/v2/scenario-analysis?limit=1000&page=0&symbol=BTC
/v2/correlation?limit=1000&base_symbol=BTC&quote_symbol=ETH&page=0
/v2/index-holdings?limit=1000&page=0&index_id=1
/v2/sector-indices-holdings?limit=1000&page=0&index_id=1
/v2/indices-performance?limit=1000&page=0
/v2/index-specific-performance?limit=1000&index_id=1&page=0
/v2/indices-transaction?limit=1000&index_id=1&page=0
/v2/sector-index-transaction?limit=1000&index_id=1&page=0`,
	"ts 3.2.0": `/v2/tm-grade?symbol=BTC&limit=50&page=1
/v2/tm-grade-history?symbol=BTC&startDate=2025-07-01&endDate=2025-07-30&limit=50&page=1
/v2/tm-grade-history?symbol=BTC&startDate=2025-07-31&endDate=2025-08-15&limit=50&page=1
/v2/technology-grade?symbol=ETH&limit=50&page=1
/v2/technology-grade-history?symbol=ETH&limit=50&page=1
/v2/fundamental-grade?token_name=Bitcoin&limit=50&page=1
/v2/fundamental-grade-history?symbol=ETH&limit=50&page=1
/v2/moonshot-tokens?type=active
/v2/price-prediction?symbol=BTC
/v2/indices?indicesType=active
/v2/indices-holdings?id=1
/v2/indices-performance?id=1&limit=50&page=1
/v2/hourly-trading-signals?token_id=3375
/v2/top-market-cap-tokens?top_k=10`,
	"python 0.4.0": `/v2/tokens?symbol=BTC&limit=1000&page=0
/v2/trading-signals?symbol=BTC&limit=1000&page=0
/v2/hourly-ohlcv?symbol=BTC&limit=1000&page=0
/v2/daily-ohlcv?symbol=BTC&limit=1000&page=0
/v2/investor-grades?symbol=BTC&limit=1000&page=0
/v2/trader-grades?symbol=BTC&limit=1000&page=0
/v2/trader-indices?limit=1000&page=0
/v2/market-metrics?limit=1000&page=0
/v2/ai-reports?symbol=BTC&limit=1000&page=0`,
	"others": `/v2/technology-grade-history?symbol=BTC&limit=5`,
	"mcp 1.5.0": `/v2/tokens?token_name=Bitcoin,Ethereum&category=layer-1&limit=50&page=1
/v2/price?token_id=3375
/v2/hourly-ohlcv?token_id=3375&startDate=2025-09-01&endDate=2025-09-02&limit=50&page=1
/v2/daily-ohlcv?token_id=3375&startDate=2025-09-01&endDate=2025-09-02
/v2/investor-grades?symbol=BTC&category=layer-1&exchange=binance&marketcap=1000&fdv=1000&volume=1000&investorGrade=10&limit=50&page=1
/v2/market-metrics?startDate=2025-09-01&endDate=2025-09-30
/v2/trading-signals?token_id=3375&startDate=2025-08-01&endDate=2025-08-30&signal=-1
/v2/hourly-trading-signals?token_id=3375&limit=50&page=1
/v2/ai-reports?token_id=3375
/v2/crypto-investors?limit=50&page=1
/v2/top-market-cap-tokens?top_k=50&page=1
/v2/resistance-support?token_id=3375&symbol=BTC
/v2/sentiments
/v2/quantmetrics?symbol=BTC&marketcap=1000
/v2/scenario-analysis?token_id=3375
/v2/correlation?token_id=3375&category=layer-1
/v2/indices?indicesType=passive
/v2/indices-holdings?id=1
/v2/indices-performance?id=1&startDate=2025-09-01&endDate=2025-09-02
/v2/moonshot-tokens?type=past&limit=50&page=1
/v2/tm-grade?token_id=3375
/v2/tm-grade-history?token_id=3375&startDate=2025-08-01&endDate=2025-08-02
/v2/technology-grade?token_id=3375&symbol=BTC&startDate=2025-09-01&endDate=2025-09-10`,
}

// shapes are the fields of version 2 that clients read, with their types: i whole number, n
// number, s text, a list, o object; ? may be null.
var shapes = map[string]string{
	"tokens":                    "TOKEN_ID:i TOKEN_NAME:s TOKEN_SYMBOL:s EXCHANGE_LIST:a CATEGORY_LIST:a CONTRACT_ADDRESS:o TM_LINK:s",
	"top-market-cap-tokens":     "TOKEN_ID:i TOKEN_NAME:s TOKEN_SYMBOL:s EXCHANGE_LIST:a CATEGORY_LIST:a TM_LINK:s",
	"price":                     "TOKEN_ID:i TOKEN_NAME:s TOKEN_SYMBOL:s CURRENT_PRICE:n",
	"daily-ohlcv":               "TOKEN_ID:i TOKEN_NAME:s TOKEN_SYMBOL:s DATE:s TIMESTAMP:s OPEN:n HIGH:n LOW:n CLOSE:n VOLUME:n",
	"hourly-ohlcv":              "TOKEN_ID:i TOKEN_NAME:s TOKEN_SYMBOL:s DATE:s TIMESTAMP:s OPEN:n HIGH:n LOW:n CLOSE:n VOLUME:n",
	"trader-grades":             "TOKEN_ID:i TOKEN_NAME:s TOKEN_SYMBOL:s DATE:s TA_GRADE:n QUANT_GRADE:n TM_TRADER_GRADE:n TM_TRADER_GRADE_24H_PCT_CHANGE:n?",
	"investor-grades":           "TOKEN_ID:i TOKEN_NAME:s TOKEN_SYMBOL:s DATE:s TM_INVESTOR_GRADE:n TM_INVESTOR_GRADE_7D_PCT_CHANGE:n? FUNDAMENTAL_GRADE:n TECHNOLOGY_GRADE:n? VALUATION_GRADE:n DEFI_USAGE_SCORE:n? COMMUNITY_SCORE:n? EXCHANGE_SCORE:n? VC_SCORE:n? TOKENOMICS_SCORE:n? DEFI_SCANNER_SCORE:n? ACTIVITY_SCORE:n? SECURITY_SCORE:n? REPOSITORY_SCORE:n? COLLABORATION_SCORE:n?",
	"tm-grade":                  "TOKEN_ID:i TOKEN_NAME:s TOKEN_SYMBOL:s FUNDAMENTAL_GRADE:n TM_GRADE:n TM_GRADE_24h_PCT_CHANGE:n TM_TRADER_GRADE_24H_CHANGE:n FUNDAMENTAL_GRADE_CLASS:s TM_GRADE_SIGNAL:s MOMENTUM:s",
	"tm-grade-history":          "TOKEN_ID:i TOKEN_NAME:s TOKEN_SYMBOL:s DATE:s FUNDAMENTAL_GRADE:n TM_GRADE:n TM_GRADE_24h_PCT_CHANGE:n TM_TRADER_GRADE_24H_CHANGE:n FUNDAMENTAL_GRADE_CLASS:s TM_GRADE_SIGNAL:s MOMENTUM:s QUANT_GRADE:n TRADING_SIGNAL:i?",
	"technology-grade":          "TOKEN_ID:i TOKEN_NAME:s TOKEN_SYMBOL:s DATE:s TECHNOLOGY_GRADE:n ACTIVITY_SCORE:n? SECURITY_SCORE:n? REPOSITORY_SCORE:n? COLLABORATION_SCORE:n? DEFI_SCANNER_SCORE:n?",
	"technology-grade-history":  "TOKEN_ID:i TOKEN_NAME:s TOKEN_SYMBOL:s DATE:s TECHNOLOGY_GRADE:n ACTIVITY_SCORE:n? SECURITY_SCORE:n? REPOSITORY_SCORE:n? COLLABORATION_SCORE:n? DEFI_SCANNER_SCORE:n?",
	"fundamental-grade":         "TOKEN_ID:i TOKEN_NAME:s TOKEN_SYMBOL:s FUNDAMENTAL_GRADE:n FUNDAMENTAL_GRADE_CLASS:s COMMUNITY_SCORE:n? EXCHANGE_SCORE:n? VC_SCORE:n? TOKENOMICS_SCORE:n? DEFI_SCANNER_SCORE:n?",
	"fundamental-grade-history": "TOKEN_ID:i TOKEN_NAME:s TOKEN_SYMBOL:s DATE:s FUNDAMENTAL_GRADE:n FUNDAMENTAL_GRADE_CLASS:s COMMUNITY_SCORE:n? EXCHANGE_SCORE:n? VC_SCORE:n? TOKENOMICS_SCORE:n? DEFI_SCANNER_SCORE:n?",
	"trading-signals":           "TOKEN_ID:i TOKEN_NAME:s TOKEN_SYMBOL:s DATE:s TRADING_SIGNAL:i TOKEN_TREND:i TRADING_SIGNALS_RETURNS:n HOLDING_RETURNS:n TM_TRADER_GRADE:n? TM_INVESTOR_GRADE:n? TM_LINK:s METHOD:s",
	"hourly-trading-signals":    "TOKEN_ID:i TOKEN_NAME:s TOKEN_SYMBOL:s TIMESTAMP:s CLOSE:n SIGNAL:s POSITION:s METHOD:s",
	"market-metrics":            "DATE:s TOTAL_CRYPTO_MCAP:n TM_GRADE_PERC_HIGH_COINS:n TM_GRADE_SIGNAL:i? LAST_TM_GRADE_SIGNAL:i? RECT_SIGNAL:n? ALTS_MARKET_CAP:n BTC_PRICE:n BTC_MARKET_CAP:n VOL_INDEX:n? VOL_10:n? VOL_90:n? ALTS_INDICATOR:n? ABOVE_MA:n? FEAR_AND_GREED_VALUE:n?",
	"resistance-support":        "TOKEN_ID:i TOKEN_NAME:s TOKEN_SYMBOL:s DATE:s HISTORICAL_RESISTANCE_SUPPORT_LEVELS:a",
	"quantmetrics":              "TOKEN_ID:i TOKEN_NAME:s TOKEN_SYMBOL:s DATE:s VOLATILITY:n ALL_TIME_RETURN:n CAGR:n SHARPE:n SORTINO:n MAX_DRAWDOWN:n SKEW:n TAIL_RATIO:n RISK_REWARD_RATIO:n PROFIT_FACTOR:n KURTOSIS:n DAILY_VALUE_AT_RISK:n DAILY_RETURN_AVG:n DAILY_RETURN_STD:n EXPECTED_SHORTFALL_CVAR:n",
	"scenario-analysis":         "TOKEN_ID:i TOKEN_NAME:s TOKEN_SYMBOL:s DATE:s SCENARIO_ANALYSIS:a SCENARIO_PREDICTION:o METHOD:s",
	"price-prediction":          "TOKEN_ID:i TOKEN_NAME:s TOKEN_SYMBOL:s DATE:s PRICE_PREDICTION:o METHOD:s",
	"correlation":               "TOKEN_ID:i TOKEN_NAME:s TOKEN_SYMBOL:s DATE:s TOP_CORRELATION:a",
}

// Everything the official clients ask is answered, with the fields they read in the types
// they expect; paths without data here have no rows and say why.
func TestTheClientsRequestsAreAnswered(t *testing.T) {
	f := newFace(t)
	asked, withRows := 0, map[string]bool{}
	for client, list := range recorded {
		for target := range strings.SplitSeq(list, "\n") {
			asked++
			b := rows(t, f, target)
			if len(b.Pagination.Warnings) > 0 && strings.Contains(b.Pagination.Warnings[0], "ignored") {
				t.Errorf("%s: %s: a parameter of an official client is not known: %v", client, target, b.Pagination.Warnings)
			}
			_, name, _ := address(strings.SplitN(target, "?", 2)[0])
			shape, ok := shapes[name]
			if !ok {
				if len(b.Data) != 0 || !strings.Contains(*b.Message, "No number is made up") {
					t.Errorf("%s: %s has rows of nothing, or no reason: %v", client, target, *b.Message)
				}
				continue
			}
			if len(b.Data) > 0 {
				withRows[name] = true
			}
			for _, r := range b.Data {
				checkRow(t, target, shape, r)
			}
			v3 := rows(t, f, "/v3/"+strings.TrimPrefix(target, "/v2/"))
			if len(v3.Data) != len(b.Data) {
				t.Errorf("%s: %d rows in version 2 and %d in version 3", target, len(b.Data), len(v3.Data))
			}
		}
	}
	if asked != 26+14+9+23+1 {
		t.Errorf("%d requests were tried", asked)
	}
	for name := range shapes {
		if !withRows[name] {
			t.Errorf("no request had rows of %s: its fields were not checked", name)
		}
	}
}

func checkRow(t *testing.T, target, shape string, r map[string]any) {
	t.Helper()
	fields := strings.Fields(shape)
	if len(fields) != len(r) {
		t.Errorf("%s: %d fields, want %d: %v", target, len(r), len(fields), r)
	}
	for _, s := range fields {
		name, kind, _ := strings.Cut(s, ":")
		v, ok := r[name]
		if !ok {
			t.Errorf("%s: no %s", target, name)
			continue
		}
		if v == nil {
			ok = strings.HasSuffix(kind, "?")
		} else {
			switch kind[0] {
			case 'i':
				n, is := v.(float64)
				ok = is && n == float64(int64(n))
			case 'n':
				_, ok = v.(float64)
			case 's':
				_, ok = v.(string)
			case 'a':
				_, ok = v.([]any)
			case 'o':
				_, ok = v.(map[string]any)
			}
		}
		if !ok {
			t.Errorf("%s: %s is %v, want %s", target, name, v, kind)
		}
	}
}

// Three hundred requests with a mistake in each: all are refused in this API's form, none
// with a fault of ours.
func TestBadRequestsAreRefusedInTheApisForm(t *testing.T) {
	f := newFace(t)
	rng := rand.New(rand.NewPCG(7, 11))
	pick := func(list ...string) string { return list[rng.IntN(len(list))] }
	names := strings.Fields("price daily-ohlcv hourly-ohlcv trader-grades investor-grades tm-grade tm-grade-history technology-grade trading-signals quantmetrics correlation tokens resistance-support scenario-analysis ai-reports price-prediction")
	junk := func() string {
		n := 1 + rng.IntN(30)
		b := make([]byte, n)
		for i := range b {
			b[i] = byte(rng.IntN(256))
		}
		return url.QueryEscape("x" + string(b))
	}
	mistakes := []func() (method, target, body string){
		func() (string, string, string) { return "GET", pick(names...) + "?limit=" + junk(), "" },
		func() (string, string, string) {
			return "GET", pick(names...) + "?limit=" + pick("0", "-1", "1e3", "99999999999999999999", "5,6"), ""
		},
		func() (string, string, string) {
			return "GET", pick(names...) + "?page=" + pick("-1", "one", "1.5", "99999999999", junk()), ""
		},
		func() (string, string, string) { return "GET", pick(names...) + "?token_id=3375," + junk(), "" },
		func() (string, string, string) {
			return "GET", pick("daily-ohlcv", "hourly-ohlcv", "trading-signals", "tm-grade-history", "market-metrics") + "?" + pick("startDate", "end_date", "endDate") + "=" + pick("yesterday", "2025-13-01", "2025-02-30", "20250101", "1900-01-01", junk()), ""
		},
		func() (string, string, string) {
			return "GET", "daily-ohlcv?startDate=2025-03-01&endDate=2025-02-01", ""
		},
		func() (string, string, string) {
			return "GET", pick("tokens", "quantmetrics", "trading-signals") + "?" + pick("marketcap", "volume", "fdv", "market_cap") + "=" + pick("big", "NaN", "Inf", junk()), ""
		},
		func() (string, string, string) {
			return "GET", "trading-signals?signal=" + pick("2", "buy", junk()), ""
		},
		func() (string, string, string) { return "GET", "indices?indicesType=" + junk(), "" },
		func() (string, string, string) {
			return "GET", "moonshot-tokens?" + pick("type", "sort_by") + "=" + junk(), ""
		},
		func() (string, string, string) {
			return "GET", "indices-holdings" + pick("", "?id="+junk(), "?id="), ""
		},
		func() (string, string, string) {
			return "GET", "hourly-trading-signals" + pick("", "?symbol=", "?limit=5"), ""
		},
		func() (string, string, string) { return "GET", "trader-grades?traderGrade=" + junk(), "" },
		func() (string, string, string) { return "GET", "tokens?expand=" + junk(), "" },
		func() (string, string, string) { return "GET", junk(), "" },
		func() (string, string, string) { return "GET", "price?symbol=%" + pick("zz", "1", "%"), "" },
		func() (string, string, string) { return pick("POST", "PUT", "DELETE", "PATCH"), pick(names...), "{}" },
		func() (string, string, string) {
			return "POST", "tmai", pick("", "[]", "{", "{\"messages\":1}", "{\"messages\":[{}]}", "\x00", "{\"messages\":[]}")
		},
		func() (string, string, string) {
			return "POST", "tmai", `{"messages":[{"user":"` + strings.Repeat("a", maxChat) + `"}]}`
		},
		func() (string, string, string) { return "GET", "price?symbol=" + strings.Repeat("A,", 600), "" },
		func() (string, string, string) { return "GET", "price?symbol=" + strings.Repeat("A", maxValue+1), "" },
		func() (string, string, string) {
			var b strings.Builder
			for i := range maxParams + 1 {
				fmt.Fprintf(&b, "&p%d=1", i)
			}
			return "GET", "price?" + b.String()[1:], ""
		},
	}
	for i := range 300 {
		method, target, body := mistakes[i%len(mistakes)]()
		r := &http.Request{Method: method, URL: &url.URL{Path: "/" + pick("v2", "v3") + "/"}, Header: http.Header{}, Body: http.NoBody}
		path, query, _ := strings.Cut(target, "?")
		r.URL.Path += path
		r.URL.RawQuery = query
		if body != "" {
			r = httptest.NewRequest(method, "/v2/tmai", strings.NewReader(body))
			r.URL.Path = "/v2/" + path
		}
		w := httptest.NewRecorder()
		f.ServeHTTP(w, r)
		var e struct {
			Success *bool
			Message string
			Data    []any
			Error   struct{ Code string }
		}
		if err := json.Unmarshal(w.Body.Bytes(), &e); err != nil || e.Success == nil || *e.Success || e.Message == "" || e.Data == nil || e.Error.Code == "" {
			t.Errorf("%s %s: the refusal is not in form: %v %.200s", method, target, err, w.Body)
		}
		if w.Code < 400 || w.Code > 499 {
			t.Errorf("%s %.200s: %d %.200s", method, target, w.Code, w.Body)
		}
	}
}

// A client behind a proxy writes the whole address into the request line.
func TestTheWholeAddressInTheRequestLineIsUnderstood(t *testing.T) {
	mux := http.NewServeMux()
	mux.Handle("/v2/", newFace(t))
	s := httptest.NewServer(mux)
	defer s.Close()
	c, err := net.Dial("tcp", s.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(10 * time.Second)) //nolint:errcheck // a bound for a broken test only
	fmt.Fprintf(c, "GET https://api.tokenmetrics.com/v2/price?symbol=BTC HTTP/1.1\r\nHost: api.tokenmetrics.com\r\nx-integration: mcp\r\n\r\n")
	res, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var b body
	if err := json.NewDecoder(res.Body).Decode(&b); err != nil || res.StatusCode != 200 || len(b.Data) != 1 || b.Data[0]["TOKEN_ID"] != 3375.0 {
		t.Error(res.Status, err, b.Data)
	}
}

// No text of a caller brings the face down, and every answer is JSON with a message.
func FuzzQuery(f *testing.F) {
	face := newFace(f)
	for _, list := range recorded {
		for target := range strings.SplitSeq(list, "\n") {
			path, query, _ := strings.Cut(strings.TrimPrefix(target, "/v2/"), "?")
			f.Add(path, query)
		}
	}
	f.Fuzz(func(t *testing.T, path, query string) {
		r := httptest.NewRequest("GET", "/v2/", nil)
		r.URL.Path, r.URL.RawQuery = "/v3/"+path, query
		w := httptest.NewRecorder()
		face.ServeHTTP(w, r)
		var e struct{ Message string }
		if w.Code >= 500 || json.Unmarshal(w.Body.Bytes(), &e) != nil || e.Message == "" {
			t.Errorf("%q %q: %d %.300s", path, query, w.Code, w.Body)
		}
	})
}
