package bus

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"

	"github.com/assayhq/assay/market"
)

func trade(v market.VenueID, p market.Pair, seq uint64) market.Event {
	return market.Event{Channel: market.Trades, Venue: v, Pair: p, Trade: &market.Trade{}, Seq: seq}
}

func TestASlowSubscriberLosesTheOldestAndIsToldHowMany(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := NewLocal()
		topic := market.Topic{Channel: market.Trades, Pair: "BTC-USD"}
		slow := b.Subscribe(t.Context(), 4, topic)
		quick := b.Subscribe(t.Context(), 64, topic)
		for i := range 10 {
			b.Publish([]market.Event{trade("kraken", "BTC-USD", uint64(i))})
		}
		got, lost, err := slow.Next(t.Context(), nil)
		if err != nil || len(got) != 4 || lost != 6 || got[0].Seq != 6 || got[3].Seq != 9 {
			t.Errorf("slow: %d events, %d lost, %v", len(got), lost, err)
		}
		got, lost, _ = quick.Next(t.Context(), nil)
		if len(got) != 10 || lost != 0 {
			t.Errorf("quick: %d events, %d lost: a slow neighbour must not matter", len(got), lost)
		}
		if b.Lost() != 6 {
			t.Error("lost in all:", b.Lost())
		}
		slow.Close()
		quick.Close()
	})
}

func TestTopicsSelectByVenueAndForAnyVenue(t *testing.T) {
	b := NewLocal()
	ctx, cancel := context.WithCancel(t.Context())
	one := b.Subscribe(ctx, 16, market.Topic{Channel: market.Trades, Venue: "kraken", Pair: "BTC-USD"})
	all := b.Subscribe(ctx, 16, market.Topic{Channel: market.Trades, Pair: "BTC-USD"})
	b.Publish([]market.Event{trade("kraken", "BTC-USD", 1), trade("okx", "BTC-USD", 2), trade("okx", "ETH-USD", 3)})
	if got, _, _ := one.Next(ctx, nil); len(got) != 1 {
		t.Error("one venue:", len(got))
	}
	if got, _, _ := all.Next(ctx, nil); len(got) != 2 {
		t.Error("all venues:", len(got))
	}
	one.Remove(market.Topic{Channel: market.Trades, Venue: "kraken", Pair: "BTC-USD"})
	if !b.Wants(market.Topic{Channel: market.Trades, Venue: "okx", Pair: "BTC-USD"}) {
		t.Error("the any-venue subscriber wants it")
	}
	cancel()
	if _, _, err := all.Next(context.Background(), nil); err == nil {
		t.Error("a closed subscription must end")
	}
}

func BenchmarkPublish(b *testing.B) {
	for _, n := range []int{1, 100} {
		b.Run(fmt.Sprint(n, "subscribers"), func(b *testing.B) {
			l := NewLocal()
			for range n {
				l.Subscribe(b.Context(), 256, market.Topic{Channel: market.Trades, Pair: "BTC-USD"})
			}
			ev := []market.Event{trade("kraken", "BTC-USD", 1)}
			b.ReportAllocs()
			for b.Loop() {
				l.Publish(ev)
			}
		})
	}
}
