package venue_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/assayhq/assay/fault"
	"github.com/assayhq/assay/market/venue"
	"github.com/assayhq/assay/trading"
)

func TestRowsAreFoundByPath(t *testing.T) {
	const body = `{"a":{"list":[{"x":"1","in":{"y":2,"deep":{"z":null,"w":"3"}},"skip":{"y":9}},["p",4]]},"m":{"k1":{"v":true},"k2":{"v":false}}}`
	for _, c := range []struct{ path, inside, want string }{
		{"a.list", "in", "map[in.w:3 in.y:2 x:1] map[0:p 1:4]"},
		{"a.list", "", "map[x:1] map[0:p 1:4]"},
		{"m.*", "", "map[#:k1 v:true] map[#:k2 v:false]"},
		{"a.list.1", "", ""},
		{"m", "k1", "map[k1.v:true]"},
		{"a.list.0.in", "", "map[y:2]"},
		{"nowhere.at.all", "", ""},
	} {
		got := ""
		if err := venue.Rows([]byte(body), c.path, c.inside, func(r venue.Row) error {
			if got != "" {
				got += " "
			}
			got += fmt.Sprint(map[string]string(r))
			return nil
		}); err != nil || got != c.want {
			t.Errorf("%s: %s %v, want %s", c.path, got, err, c.want)
		}
	}
	for path, found := range map[string]bool{"a.list": true, "m.*": true, "a.b": false, "x": false, "a.list.7": false, "m.k1.v": true} {
		if err := venue.AllRows([]byte(body), path, "", func(venue.Row) error { return nil }); (err == nil) != found {
			t.Errorf("%s: %v", path, err)
		}
	}
	for _, bad := range []string{"", "<html>", "{", `{"a":`, "[1", "x"} {
		if err := venue.Rows([]byte(bad), "a", "", func(venue.Row) error { return nil }); err == nil {
			t.Errorf("%q was read", bad)
		}
	}
}

func TestAmountsAreExactOrMarked(t *testing.T) {
	for text, want := range map[string]string{
		"": "0 false", "1.50": "1.50 false", "-3": "-3 false", "1e3": "1000 false",
		"0.1234567890123456789999": "0.1234567890123456789 true", "-12345678901234567.999": "-12345678901234567.99 true",
	} {
		d, cut, err := venue.Amount(text)
		if got := fmt.Sprint(d, " ", cut); err != nil || got != want {
			t.Errorf("%q: %s %v, want %s", text, got, err, want)
		}
	}
	for _, bad := range []string{"x", "1,5", "market_price", "99999999999999999999999", "NaN"} {
		if d, _, err := venue.Amount(bad); err == nil {
			t.Errorf("%q became %v", bad, d)
		}
	}
}

func TestClocksOfVenues(t *testing.T) {
	want := time.Date(2026, 1, 1, 0, 0, 0, 250e6, time.UTC)
	for text, c := range map[string]venue.TimeForm{
		"1767225600250": venue.InMillis, "1767225600250.000": venue.InMillis, "1767225600.25": venue.InSeconds, "1767225600250000": venue.InMicros,
		"1767225600250000000": venue.InNanos, "2026-01-01T00:00:00.25Z": venue.InText, "2026-01-01T09:00:00.25+09:00": venue.InText, "2026-01-01 00:00:00.250": venue.InText,
	} {
		if at, ok := c(text); !ok || !at.Equal(want) {
			t.Errorf("%s: %v %v", text, at, ok)
		}
	}
	if at, ok := venue.InMillis("0"); !ok || !at.IsZero() {
		t.Errorf("no time is %v", at)
	}
	for _, bad := range []string{"x", "-1", "99999999999999999999", "2026-13-01"} {
		for _, c := range []venue.TimeForm{venue.InMillis, venue.InText} {
			if at, ok := c(bad); ok {
				t.Errorf("%s is %v", bad, at)
			}
		}
	}
}

func TestPagesOfFillsByTimeEnd(t *testing.T) {
	from := time.UnixMilli(1000)
	page := func(ms ...int64) *trading.Account {
		a := &trading.Account{Rows: len(ms)}
		for _, m := range ms {
			a.Fills = append(a.Fills, trading.Fill{At: time.UnixMilli(m)})
		}
		return a
	}
	ask := venue.AccountAsk{What: venue.AskFills, From: from}
	if next, more := venue.NextOlder(ask, page(1900, 1500), 2); !more || next.To.UnixMilli() != 1501 {
		t.Error(next.To, more)
	}
	if next, more := venue.NextNewer(ask, page(1500, 1900), 2); !more || next.From.UnixMilli() != 1900 {
		t.Error(next.From, more)
	}
	for name, more := range map[string]bool{
		"not full":          second(venue.NextOlder(ask, page(1500), 2)),
		"no start":          second(venue.NextOlder(venue.AccountAsk{What: venue.AskFills}, page(1500, 1400), 2)),
		"one millisecond":   second(venue.NextOlder(venue.AccountAsk{What: venue.AskFills, From: from, To: time.UnixMilli(1501)}, page(1500, 1500), 2)),
		"nothing before":    second(venue.NextOlder(ask, page(1000, 999), 2)),
		"newer, not full":   second(venue.NextNewer(ask, page(1500), 2)),
		"newer, standstill": second(venue.NextNewer(ask, page(1000, 1000), 2)),
		"balances":          second(venue.NextNewer(venue.AccountAsk{From: from}, page(1500, 1900), 2)),
	} {
		if more {
			t.Errorf("%s: there is a next page", name)
		}
	}
}

func second(_ venue.AccountAsk, more bool) bool { return more }

func TestComplaintsHaveAKind(t *testing.T) {
	c := venue.Complaint{Venue: "X", Code: "code", Text: "msg", Fine: "0|200", Kinds: map[string]fault.Kind{"7": fault.Denied, "busy": fault.Exhausted}}
	for body, want := range map[string]fault.Kind{`{"code":7,"msg":"no"}`: fault.Denied, `{"code":"8","msg":"busy"}`: fault.Exhausted, `{"code":9}`: fault.Invalid} {
		if err := c.In([]byte(body)); fault.Of(err) != want {
			t.Errorf("%s: %v", body, err)
		}
	}
	for _, body := range []string{`{"code":0}`, `{"code":"200"}`, `{}`, `[]`} {
		if err := c.In([]byte(body)); err != nil {
			t.Errorf("%s: %v", body, err)
		}
	}
	for status, want := range map[int]fault.Kind{401: fault.Unauthentic, 403: fault.Denied, 404: fault.Unknown, 418: fault.Exhausted, 429: fault.Exhausted, 500: fault.Unavailable, 400: fault.Invalid} {
		if err := c.Failure(status, []byte("<html>")); fault.Of(err) != want {
			t.Errorf("%d: %v", status, err)
		}
	}
}
