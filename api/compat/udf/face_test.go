package udf

import (
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/assayhq/assay/api/compat/compattest"
	"github.com/assayhq/assay/fault"
)

func TestGoldenAnswers(t *testing.T) {
	w := compattest.New(t)
	h := New(Options{Board: w, Candles: w.History})
	const b = "/compat/udf/"
	now := compattest.Noon.Unix()
	history := func(symbol, resolution string, from, to int64, more string) string {
		return fmt.Sprintf("%shistory?symbol=%s&resolution=%s&from=%d&to=%d%s", b, symbol, resolution, from, to, more)
	}
	compattest.Golden(t, h, "answers", b+"config", b+"time", b+"symbols?symbol=kraken:BTC-USD", b+"symbols?symbol=BTC-USD", b+"search?query=btc&limit=3", b+"search?query=eth&exchange=binance&type=crypto", b+"search?query=zzz",
		history("kraken:BTC-USD", "1", now-120, now, ""), history("BTC-USD", "60", now-7200, now, "&countback=1"), history("binance:BTC-USDT", "D", 0, now, "&countback=2"),
		history("kraken:BTC-USD", "1", now+60, now+120, ""), history("kraken:BTC-USD", "1", 0, 60, ""), b+"quotes?symbols=kraken:BTC-USD,BTC-USD,nope:BTC-USD", b+"marks?symbol=BTC-USD&from=1&to=2&resolution=D", b+"timescale_marks", "/udf/time",
		history("nope:BTC-USD", "1", 1, 2, ""), history("BTC-USD", "7", 1, 2, ""), history("BTC-USD", "1", 2, 1, ""), b+"history?symbol=BTC-USD&resolution=1&to=x", b+"symbols", b+"nothing", b+"time?x=1")
}

// The protocol: a bar that opens at from is in the answer, one that opens at to is not.
func TestFromIsInclusiveAndToExclusive(t *testing.T) {
	w := compattest.New(t)
	h := New(Options{Board: w, Candles: w.History})
	from := compattest.Noon.Unix() - 300
	_, body := compattest.Get(h, fmt.Sprintf("/udf/history?symbol=kraken:BTC-USD&resolution=1&from=%d&to=%d", from, from+120))
	var got struct {
		S             string
		T             []int64
		O, H, L, C, V []float64
	}
	if err := json.Unmarshal([]byte(body), &got); err != nil {
		t.Fatal(err)
	}
	if got.S != "ok" || fmt.Sprint(got.T) != fmt.Sprint([]int64{from, from + 60}) || len(got.O) != 2 || len(got.H) != 2 || len(got.L) != 2 || len(got.C) != 2 || len(got.V) != 2 {
		t.Error(body)
	}
}

func TestFailuresOfTheWayInHaveTheProtocolsShape(t *testing.T) {
	w := httptest.NewRecorder()
	Fail(w, nil, 429, fault.New(fault.Exhausted, "too much"))
	if w.Code != 429 || w.Body.String() != `{"s":"error","errmsg":"too much"}` {
		t.Error(w.Code, w.Body)
	}
}

func TestRandomBadRequestsAreRefusedInTheProtocolsShape(t *testing.T) {
	w := compattest.New(t)
	h := New(Options{Board: w, Candles: w.History})
	var paths []string
	for _, p := range strings.Fields("config time symbols search history quotes marks timescale_marks nowhere") {
		paths = append(paths, "/compat/udf/"+p)
	}
	compattest.Abuse(t, h, paths, strings.Fields("symbol resolution from to countback query limit symbols type exchange"), func(t *testing.T, target string, code int, body string) {
		var e struct{ S, ErrMsg string }
		if json.Unmarshal([]byte(body), &e) != nil || e.S != "error" || e.ErrMsg == "" {
			t.Errorf("%.200s: %d %.200s", target, code, body)
		}
	})
}

func FuzzResolutions(f *testing.F) {
	for _, s := range names() {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if i, err := interval(s); (err == nil) != (i != "") {
			t.Errorf("%q: %q, %v", s, i, err)
		}
	})
}
