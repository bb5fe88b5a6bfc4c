package markettest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/assayhq/assay/market"
)

// FrameStore is a market.Frames that can be closed and opened again.
type FrameStore interface {
	market.Frames
	Close() error
}

// RunFrames examines a market.Frames.
func RunFrames(t *testing.T, open func(t *testing.T, dir string) FrameStore) {
	t.Run("frames_come_back_as_they_were", func(t *testing.T) {
		f, dir := fresh(t, open)
		want := []market.Frame{
			frame("kraken", 0, "connect", nil), frame("kraken", 1, "recv", []byte(`{"a":1}`)), frame("kraken", 2, "recv", []byte{0, 255, 0}),
			frame("kraken", 3, "http", []byte(strings.Repeat("x", 700<<10))), frame("kraken", 4, "disconnect", []byte("bye")),
		}
		want[3].Conn, want[3].Addr = "rest-1", "https://api.example/depth?pair=XBTUSD"
		if err := f.AppendFrames(t.Context(), want); err != nil {
			t.Fatal(err)
		}
		other := frame("binance", 1, "recv", []byte("other venue"))
		if err := f.AppendFrames(t.Context(), []market.Frame{other}); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			same(t, "kraken", collect(t, f.ReadFrames(t.Context(), "kraken", market.Range{})), want)
			same(t, "binance", collect(t, f.ReadFrames(t.Context(), "binance", market.Range{})), []market.Frame{other})
			same(t, "nobody", collect(t, f.ReadFrames(t.Context(), "nobody", market.Range{})), nil)
			if err := f.Close(); err != nil {
				t.Fatal(err)
			}
			f = open(t, dir)
		}
		_ = f.Close()
	})
	t.Run("frames_of_several_connections_come_in_order_of_time", func(t *testing.T) {
		f, _ := fresh(t, open)
		defer f.Close()
		var want []market.Frame
		for i := range 5000 {
			fr := frame("kraken", i, "recv", []byte(fmt.Sprintf(`{"n":%d,"pad":%q}`, i, strings.Repeat("p", i%300))))
			fr.Conn = fmt.Sprint("c", i%3)
			want = append(want, fr)
		}
		r := rand.New(rand.NewPCG(5, 5))
		for conn := range 3 { // each connection hands in its own, late and in batches of its own size
			var mine []market.Frame
			for _, fr := range want {
				if fr.Conn == fmt.Sprint("c", conn) {
					mine = append(mine, fr)
				}
			}
			for len(mine) > 0 {
				n := min(len(mine), 1+r.IntN(400))
				if err := f.AppendFrames(t.Context(), mine[:n]); err != nil {
					t.Fatal(err)
				}
				mine = mine[n:]
			}
		}
		back := slices.Clone(want)
		slices.Reverse(back)
		same(t, "all", collect(t, f.ReadFrames(t.Context(), "kraken", market.Range{})), want)
		same(t, "all, backwards", collect(t, f.ReadFrames(t.Context(), "kraken", market.Range{Reverse: true})), back)
		mid := market.Range{From: want[1000].Received, To: want[4000].Received}
		same(t, "a part", collect(t, f.ReadFrames(t.Context(), "kraken", mid)), want[1000:4000])
		mid.Limit = 7
		same(t, "seven", collect(t, f.ReadFrames(t.Context(), "kraken", mid)), want[1000:1007])
		mid.Reverse = true
		same(t, "the last seven", collect(t, f.ReadFrames(t.Context(), "kraken", mid)), back[1000:1007])
	})
	t.Run("frames_end_with_their_context", func(t *testing.T) {
		f, _ := fresh(t, open)
		defer f.Close()
		over, stop := context.WithCancel(t.Context())
		stop()
		if err := f.AppendFrames(over, []market.Frame{frame("kraken", 1, "recv", nil)}); !errors.Is(err, context.Canceled) {
			t.Errorf("AppendFrames: %v, want context.Canceled", err)
		}
		var last error
		for _, err := range f.ReadFrames(over, "kraken", market.Range{}) {
			last = err
		}
		if !errors.Is(last, context.Canceled) {
			t.Errorf("ReadFrames: %v, want context.Canceled", last)
		}
	})
}

func fresh(t *testing.T, open func(*testing.T, string) FrameStore) (FrameStore, string) {
	t.Parallel()
	dir := t.TempDir()
	return open(t, dir), dir
}

func frame(v market.VenueID, n int, kind string, data []byte) market.Frame {
	return market.Frame{Venue: v, Conn: "c1", Addr: "wss://ws.example/v2", Kind: kind, Data: data, Received: at(time.Duration(n) * 20 * time.Millisecond)}
}
