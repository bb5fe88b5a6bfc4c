package main

import (
	"bufio"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/coder/websocket"
	"github.com/spf13/cobra"

	"github.com/assayhq/assay/fault"
)

// clientFlags adds what a command needs to ask a running server.
func (c *cli) clientFlags(cmd *cobra.Command) {
	u := os.Getenv("ASSAY_URL")
	if u == "" {
		u = "http://127.0.0.1:8080"
	}
	cmd.Flags().StringVar(&c.url, "url", u, "the server (ASSAY_URL)")
	cmd.Flags().StringVar(&c.key, "key", "", "an API key (ASSAY_API_KEY)")
}

func (c *cli) token() string {
	if c.key != "" {
		return c.key
	}
	return os.Getenv("ASSAY_API_KEY")
}

// ask makes one request and gives the body, or the problem as an error.
func (c *cli) ask(ctx context.Context, path string, q url.Values) (io.ReadCloser, error) {
	return c.askWith(ctx, path, q, func(*http.Response) {})
}

// askWith is ask that shows the answer's head first.
func (c *cli) askWith(ctx context.Context, path string, q url.Values, head func(*http.Response)) (io.ReadCloser, error) {
	return c.request(ctx, http.MethodGet, path, q, head)
}

// send makes a POST without a body and prints the answer.
func (c *cli) send(ctx context.Context, path string) error {
	body, err := c.request(ctx, http.MethodPost, path, nil, func(*http.Response) {})
	if err != nil {
		return err
	}
	defer body.Close()
	_, err = io.Copy(c.out, body)
	return err
}

// request makes one request without a body.
func (c *cli) request(ctx context.Context, method, path string, q url.Values, head func(*http.Response)) (io.ReadCloser, error) {
	return c.requestWith(ctx, method, path, q, nil, head)
}

// requestWith makes one request; body is JSON, or nil.
func (c *cli) requestWith(ctx context.Context, method, path string, q url.Values, content io.Reader, head func(*http.Response)) (io.ReadCloser, error) {
	u := strings.TrimSuffix(c.url, "/") + path
	if len(q) > 0 {
		u += "?" + q.Encode()
	}
	req, err := http.NewRequestWithContext(ctx, method, u, content)
	if err != nil {
		return nil, fault.Wrap(fault.Invalid, err, "%s is no address", c.url)
	}
	if content != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if t := c.token(); t != "" {
		req.Header.Set("Authorization", "Bearer "+t)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, fault.Wrap(fault.Unavailable, err, "no server answers at %s; start one with `assay demo` or `assay serve`, or give --url", c.url)
	}
	if res.StatusCode/100 == 2 {
		head(res)
		return res.Body, nil
	}
	defer res.Body.Close()
	var p struct{ Title, Detail, Code string }
	b, _ := io.ReadAll(io.LimitReader(res.Body, 1<<20))
	if json.Unmarshal(b, &p) != nil || p.Code == "" {
		return nil, fault.New(fault.Unavailable, "%s answered HTTP %d", c.url, res.StatusCode)
	}
	kind := kindOf(p.Code)
	if kind == fault.Unauthentic && c.token() == "" {
		p.Detail += "; set ASSAY_API_KEY or give --key"
	}
	return nil, fault.New(kind, "%s", p.Detail)
}

// kindOf gives the kind of a problem's code.
func kindOf(code string) fault.Kind {
	for _, k := range fault.Kinds() {
		if k.String() == code {
			return k
		}
	}
	return fault.Internal
}

// fetch prints an answer: as it came for json, jsonl and csv, as a table of the
// named columns otherwise.
func (c *cli) fetch(ctx context.Context, path string, q url.Values, columns ...string) error {
	switch c.output {
	case "json", "jsonl", "csv":
		q.Set("format", c.output)
		body, err := c.ask(ctx, path, q)
		if err != nil {
			return err
		}
		defer body.Close()
		_, err = io.Copy(c.out, body)
		return err
	case "table":
	default:
		return usageError{fmt.Errorf("-o %s: use table, json, jsonl or csv", c.output)}
	}
	q.Set("format", "csv")
	body, err := c.ask(ctx, path, q)
	if err != nil {
		return err
	}
	defer body.Close()
	rows, err := csv.NewReader(body).ReadAll()
	if err != nil || len(rows) == 0 {
		return errors.Join(err, errors.New("the answer is no table"))
	}
	at := map[string]int{}
	for i, h := range rows[0] {
		at[h] = i
	}
	t := newTable(columns...)
	for _, r := range rows[1:] {
		var cells []any
		for _, col := range columns {
			v := ""
			if i, ok := at[col]; ok && i < len(r) {
				v = r[i]
			}
			if col == "ts" {
				v = readable(v)
			}
			cells = append(cells, v)
		}
		t.row(cells...)
	}
	if len(t.rows) == 0 {
		fmt.Fprintln(c.err, "nothing is known of it yet")
		return nil
	}
	if columns[len(columns)-1] == "missing" {
		t.fit()
	}
	return t.print(c.out)
}

// readable turns milliseconds into a time in UTC.
func readable(ms string) string {
	var n int64
	if _, err := fmt.Sscan(ms, &n); err != nil {
		return ms
	}
	return time.UnixMilli(n).UTC().Format("2006-01-02 15:04:05.000Z")
}

func (c *cli) price() *cobra.Command {
	var quote string
	cmd := &cobra.Command{
		Use: "price [ASSET...]", Short: "Print consensus prices of a running server",
		Example: "  assay price BTC ETH\n  assay price --quote EUR -o json",
		RunE: func(cmd *cobra.Command, args []string) error {
			q := url.Values{"quote": {quote}}
			if len(args) > 0 {
				q.Set("assets", strings.Join(args, ","))
			}
			return c.fetch(cmd.Context(), "/v1/prices", q, "asset", "quote", "price", "low", "high", "confidence", "ts", "sources", "marks")
		},
	}
	cmd.Flags().StringVar(&quote, "quote", "USD", "asset that prices are in")
	c.clientFlags(cmd)
	return cmd
}

func (c *cli) candles() *cobra.Command {
	var venue, interval, start, end, known string
	var limit int
	cmd := &cobra.Command{
		Use: "candles PAIR", Short: "Print candles of a running server", Args: cobra.ExactArgs(1),
		Example: "  assay candles BTC-USD -i 1h\n  assay candles BTC-USD --venue kraken -i 1m --limit 1000 -o csv",
		RunE: func(cmd *cobra.Command, args []string) error {
			q := url.Values{"interval": {interval}, "limit": {fmt.Sprint(limit)}}
			for k, v := range map[string]string{"venue": venue, "start": start, "end": end, "known_at": known} {
				if v != "" {
					q.Set(k, v)
				}
			}
			return c.fetch(cmd.Context(), "/v1/candles/"+url.PathEscape(args[0]), q, "ts", "open", "high", "low", "close", "volume", "trades", "complete", "marks")
		},
	}
	f := cmd.Flags()
	f.StringVar(&venue, "venue", "", "an exchange (default: the consensus of all)")
	f.StringVarP(&interval, "interval", "i", "1m", "length of a candle: 1s to 1M")
	f.StringVar(&start, "start", "", "first time, inclusive: a date or RFC 3339")
	f.StringVar(&end, "end", "", "last time, exclusive")
	f.StringVar(&known, "known-at", "", "as they were known at that moment, not as they are known now")
	f.IntVar(&limit, "limit", 50, "how many, the newest when --start is not given")
	c.clientFlags(cmd)
	return cmd
}

func (c *cli) derivatives() *cobra.Command {
	var venue, base string
	cmd := &cobra.Command{
		Use: "derivatives [PAIR]", Short: "Print how contracts stand: funding, open interest, mark and index price", Args: cobra.MaximumNArgs(1),
		Example: "  assay derivatives\n  assay derivatives BTC-USDT-PERP\n  assay derivatives --base ETH -o json",
		RunE: func(cmd *cobra.Command, args []string) error {
			q := url.Values{}
			for k, v := range map[string]string{"venue": venue, "base": base, "pair": strings.Join(args, "")} {
				if v != "" {
					q.Set(k, v)
				}
			}
			return c.fetch(cmd.Context(), "/v1/derivatives", q, "venue", "pair", "mark", "index", "basis_rate", "funding_rate", "funding_annual", "open_interest_value", "state", "ts")
		},
	}
	cmd.Flags().StringVar(&venue, "venue", "", "an exchange (default: all)")
	cmd.Flags().StringVar(&base, "base", "", "only contracts on this asset")
	c.clientFlags(cmd)
	return cmd
}

func (c *cli) funding() *cobra.Command {
	var venue, start, end string
	var limit int
	cmd := &cobra.Command{
		Use: "funding PAIR", Short: "Print funding that was paid on a perpetual", Args: cobra.ExactArgs(1),
		Example: "  assay funding BTC-USDT-PERP\n  assay funding BTC-USDT-PERP --venue bybit,okx --start 2026-01-01 -o csv",
		RunE: func(cmd *cobra.Command, args []string) error {
			q := url.Values{"pair": args, "limit": {fmt.Sprint(limit)}}
			for k, v := range map[string]string{"venue": venue, "start": start, "end": end} {
				if v != "" {
					q.Set(k, v)
				}
			}
			return c.fetch(cmd.Context(), "/v1/funding", q, "ts", "venue", "rate", "annual", "interval_s", "marks")
		},
	}
	f := cmd.Flags()
	f.StringVar(&venue, "venue", "", "exchanges, separated by commas (default: all)")
	f.StringVar(&start, "start", "", "first time, inclusive: a date or RFC 3339")
	f.StringVar(&end, "end", "", "last time, exclusive")
	f.IntVar(&limit, "limit", 50, "how many, the newest when --start is not given")
	c.clientFlags(cmd)
	return cmd
}

func (c *cli) watch() *cobra.Command {
	var channel, venue string
	cmd := &cobra.Command{
		Use: "watch PAIR...", Short: "Stream prices, trades, quotes and more of a running server", Args: cobra.MinimumNArgs(1),
		Long:    "Watch prints each change until you stop it with Ctrl-C: one line, or one JSON object with -o jsonl.",
		Example: "  assay watch BTC-USD ETH-USD\n  assay watch --channel trades --venue kraken BTC-USD",
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.stream(cmd.Context(), channel, venue, args)
		},
	}
	cmd.Flags().StringVar(&channel, "channel", "price", "price, trades, quotes, books, candles, derivatives or liquidations")
	cmd.Flags().StringVar(&venue, "venue", "", "an exchange (default: all)")
	c.clientFlags(cmd)
	return cmd
}

func (c *cli) stream(ctx context.Context, channel, venue string, pairs []string) error {
	h := http.Header{}
	if t := c.token(); t != "" {
		h.Set("Authorization", "Bearer "+t)
	}
	addr := "ws" + strings.TrimPrefix(strings.TrimSuffix(c.url, "/"), "http") + "/v1/stream"
	ws, res, err := websocket.Dial(ctx, addr, &websocket.DialOptions{HTTPHeader: h})
	if err != nil {
		if res != nil && res.StatusCode == http.StatusUnauthorized {
			return fault.New(fault.Unauthentic, "the server does not accept the key; set ASSAY_API_KEY or give --key")
		}
		return fault.Wrap(fault.Unavailable, err, "no stream opens at %s; is the server running?", addr)
	}
	defer ws.CloseNow()
	ws.SetReadLimit(8 << 20)
	type topic struct {
		Channel  string `json:"ch"`
		Pair     string `json:"pair,omitempty"`
		Asset    string `json:"asset,omitempty"`
		Quote    string `json:"quote,omitempty"`
		Venue    string `json:"venue,omitempty"`
		Interval string `json:"interval,omitempty"`
	}
	var topics []topic
	for _, p := range pairs {
		t := topic{Channel: channel, Pair: strings.ToUpper(p), Venue: venue}
		switch channel {
		case "price":
			base, quote, ok := strings.Cut(t.Pair, "-")
			if !ok {
				quote = "USD"
			}
			t = topic{Channel: channel, Asset: base, Quote: quote}
		case "candles":
			t.Interval = "1m"
		}
		topics = append(topics, t)
	}
	req, err := json.Marshal(map[string]any{"op": "subscribe", "id": 1, "topics": topics})
	if err != nil {
		return err
	}
	if err := ws.Write(ctx, websocket.MessageText, req); err != nil {
		return err
	}
	out := bufio.NewWriter(c.out)
	for {
		_, b, err := ws.Read(ctx)
		if err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return fault.Wrap(fault.Unavailable, err, "the stream ended: %v", err)
		}
		if err := c.show(out, b); err != nil {
			return err
		}
		if err := out.Flush(); err != nil {
			return err
		}
	}
}

// show prints one message of the stream.
func (c *cli) show(w io.Writer, b []byte) error {
	var m struct {
		Op    string          `json:"op"`
		Error json.RawMessage `json:"error"`
		Ch    string          `json:"ch"`
		Pair  string          `json:"pair"`
		Venue string          `json:"venue"`
		Type  string          `json:"type"`
		Data  []struct {
			TS         int64  `json:"ts"`
			Venue      string `json:"venue"`
			Price      string `json:"price"`
			Qty        string `json:"qty"`
			Side       string `json:"side"`
			Bid        string `json:"bid"`
			Ask        string `json:"ask"`
			Close      string `json:"close"`
			Mark       string `json:"mark"`
			Funding    string `json:"funding_rate"`
			Interest   string `json:"open_interest"`
			Confidence any    `json:"confidence"`
		} `json:"data"`
	}
	if err := json.Unmarshal(b, &m); err != nil {
		return fmt.Errorf("the server sent %.80q: %w", b, err)
	}
	if m.Op == "error" {
		var p struct{ Detail, Code string }
		_ = json.Unmarshal(m.Error, &p) //nolint:errcheck // an empty sentence then
		return fault.New(kindOf(p.Code), "%s", or(p.Detail, string(m.Error)))
	}
	if m.Op != "" {
		return nil
	}
	if c.output == "json" || c.output == "jsonl" || m.Ch == "books" {
		_, err := fmt.Fprintf(w, "%s\n", b)
		return err
	}
	for _, d := range m.Data {
		at := time.UnixMilli(d.TS).UTC().Format("15:04:05.000")
		who := or(d.Venue, m.Venue)
		switch m.Ch {
		case "price":
			fmt.Fprintf(w, "%s  %-10s %16s  confidence %v\n", at, m.Pair, d.Price, d.Confidence)
		case "derivatives":
			fmt.Fprintf(w, "%s  %-14s %-10s mark %s  funding %s  open interest %s\n", at, m.Pair, who, or(d.Mark, "-"), or(d.Funding, "-"), or(d.Interest, "-"))
		case "trades", "liquidations":
			fmt.Fprintf(w, "%s  %-10s %-10s %-4s %16s  %s\n", at, m.Pair, who, d.Side, d.Price, d.Qty)
		case "quotes":
			fmt.Fprintf(w, "%s  %-10s %-10s %16s / %s\n", at, m.Pair, who, d.Bid, d.Ask)
		default:
			fmt.Fprintf(w, "%s  %-10s %16s\n", at, m.Pair, or(d.Close, d.Price))
		}
	}
	return nil
}
