package prometheus

import (
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/assayhq/assay/api/compat/compattest"
	"github.com/assayhq/assay/fault"
)

func open(t *testing.T) http.Handler {
	w := compattest.New(t)
	return New(Options{Board: w, History: w.History, Candles: w.History, Version: "1.2.3"})
}

func TestGoldenAnswers(t *testing.T) {
	const b = "/compat/prometheus/api/v1/"
	now := compattest.Noon.Unix()
	q := func(text string) string {
		return fmt.Sprintf("%squery?time=%d&query=%s", b, now, url.QueryEscape(text))
	}
	r := func(text string, from int64, step string) string {
		return fmt.Sprintf("%squery_range?start=%d&end=%d&step=%s&query=%s", b, from, now, step, url.QueryEscape(text))
	}
	compattest.Golden(t, open(t), "answers", q("1+1"), q(`"text"`), q("assay_price"), q(`assay_price{asset="BTC"} offset 5m`), q(`assay_candle_close{venue="kraken",interval="1m"}[3m]`), q(`assay_volume`), q(`rate(assay_volume{venue="kraken"}[10m]) * 60`),
		q(`increase(assay_volume{venue="kraken"}[10m])`), q(`delta(assay_price{asset="ETH"}[5m])`), q(`max_over_time(assay_price[5m]) - min_over_time(assay_price[5m])`), q(`sum by (venue) (assay_candle_trades{interval="1m"})`), q(`avg(assay_price)`), q(`topk(1, assay_price)`),
		q(`count without (pair, interval) (assay_candle_open)`), q(`assay_price > 10000`), q(`assay_price > bool 10000`), q(`assay_candle_close{interval="1m"} / on (venue, pair) assay_candle_open{interval="1h"}`), q(`-assay_price{asset="ETH"} ^ 2`), q(`assay_venue_up == 0`), q(`vector(time())`), q(`scalar(assay_price{asset="ETH"}) % 7`), q(`1/0`),
		r(`assay_price{asset="BTC"}`, now-180, "60"), r(`sum(assay_price)`, now-60, "1m"), r(`time()`, now-1, "0.5"), b+"series?match[]=assay_price", b+"labels", b+"labels?match[]=assay_venue_up", b+"label/venue/values", b+"label/__name__/values", b+"metadata?metric=assay_volume", b+"status/buildinfo",
		b+"format_query?query="+url.QueryEscape(`sum(rate(assay_volume{pair=~"BTC.*"}[1h30m]offset 1d))by(venue)>bool 0.5`), "/api/v1/query?query=1&time=2026-03-01T12:00:00Z")
}

func TestGoldenRefusals(t *testing.T) {
	const b = "/compat/prometheus/api/v1/"
	var targets []string
	for _, text := range []string{"", "1+", "foo(1)", "sum(", "a and b", "a[5m:1m]", "a @ 5", "rate(a)", "a[5m] + 1", `{a=~"("}`, `{a=""}`, "1 == 1", "sum by (x) (1)", "topk(assay_price)", "a{b}", "a offset x", "\"open", "1 $ 2", "a[0s]", "a[1h1h]", "a unless b", "a * on(x) group_left b", "histogram_quantile(1, a)", strings.Repeat("(", 100) + "1",
		`assay_candle_close{venue="binance"} + on (venue) assay_candle_open`} {
		targets = append(targets, b+"query?time=1772366400&query="+url.QueryEscape(text))
	}
	compattest.Golden(t, open(t), "refusals", append(targets, b+"query_range?query=1", b+"query_range?query=1&start=5&end=1&step=1", b+"query_range?query=1&start=1&end=5&step=0", b+"query_range?query=1&start=1&end=50000&step=1", b+"query_range?query=a[5m]&start=1&end=5&step=1", b+"query?query=1&time=x", b+"query?query=1&foo=1",
		b+"series", b+"series?match[]=1", b+"label/a-b/values", b+"targets", "/compat/prometheus/")...)
}

func TestAQueryMayComeInAForm(t *testing.T) {
	r := httptest.NewRequest("POST", "/api/v1/query", strings.NewReader("query=2*3&time=10"))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	w := httptest.NewRecorder()
	open(t).ServeHTTP(w, r)
	if w.Body.String() != `{"status":"success","data":{"resultType":"scalar","result":[10,"6"]}}` {
		t.Error(w.Body)
	}
}

// A counter of one unit a second, sampled each 15 s, worked by hand from the definition.
func TestRateByHand(t *testing.T) {
	var ts []int64
	var vs []float64
	for i := int64(1); i <= 20; i++ { // 15 s to 300 s
		ts, vs = append(ts, i*15_000), append(vs, float64(i*15))
	}
	near := func(what string, got, want float64) {
		if math.Abs(got-want) > 1e-9 {
			t.Errorf("%s is %v, want %v", what, got, want)
		}
	}
	v, _ := extrapolated(ts, vs, 300_000, 5*time.Minute, true, true)
	near("rate", v, 1)
	v, _ = extrapolated(ts, vs, 300_000, 5*time.Minute, true, false)
	near("increase", v, 300)
	// A reset between 150 and 165 s: 435 in all are seen from 15 s on. At that pace the
	// counter was zero 15/435 of the 285 s before, and is carried back no further.
	vs[10] = 0
	v, _ = extrapolated(ts, vs, 300_000, 5*time.Minute, true, false)
	near("increase over a reset", v, 435+15)
	if _, ok := extrapolated(ts[:1], vs[:1], 300_000, time.Minute, true, true); ok {
		t.Error("one value has no rate")
	}
	v, _ = extrapolated([]int64{100_000, 110_000}, []float64{5, 3}, 200_000, 200*time.Second, false, false)
	near("delta far from the edges", v, -2*(10+5+5)/10.0)
}

func TestADayOfAVolumeBeginsAtMidnight(t *testing.T) {
	_, body := compattest.Get(open(t), fmt.Sprintf(`/api/v1/query?time=%d&query=%s`, compattest.Noon.Unix(), url.QueryEscape(`assay_volume{venue="kraken"}`)))
	if !strings.Contains(body, `"90"`) { // sixty minutes of 1.5
		t.Error(body)
	}
}

func TestFormattedQueriesMeanTheSame(t *testing.T) {
	for _, s := range []string{"-a^2", "1-2-3", "2^3^2", "a / (b + c) * -d", "sum by (x, y) (rate(a{b!~\"c|d\"}[1h5m] offset -3m)) >= bool 2", "topk(3, a) == on (x) b", "avg without () (a)", "{__name__=\"x\"}", "round(a, 0.5)", "1e-7"} {
		e, _, err := parseQuery(s)
		if err != nil {
			t.Fatal(s, err)
		}
		again, _, err := parseQuery(e.String())
		if err != nil || again.String() != e.String() {
			t.Errorf("%s: %s, again %v %v", s, e, again, err)
		}
	}
}

func TestAQueryThatWouldComputeTooMuchIsRefused(t *testing.T) {
	w := &evaluation{ctx: t.Context()}
	if err := w.visit(maxVisits + 1); fault.Of(err) != fault.TooLarge {
		t.Error(err)
	}
}

func TestRandomBadRequestsAreRefusedInTheAPIsShape(t *testing.T) {
	var paths []string
	for _, p := range strings.Fields("query query_range series labels label/venue/values format_query metadata nowhere") {
		paths = append(paths, "/compat/prometheus/api/v1/"+p)
	}
	compattest.Abuse(t, open(t), paths, strings.Fields("query time start end step timeout match[] limit metric"), func(t *testing.T, target string, code int, body string) {
		var e struct{ Status, ErrorType, Error string }
		if json.Unmarshal([]byte(body), &e) != nil || e.Status != "error" || e.ErrorType == "" || e.Error == "" {
			t.Errorf("%.200s: %d %.200s", target, code, body)
		}
	})
}

func TestPromtoolAsksUnmodified(t *testing.T) {
	tool, err := exec.LookPath("promtool")
	if err != nil {
		t.Skip("NOT TESTED: promtool is not here (apt-get install prometheus)")
	}
	srv := httptest.NewServer(open(t))
	defer srv.Close()
	base := srv.URL + "/compat/prometheus"
	at := fmt.Sprint(compattest.Noon.Unix())
	for _, x := range []struct {
		want string
		args []string
	}{
		{`assay_price{asset="BTC", quote="USD"} => 64055.1 @[1772366400]`, []string{"query", "instant", "--time=" + at, base, `assay_price{asset="BTC"}`}},
		{"64053 @[1772366280]", []string{"query", "range", "--start=1772366220", "--end=1772366400", "--step=60s", base, `assay_price{asset="BTC"}`}},
		{`{__name__="assay_venue_up", venue="kraken"}`, []string{"query", "series", "--match=assay_venue_up", base}},
		{"kraken", []string{"query", "labels", base, "venue"}},
	} {
		out, err := exec.CommandContext(t.Context(), tool, x.args...).CombinedOutput()
		if err != nil || !strings.Contains(string(out), x.want) {
			t.Errorf("promtool %v: %v\n%s\nwant %s", x.args, err, out, x.want)
		}
	}
	out, err := exec.CommandContext(t.Context(), tool, "query", "instant", base, "rate(").CombinedOutput()
	if err == nil || !strings.Contains(string(out), "bad_data") {
		t.Errorf("a bad query: %v %s", err, out)
	}
}

func FuzzQueries(f *testing.F) {
	for _, s := range []string{"1+1", `sum by (a) (rate(b{c=~"d"}[5m] offset 1h)) > bool 2`, "-a^-b", `"x"`, "a[", "{", "1e", "0x1F", "'\\'", "topk(1,a)", "a{b='c',}", "NaN", "1h"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		e, _, err := parseQuery(s)
		if err != nil {
			if fault.Of(err) != fault.Invalid {
				t.Errorf("%q: %v", s, err)
			}
			return
		}
		again, _, err := parseQuery(e.String())
		if err != nil || again.String() != e.String() {
			t.Errorf("%q is written as %q, which is %v", s, e, err)
		}
	})
}
