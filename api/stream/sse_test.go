package stream

import (
	"bufio"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/assayhq/assay/market"
)

// event reads the next event: its id and data.
func event(t *testing.T, r *bufio.Reader) (id, data string) {
	t.Helper()
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		line = strings.TrimSpace(line)
		switch {
		case line == "" && data != "":
			return id, data
		case strings.HasPrefix(line, "id: "):
			id = line[4:]
		case strings.HasPrefix(line, "data: "):
			data = line[6:]
		}
	}
}

func TestAnEventStreamGoesOnFromItsLastId(t *testing.T) {
	inside(t, Options{}, func(t *testing.T, h *house) {
		const q = "topics=trades:BTC-USD@kraken,books:BTC-USD@kraken/5"
		h.stage.update("kraken", "BTC-USD", true, 0, levels("10", "1"), levels("11", "1"))
		resp, r, bye := h.sse(q, "")
		if resp.StatusCode != 200 || resp.Header.Get("Content-Type") != "text/event-stream" {
			t.Fatal(resp.Status)
		}
		if _, d := event(t, r); !strings.Contains(d, `"op":"subscribed"`) || !strings.Contains(d, `"depth":5`) {
			t.Fatal(d)
		}
		event(t, r)
		event(t, r)
		h.stage.trade("kraken", "BTC-USD", "1", "1", "1", market.Buy)
		id, d := event(t, r)
		if e := decode(t, d); e.things(t)[0].ID != "1" || strings.Count(id, ".") != 1 {
			t.Fatal(id, d)
		}
		bye()
		time.Sleep(time.Second)
		for i := 2; i < 4; i++ {
			h.stage.trade("kraken", "BTC-USD", fmt.Sprint(i), "1", "1", market.Buy)
			time.Sleep(time.Second)
		}
		h.stage.update("kraken", "BTC-USD", false, 0, levels("10", "2"), nil)
		time.Sleep(time.Second)
		_, r, bye = h.sse(q, id)
		defer bye()
		if _, d := event(t, r); strings.Count(d, `"resumed":true`) != 2 {
			t.Fatal(d)
		}
		var got []string
		for range 3 {
			_, d := event(t, r)
			e := decode(t, d)
			got = append(got, e.Type+e.things(t)[0].ID)
		}
		if s := strings.Join(got, " "); s != "update2 update3 update" {
			t.Error(s)
		}
	})
}

func TestAnEventStreamEndsWithAReasonAtARestart(t *testing.T) {
	inside(t, Options{}, func(t *testing.T, h *house) {
		_, r, bye := h.sse("topics=price:BTC-USD", "")
		defer bye()
		event(t, r)
		event(t, r)
		go h.hub.Drain(t.Context())
		if _, d := event(t, r); !strings.Contains(d, `"op":"reconnect"`) {
			t.Error(d)
		}
		if _, d := event(t, r); !strings.Contains(d, `"code":1012`) {
			t.Error(d)
		}
	})
}

func TestAnEventStreamIsRefusedWithAProblem(t *testing.T) {
	inside(t, Options{}, func(t *testing.T, h *house) {
		for q, want := range map[string]int{
			"": 400, "topic=x": 400, "topics=trades": 400, "topics=trades:BTC-UDS": 404, "topics=books:BTC-USD": 400,
			"topics=candles:BTC-USD@kraken/7m": 400, "topics=trades:BTC-USD,trades:btc/usd": 400, "topics=books:BTC-USD@kraken/x": 400,
			"topics=price:BTC-USD@kraken": 400, "topics=trades:BTC-USD/5": 400,
		} {
			resp, _, bye := h.sse(q, "")
			if resp.StatusCode != want || resp.Header.Get("Content-Type") != "application/problem+json" {
				t.Errorf("%q: %s", q, resp.Status)
			}
			bye()
		}
	})
}
