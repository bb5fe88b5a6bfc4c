package stream

import (
	"context"
	"flag"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/assayhq/assay/asset"
	"github.com/assayhq/assay/market"
	"github.com/assayhq/assay/money"
)

var rewrite = flag.Bool("update", false, "rewrite the golden files")

func TestDialogue(t *testing.T) {
	const name = "testdata/dialogue.txtar"
	file, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	head, script, _ := strings.Cut(string(file), "-- dialogue --\n")
	var got strings.Builder
	inside(t, Options{}, func(t *testing.T, h *house) {
		c := h.dial("good")
		defer c.bye()
		heard := make(chan string, 100)
		go func() {
			for {
				_, b, err := c.conn.Read(context.Background())
				if err != nil {
					close(heard)
					return
				}
				heard <- string(b)
			}
		}()
		for line := range strings.Lines(script) {
			if strings.HasPrefix(line, "<") {
				continue
			}
			got.WriteString(line)
			if msg, ok := strings.CutPrefix(strings.TrimSpace(line), "> "); ok {
				c.say(msg)
			} else if cmd, ok := strings.CutPrefix(strings.TrimSpace(line), "! "); ok {
				h.stage.do(t, strings.Fields(cmd))
			}
			time.Sleep(60 * time.Millisecond)
			synctest.Wait()
			for more := true; more; {
				select {
				case s := <-heard:
					got.WriteString("< " + s + "\n")
				default:
					more = false
				}
			}
		}
	})
	if *rewrite {
		if err := os.WriteFile(name, []byte(head+"-- dialogue --\n"+got.String()), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if got.String() != script {
		t.Errorf("the dialogue differs; run with -update and read the difference\n%s", got.String())
	}
}

// do makes one thing happen in the market.
func (s *stage) do(t *testing.T, f []string) {
	t.Helper()
	v, p := market.VenueID(f[1]), market.Pair("")
	if len(f) > 2 {
		p = market.Pair(f[2])
	}
	switch f[0] {
	case "trade":
		side := market.Buy
		if f[6] == "sell" {
			side = market.Sell
		}
		s.trade(v, p, f[3], f[4], f[5], side)
	case "book":
		s.update(v, p, f[3] == "snapshot", 0, levels(f[4:6]...), levels(f[6:8]...))
	case "lost":
		s.gap(v, p, false)
	case "outage":
		s.outage(v, strings.Join(f[2:], " "))
	case "bar":
		k := market.Candle{Venue: v, Pair: p, Interval: market.Interval(f[3]), Open: time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC), Trades: 3, Complete: f[9] == "over"}
		k.O, k.H, k.L, k.C, k.Volume = money.MustPrice(f[4]), money.MustPrice(f[5]), money.MustPrice(f[6]), money.MustPrice(f[7]), money.MustQty(f[8])
		s.candle(k)
	case "stand":
		s.stand(v, p, f[3], f[4])
	case "liquidate":
		s.liquidate(v, p, f[3], f[4])
	case "price":
		s.price(asset.Code(f[1]), f[2])
	case "wait":
		d, err := time.ParseDuration(f[1])
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(d)
	default:
		t.Fatalf("no such happening: %v", f)
	}
}
