package app_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"

	"github.com/assayhq/assay/app"
	"github.com/assayhq/assay/market"
	"github.com/assayhq/assay/money"
)

// captures finds recorded exchange sessions: $ASSAY_SHARED, or a folder `shared`
// beside the module. They are not part of the product, so without them the tests
// here are skipped, aloud.
func captures(t *testing.T) string {
	t.Helper()
	dir := os.Getenv("ASSAY_SHARED")
	if dir == "" {
		wd, err := os.Getwd()
		if err != nil {
			t.Fatal(err)
		}
		for d := wd; d != filepath.Dir(d); d = filepath.Dir(d) {
			if st, err := os.Stat(filepath.Join(d, "shared", "data", "market", "captures")); err == nil && st.IsDir() {
				dir = filepath.Join(d, "shared")
				break
			}
		}
	}
	dir = filepath.Join(dir, "data", "market", "captures")
	if _, err := os.Stat(dir); err != nil {
		t.Skip("SKIPPED: no recorded sessions here; set ASSAY_SHARED to the folder that holds data/market/captures")
	}
	return dir
}

// recorded is what each recording must give; the counts were checked by independent
// scripts when the recordings were collected.
var recorded = []struct {
	venue                         market.VenueID
	file                          string
	messages, books, sums, joined int64
}{
	{"binance", "BINANCE", 265, 176, 0, 4},
	{"binance", "BINANCE_US", 480, 336, 0, 4},
	{"binancecoinm", "BINANCE_DELIVERY", 4371, 1798, 0, 10},
	{"binanceusdm", "BINANCE_FUTURES", 1535, 756, 0, 4},
	{"bitfinex", "BITFINEX", 1693, 1600, 0, 7},
	{"bitget", "BITGET", 1157, 637, 637, 10},
	{"bithumb", "BITHUMB", 6, 0, 0, 0},
	{"bitstamp", "BITSTAMP", 747, 625, 0, 9},
	{"bybit", "BYBIT", 3227, 2148, 0, 6},
	{"coinbase", "COINBASE", 1030, 775, 0, 2},
	{"cryptocom", "CRYPTO.COM", 2207, 1061, 0, 7},
	{"deribit", "DERIBIT", 136, 46, 0, 10},
	{"gate", "GATEIO", 158, 109, 0, 7},                // 102 differences and 7 snapshots; 7 are older than theirs
	{"gatefutures", "GATEIO_FUTURES", 330, 251, 0, 7}, // 244 differences and 7 snapshots; 27 are older than theirs
	{"gemini", "GEMINI", 563, 559, 0, 10},
	{"htx", "HUOBI", 267, 204, 0, 7},
	{"htxswap", "HUOBI_SWAP", 2913, 2862, 0, 10},
	{"kraken", "KRAKEN", 4430, 4279, 4269, 10},
	{"krakenfutures", "KRAKEN_FUTURES", 7175, 7024, 0, 10},
	{"kucoin", "KUCOIN", 3635, 3001, 0, 6}, // 2995 differences and 6 snapshots; 32 are older than theirs
	{"okx", "OKX", 410, 290, 290, 3},
	{"upbit", "UPBIT", 449, 145, 0, 5},
}

func TestRecordingsNormalizeCleanly(t *testing.T) {
	dir := captures(t)
	for _, r := range recorded {
		t.Run(r.file, func(t *testing.T) {
			s, err := app.Normalize(t.Context(), r.venue, filepath.Join(dir, r.file+".jsonl.zst"), io.Discard, app.NormalizeOptions{Summary: true})
			if err != nil {
				t.Fatal(err)
			}
			if s.DecodeErrors != 0 || s.SequenceGaps != 0 || s.BadSums != 0 || s.Crossed != 0 || s.Gaps != 0 || s.Strange != 0 {
				t.Errorf("%+v", s)
			}
			if s.Messages != r.messages || s.Books != r.books || s.Checksums != r.sums || s.Joined != r.joined {
				t.Errorf("messages %d, books %d, checksums %d, joined %d; want %d %d %d %d", s.Messages, s.Books, s.Checksums, s.Joined, r.messages, r.books, r.sums, r.joined)
			}
		})
	}
}

// event is a line of our output, or of the other normalizer's, as text that can be compared.
type event struct {
	line int64
	text string
}

// TestRecordingsEqualTheOtherNormalizer compares with what tardis-node made of the
// same recordings: every event of the kinds it knows, line by line. Differences that
// are deliberate are listed in docs/semantics.md; none is needed for these kinds.
func TestRecordingsEqualTheOtherNormalizer(t *testing.T) {
	dir := captures(t)
	for _, r := range recorded {
		path := filepath.Join(dir, r.file+".normalized.jsonl.zst")
		if _, err := os.Stat(path); err != nil {
			continue
		}
		t.Run(r.file, func(t *testing.T) {
			theirs := readTheirs(t, path)
			ours := readOurs(t, r.venue, filepath.Join(dir, r.file+".jsonl.zst"), kindsOf(theirs))
			if r.venue == "bitfinex" {
				theirs, ours = asBitfinex(theirs, "t"), asBitfinex(ours, "")
			}
			if len(ours) != len(theirs) {
				t.Errorf("%d events, theirs %d", len(ours), len(theirs))
			}
			bad := 0
			for i := range min(len(ours), len(theirs)) {
				if ours[i] != theirs[i] {
					if bad++; bad <= 3 {
						t.Errorf("event %d:\n ours   %d %.300s\n theirs %d %.300s", i, ours[i].line, ours[i].text, theirs[i].line, theirs[i].text)
					}
				}
			}
			if bad > 0 {
				t.Errorf("%d events differ", bad)
			}
		})
	}
}

// asBitfinex leaves out what differs on purpose there: their symbols lack the prefix, they
// have no time, and the sizes of their quotes are those of 25 levels.
func asBitfinex(es []event, prefix string) []event {
	for i, e := range es {
		f := strings.Fields(e.text)
		f[1] = prefix + f[1]
		switch f[0] {
		case "quote":
			f[3], f[5], f[6] = "", "", ""
		case "book":
			f[3] = ""
		}
		es[i].text = strings.Join(f, " ")
	}
	return es
}

func kindsOf(es []event) map[string]bool {
	out := map[string]bool{}
	for _, e := range es {
		k, _, _ := strings.Cut(e.text, " ")
		out[k] = true
	}
	return out
}

// plain is a number, "0" where there is none, without trailing zeros, so that 0.3521 and 0.35210000 agree.
func plain(s string) string {
	if s == "" {
		return "0"
	}
	d, err := money.Parse([]byte(s))
	if err != nil {
		return "bad number " + s
	}
	return d.Trim().String()
}

func readTheirs(t *testing.T, path string) []event {
	t.Helper()
	type level struct{ Price, Amount json.Number }
	var out []event
	eachLine(t, open(t, path), func(b []byte) {
		var m struct {
			Line                                     int64
			Type, Symbol, Side, ID, Timestamp        string
			Price, Amount                            json.Number
			IsSnapshot                               bool
			Bids, Asks                               []level
			BidPrice, BidAmount, AskPrice, AskAmount json.Number
		}
		if err := json.Unmarshal(b, &m); err != nil {
			t.Fatal(err)
		}
		text := ""
		switch m.Type {
		case "trade":
			text = fmt.Sprint("trade ", strings.ToLower(m.Symbol), " ", m.ID, " ", plain(m.Price.String()), " ", plain(m.Amount.String()), " ", m.Side, " ", millis(t, m.Timestamp))
		case "book_ticker":
			text = fmt.Sprint("quote ", strings.ToLower(m.Symbol), " ", plain(m.BidPrice.String()), " ", plain(m.BidAmount.String()), " ", plain(m.AskPrice.String()), " ", plain(m.AskAmount.String()), " ", millis(t, m.Timestamp))
		case "book_change":
			var s strings.Builder
			fmt.Fprint(&s, "book ", strings.ToLower(m.Symbol), " ", m.IsSnapshot, " ", millis(t, m.Timestamp))
			for _, l := range m.Bids {
				fmt.Fprint(&s, " b", plain(l.Price.String()), "x", plain(l.Amount.String()))
			}
			for _, l := range m.Asks {
				fmt.Fprint(&s, " a", plain(l.Price.String()), "x", plain(l.Amount.String()))
			}
			text = s.String()
		default:
			t.Fatalf("their type %q is new", m.Type)
		}
		out = append(out, event{m.Line, text})
	})
	return out
}

func readOurs(t *testing.T, id market.VenueID, path string, kinds map[string]bool) []event {
	t.Helper()
	var b bytes.Buffer
	if _, err := app.Normalize(t.Context(), id, path, &b, app.NormalizeOptions{}); err != nil {
		t.Fatal(err)
	}
	var out []event
	eachLine(t, &b, func(b []byte) {
		var m struct {
			Line                       int64
			Type, Symbol, Side, ID, TS string
			Price, Size                string
			Snapshot, Aggregate        bool
			Backfilled                 bool
			Bids, Asks                 [][2]string
			Bid                        string
			BidSize                    string `json:"bid_size"`
			Ask                        string
			AskSize                    string `json:"ask_size"`
		}
		if err := json.Unmarshal(b, &m); err != nil {
			t.Fatalf("%v in %.200s", err, b)
		}
		text := ""
		switch {
		case !kinds[m.Type] || m.Aggregate:
			return
		case m.Backfilled:
			return // a subscription's first message repeats old trades: they leave it out
		case m.Type == "trade":
			text = fmt.Sprint("trade ", strings.ToLower(m.Symbol), " ", m.ID, " ", plain(m.Price), " ", plain(m.Size), " ", m.Side, " ", millis(t, m.TS))
		case m.Type == "quote":
			text = fmt.Sprint("quote ", strings.ToLower(m.Symbol), " ", plain(m.Bid), " ", plain(m.BidSize), " ", plain(m.Ask), " ", plain(m.AskSize), " ", millis(t, m.TS))
		case m.Type == "book":
			var s strings.Builder
			fmt.Fprint(&s, "book ", strings.ToLower(m.Symbol), " ", m.Snapshot, " ", millis(t, m.TS))
			for _, l := range m.Bids {
				fmt.Fprint(&s, " b", plain(l[0]), "x", plain(l[1]))
			}
			for _, l := range m.Asks {
				fmt.Fprint(&s, " a", plain(l[0]), "x", plain(l[1]))
			}
			text = s.String()
		}
		out = append(out, event{m.Line, text})
	})
	return out
}

// millis compares times to the millisecond, which is what the other side keeps of
// times it takes from its own clock.
func millis(t *testing.T, s string) string {
	if s == "" {
		return "-" // theirs has none
	}
	at, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		t.Fatal(err)
	}
	return at.UTC().Truncate(time.Millisecond).Format("15:04:05.000")
}

func open(t *testing.T, path string) io.Reader {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	z, err := zstd.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(z.Close)
	return z
}

func eachLine(t *testing.T, r io.Reader, f func([]byte)) {
	t.Helper()
	br := bufio.NewReaderSize(r, 1<<20)
	for {
		b, err := br.ReadBytes('\n')
		if b = bytes.TrimSpace(b); len(b) > 0 {
			f(b)
		}
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}
