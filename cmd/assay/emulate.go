package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/assayhq/assay/fault"
	"github.com/assayhq/assay/market"
	"github.com/assayhq/assay/market/emulator"
)

// emulateFlags are what emulate was asked for.
type emulateFlags struct {
	venues, pairs []string
	seed          uint64
	plan, listen  string
	speed         float64
	fast, free    bool
	skew          time.Duration
}

// emulate serves exchanges that do not exist, as a test bench for anyone's client.
func (c *cli) emulate() *cobra.Command {
	var f emulateFlags
	cmd := &cobra.Command{
		Use: "emulate", Short: "Serve simulated exchanges on this machine to test a client against", Args: cobra.NoArgs,
		Long: `Emulate serves one or more exchanges that do not exist, on this machine alone: their
REST paths, streams, limits and error bodies, over a simulated market. It prints where
they listen and made-up keys of a simulated account. Six of them (binance, bitstamp,
bybit, coinbase, kraken, okx) keep accounts: signed orders are matched, with fills and
balances; others check the proof of a signed request and do no more. Faults come from
a plan. What goes wrong is printed as it happens. It ends with Ctrl-C.

It never connects to anyone, and it takes no address of another machine.
docs/operate/emulator.md tells how a client is pointed at it.`,
		Example: "  assay emulate --venue binance --seed 7\n  assay emulate --venue binance --venue kraken --faults plan.yaml --listen 127.0.0.1:9000\n  assay emulate --venue okx -o json",
		RunE:    func(cmd *cobra.Command, _ []string) error { return c.runEmulate(cmd.Context(), f) },
	}
	fs := cmd.Flags()
	fs.StringArrayVar(&f.venues, "venue", nil, "exchange to emulate; may be repeated, or all")
	fs.StringArrayVar(&f.pairs, "pair", nil, "list only this pair, such as BTC-USDT; may be repeated")
	fs.Uint64Var(&f.seed, "seed", 1, "of the market and of the keys; the same seed tells the same story")
	fs.StringVar(&f.plan, "faults", "", "YAML or JSON file with faults to inject")
	fs.StringVar(&f.listen, "listen", "127.0.0.1:0", "address on this machine; port 0 takes free ones, others count up from it, one for each exchange")
	fs.Float64Var(&f.speed, "speed", 1, "how many times livelier than usual the market is")
	fs.BoolVar(&f.fast, "fast", false, "move the market as fast as clients read")
	fs.BoolVar(&f.free, "unlimited", false, "switch off request limits")
	fs.DurationVar(&f.skew, "skew", 0, "how far the exchanges' clocks are ahead of this one, such as -3s")
	return cmd
}

// emulated is one exchange as it is shown.
type emulated struct {
	Venue    market.VenueID `json:"venue"`
	REST     string         `json:"rest"`
	Stream   string         `json:"stream"`
	Business string         `json:"second_stream,omitempty"`
	Symbols  []string       `json:"symbols"`
	Accounts bool           `json:"accounts"`
	Keys     []emulatedKey  `json:"keys,omitempty"`
}

type emulatedKey struct {
	Key        string `json:"key"`
	Secret     string `json:"secret"`
	Passphrase string `json:"passphrase,omitempty"`
	Rights     string `json:"rights"`
}

// loopback gives the host and port of an address on this machine.
func loopback(listen string) (host string, port int, err error) {
	host, text, err := net.SplitHostPort(listen)
	if err != nil {
		return "", 0, fault.At(fault.Invalid, "listen", "%q is no address: write 127.0.0.1:PORT, or port 0 for a free one", listen)
	}
	if ip := net.ParseIP(host); host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return "", 0, fault.At(fault.Invalid, "listen", "%q can be reached from other machines; simulated exchanges listen on 127.0.0.1, [::1] or localhost alone", listen)
	}
	if port, err = strconv.Atoi(text); err != nil || port < 0 || port > 65535 {
		return "", 0, fault.At(fault.Invalid, "listen", "%q is no port", text)
	}
	return host, port, nil
}

func (c *cli) runEmulate(ctx context.Context, f emulateFlags) error {
	if len(f.venues) == 0 {
		return usageError{fmt.Errorf("--venue is missing: one of %v", emulator.IDs())}
	}
	host, port, err := loopback(f.listen)
	if err != nil {
		return err
	}
	if f.speed <= 0 || f.speed > 1000 {
		return fault.At(fault.Invalid, "speed", "--speed is a number above 0, at most 1000")
	}
	opt := emulator.Options{Unlimited: f.free, Skew: f.skew}
	for _, p := range f.pairs {
		opt.Pairs = append(opt.Pairs, market.Pair(strings.ToUpper(p)))
	}
	if f.plan != "" {
		text, err := os.ReadFile(f.plan)
		if err != nil {
			return fault.Wrap(fault.Invalid, err, "the fault plan %s cannot be read", f.plan)
		}
		if opt.Faults, err = emulator.ParseFaults(text); err != nil {
			return err
		}
	}
	ids := wantedVenues(f.venues)
	world := emulator.NewWorld(f.seed, emulator.WorldOptions{Rate: 8 * f.speed, Fast: f.fast})
	var mu sync.Mutex // of what is printed
	var list []*emulator.Venue
	var doors []net.Listener
	defer func() {
		for _, l := range doors {
			l.Close()
		}
	}()
	var shown []emulated
	for i, id := range ids {
		opt.Note = func(e emulator.Entry) {
			mu.Lock()
			defer mu.Unlock()
			c.printEntry(id, e)
		}
		v, err := emulator.New(id, world, opt)
		if err != nil {
			return err
		}
		if symbols, _ := v.Symbols(); len(symbols) == 0 {
			return fault.At(fault.Invalid, "pair", "%s lists none of %v", id, f.pairs)
		}
		at := 0
		if port != 0 {
			at = port + i
		}
		l, err := net.Listen("tcp", net.JoinHostPort(host, strconv.Itoa(at)))
		if err != nil {
			return fault.Wrap(fault.Unavailable, err, "cannot listen for %s: %v", id, err)
		}
		list, doors = append(list, v), append(doors, l)
		shown = append(shown, show(v, l.Addr().String()))
	}
	mu.Lock()
	err = c.printEmulated(shown)
	mu.Unlock()
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	errs := make(chan error, len(list))
	for i, v := range list {
		go func() {
			err := v.Serve(ctx, doors[i])
			stop()
			errs <- err
		}()
	}
	var out error
	for range list {
		out = errors.Join(out, <-errs)
	}
	return out
}

func wantedVenues(names []string) []market.VenueID {
	if slices.Contains(names, "all") {
		return emulator.IDs()
	}
	var out []market.VenueID
	for _, n := range names {
		if id := market.VenueID(strings.ToLower(n)); !slices.Contains(out, id) {
			out = append(out, id)
		}
	}
	return out
}

func show(v *emulator.Venue, address string) emulated {
	e := v.Endpoint(address)
	symbols, _ := v.Symbols()
	s := emulated{Venue: v.ID(), REST: e.REST, Stream: e.Stream, Business: e.Business, Symbols: symbols, Accounts: v.Accounts()}
	for _, k := range v.Keys() {
		rights := "read and trade"
		if k.ReadOnly {
			rights = "read"
		}
		s.Keys = append(s.Keys, emulatedKey{k.Key, k.Secret, k.Passphrase, rights})
	}
	return s
}

// printEmulated tells where clients connect, before anything happens.
func (c *cli) printEmulated(list []emulated) error {
	if c.output == "json" || c.output == "jsonl" {
		for _, s := range list {
			if err := writeJSON(c.out, s); err != nil {
				return err
			}
		}
		return nil
	}
	for _, s := range list {
		fmt.Fprintf(c.out, "%s (simulated)\n  REST    %s\n  stream  %s\n", s.Venue, s.REST, s.Stream)
		if s.Business != "" {
			fmt.Fprintf(c.out, "  also    %s\n", s.Business)
		}
		fmt.Fprintf(c.out, "  lists   %s\n", strings.Join(s.Symbols, " "))
		for _, k := range s.Keys {
			printKey(c.out, k)
		}
		if !s.Accounts {
			fmt.Fprintln(c.out, "  no account is kept here: signed requests are checked and not served")
		}
	}
	if !c.quiet {
		fmt.Fprintf(c.out, "Point a client at it by replacing the exchange's base addresses with these, as in ccxt:\n  exchange.urls['api'] = ... '%s' ...   (docs/operate/emulator.md)\nEnd with Ctrl-C.\n", list[0].REST)
	}
	return nil
}

func printKey(w io.Writer, k emulatedKey) {
	fmt.Fprintf(w, "  key     %s (%s)\n", k.Key, k.Rights)
	fmt.Fprintf(w, "  secret  %s\n", strings.ReplaceAll(strings.TrimSpace(k.Secret), "\n", "\\n"))
	if k.Passphrase != "" {
		fmt.Fprintf(w, "  phrase  %s\n", k.Passphrase)
	}
}

// printEntry tells what was done to a client, on standard error.
func (c *cli) printEntry(id market.VenueID, e emulator.Entry) {
	if c.quiet {
		return
	}
	if c.output == "json" || c.output == "jsonl" {
		_ = writeJSON(c.err, map[string]any{"at": e.At.UTC(), "venue": id, "what": e.What, "conn": e.Conn, "channel": e.Channel, "symbol": e.Symbol,
			"seq": e.Seq, "detail": e.Detail, "undetectable": e.Undetectable})
		return
	}
	fmt.Fprintf(c.err, "%s %s\n", id, e)
}
