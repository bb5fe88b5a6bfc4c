package app

import (
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/knadh/koanf/parsers/yaml"
	"github.com/knadh/koanf/providers/confmap"
	"github.com/knadh/koanf/providers/env/v2"
	"github.com/knadh/koanf/providers/file"
	"github.com/knadh/koanf/providers/structs"
	"github.com/knadh/koanf/v2"

	"github.com/assayhq/assay/access"
	"github.com/assayhq/assay/fault"
	"github.com/assayhq/assay/market"
	"github.com/assayhq/assay/market/venue/all"
)

// Config is everything that can be set. Every field has a default; none is needed.
// Sources, later ones win: defaults, the YAML file, ASSAY_* variables, flags.
type Config struct {
	Data     string   `koanf:"data" doc:"folder for everything that is stored"`
	Listen   string   `koanf:"listen" doc:"address of the API; loopback unless you say otherwise"`
	Venues   []string `koanf:"venues" doc:"exchanges to follow; empty means all that have a connector, without the second Coinbase feed"`
	Assets   []string `koanf:"assets" doc:"base assets to follow"`
	Quotes   []string `koanf:"quotes" doc:"quote assets to follow them in"`
	Pairs    []string `koanf:"pairs" doc:"more pairs to follow, such as ETH-BTC, BTC-USDT-PERP (a perpetual) or BTC-USDT-20261225 (a future)"`
	Channels []string `koanf:"channels" doc:"what to subscribe to: trades, quotes, books, candles; of contracts also derivatives (funding, open interest, mark and index price) and liquidations"`
	Backfill bool     `koanf:"backfill" doc:"fetch recent candles at start, and missing trades after an outage"`
	Public   []string `koanf:"public" doc:"scopes that need no key, such as market:read; empty means every request needs a key"`
	Origins  []string `koanf:"origins" doc:"web origins that browsers may call from; empty means the same origin only"`

	Insight   Insight             `koanf:"insight" doc:"what prices mean: figures"`
	Usage     Usage               `koanf:"usage" doc:"counting what apps use"`
	Control   Control             `koanf:"control" doc:"keys, rings, audit log: the control plane"`
	Secrets   Secrets             `koanf:"secrets" doc:"where secrets are kept"`
	Webhooks  Webhooks            `koanf:"webhooks" doc:"what is told to endpoints of owners"`
	Anomalies Anomalies           `koanf:"anomalies" doc:"watching for abuse of keys"`
	OAuth     OAuth               `koanf:"oauth" doc:"short-lived tokens that are lent for keys"`
	People    People              `koanf:"people" doc:"accounts of people"`
	Mail      Mail                `koanf:"mail" doc:"letters"`
	Backfills Backfills           `koanf:"backfills" doc:"history that is fetched when it is asked for"`
	Frames    Frames              `koanf:"frames" doc:"raw messages of the exchanges"`
	Retention Retention           `koanf:"retention" doc:"how long rows are kept, such as 720h; 0 means for ever"`
	Accounts  map[string]string   `koanf:"accounts" doc:"accounts at exchanges that may be read, by the exchange's id: the name of the secret that holds the key, such as exchange/kraken; never the key itself"`
	Endpoints map[string]Endpoint `koanf:"endpoints" doc:"other addresses of an exchange, by its id: stream and rest"`
	MCP       MCP                 `koanf:"mcp" doc:"tools for language models"`
	Compat    Compat              `koanf:"compat" doc:"APIs that others' clients speak"`
	Log       Log                 `koanf:"log" doc:"messages on standard error"`
}

// Control says where keys are kept and how this process stands among others.
type Control struct {
	URL             string        `koanf:"url" doc:"postgres://... to share keys among several servers; empty keeps them in the data folder. It may hold a password: give it as ASSAY_CONTROL_URL"`
	Node            string        `koanf:"node" doc:"name of this process for people; empty is host and address"`
	Lease           time.Duration `koanf:"lease" doc:"how long a server that cannot reach the control plane still decides; the longest a revocation can take"`
	Static          time.Duration `koanf:"static" doc:"how long it goes on answering reads beyond that; empty is 15m with keys in the data folder, and the lease with PostgreSQL"`
	NATS            string        `koanf:"nats" doc:"tls://host:4222 or nats://host:4222 to tell other servers of changes through NATS; empty leaves that to PostgreSQL. Only with url. It may hold a password: give it as ASSAY_CONTROL_NATS"`
	NATSCredentials string        `koanf:"nats_credentials" doc:"file of a NATS user's credentials (.creds)"`
	NATSCA          string        `koanf:"nats_ca" doc:"file of certificates by which NATS is trusted, instead of the system's"`
	NATSCertificate string        `koanf:"nats_certificate" doc:"file of the certificate that this server shows to NATS"`
	NATSKey         string        `koanf:"nats_key" doc:"file of that certificate's key"`
	Proxies         []string      `koanf:"proxies" doc:"networks of reverse proxies whose X-Forwarded-For is believed, such as 10.0.0.0/8"`
	Window          time.Duration `koanf:"window" doc:"how far the time of a signed request may be from this server's clock, at most 1m"`
}

// Usage settings.
type Usage struct {
	Durable bool `koanf:"durable" doc:"let an answer end only after its count is on disk: nothing billed is lost in a crash, and an answer takes a disk's fsync longer; otherwise at most about a second of counts is lost"`
}

// Backfills says how history is fetched when it is asked for.
type Backfills struct {
	Share   float64 `koanf:"share" doc:"part of what the feed leaves of a venue's request allowance that a backfill uses, unless it says so itself; above 0, at most 1"`
	Running int     `koanf:"running" doc:"backfills at the same time, one of each venue"`
}

// Frames says whether raw messages are kept.
type Frames struct {
	Keep     bool          `koanf:"keep" doc:"keep raw messages, so that a day can be decoded again"`
	MaxAge   time.Duration `koanf:"max_age" doc:"drop them when older"`
	MaxBytes int64         `koanf:"max_bytes" doc:"drop the oldest when all take more bytes than this"`
}

// Retention says how long rows are kept.
type Retention struct {
	Trades       time.Duration `koanf:"trades" doc:"single trades"`
	Quotes       time.Duration `koanf:"quotes" doc:"best bid and ask"`
	OneSecond    time.Duration `koanf:"candles_1s" doc:"one-second candles"`
	OneMinute    time.Duration `koanf:"candles_1m" doc:"one-minute candles"`
	OneHour      time.Duration `koanf:"candles_1h" doc:"one-hour candles"`
	Derivatives  time.Duration `koanf:"derivatives" doc:"what is said of contracts, at most once a second each; settled funding is kept for ever"`
	Liquidations time.Duration `koanf:"liquidations" doc:"liquidations"`
	QuotesKept   bool          `koanf:"store_quotes" doc:"store quotes at all; they are many"`
}

// Endpoint overrides an exchange's addresses.
type Endpoint struct {
	Stream string `koanf:"stream" doc:"such as wss://stream.example.com"`
	REST   string `koanf:"rest" doc:"such as https://api.example.com"`
}

// Log says what is logged and how.
type Log struct {
	Level  string `koanf:"level" doc:"debug, info, warn or error"`
	Format string `koanf:"format" doc:"text, json, or auto: text on a terminal, json otherwise"`
}

// Defaults gives a config that works as it is.
func Defaults() Config {
	return Config{
		Data:   dataDir(),
		Listen: "127.0.0.1:8080",
		Assets: []string{"BTC", "ETH", "SOL", "XRP", "ADA", "DOGE", "LTC", "BNB", "LINK", "DOT"},
		Quotes: []string{"USD", "USDT", "USDC", "EUR"},
		Pairs: []string{"USDT-USD", "USDC-USD", "EUR-USD", "USDT-EUR", "USDC-USDT", "ETH-BTC",
			"BTC-USDT-PERP", "ETH-USDT-PERP", "BTC-USDC-PERP", "ETH-USDC-PERP", "BTC-USD-PERP", "ETH-USD-PERP"},
		Channels:  []string{"trades", "quotes", "books", "derivatives", "liquidations"},
		Backfill:  true,
		Backfills: Backfills{Share: 0.5, Running: 4},
		Control:   Control{Lease: 10 * time.Second, Window: 5 * time.Second},
		Secrets:   Secrets{Refresh: time.Minute},
		Compat:    defaultCompat(),
		Frames:    Frames{MaxAge: 24 * time.Hour, MaxBytes: 2 << 30},
		Retention: Retention{
			Trades: 30 * 24 * time.Hour, Quotes: 7 * 24 * time.Hour, OneSecond: 3 * 24 * time.Hour, Derivatives: 30 * 24 * time.Hour, QuotesKept: true,
		},
		Log: Log{Level: "info", Format: "auto"},

		MCP:     MCP{Enabled: true},
		Insight: Insight{Bands: "even", Hysteresis: 2, Confirm: 2},

		Anomalies: Anomalies{Org: "default", Learn: 7 * 24 * time.Hour},
	}
}

func dataDir() string {
	if d := os.Getenv("XDG_DATA_HOME"); d != "" {
		return filepath.Join(d, "assay")
	}
	if h, err := os.UserHomeDir(); err == nil {
		return filepath.Join(h, ".local", "share", "assay")
	}
	return "assay-data"
}

// LoadConfig reads defaults, then the file (if path is not ""), then the
// environment, then overrides, and checks the result.
func LoadConfig(path string, environ []string, overrides map[string]any) (Config, error) {
	k := koanf.New(".")
	if err := k.Load(structs.Provider(Defaults(), "koanf"), nil); err != nil {
		return Config{}, err
	}
	if path != "" {
		if err := k.Load(file.Provider(path), yaml.Parser()); err != nil {
			return Config{}, fault.Wrap(fault.Invalid, err, "the config file %s cannot be read", path)
		}
	}
	known := map[string]bool{}
	walk(reflect.TypeFor[Config](), "", func(key, _, _ string) { known[key] = true })
	var stray []string
	err := k.Load(env.Provider(".", env.Opt{
		Prefix:      "ASSAY_",
		EnvironFunc: func() []string { return environ },
		TransformFunc: func(name, v string) (string, any) {
			key := strings.ToLower(strings.TrimPrefix(name, "ASSAY_"))
			for cand := range known {
				if strings.ReplaceAll(cand, ".", "_") == key {
					if f := fieldType(cand); f != nil && f.Kind() == reflect.Slice {
						return cand, splitList(v)
					}
					return cand, v
				}
			}
			for _, other := range []string{"url", "api_key", "signing_key", "config", "shared", "sim_", "test_", "bench_", "secret_"} {
				if key == other || strings.HasSuffix(other, "_") && strings.HasPrefix(key, other) {
					return "", nil // for clients and tests, and secrets themselves
				}
			}
			stray = append(stray, name)
			return "", nil
		},
	}), nil)
	if err != nil {
		return Config{}, err
	}
	if len(stray) > 0 {
		slices.Sort(stray)
		return Config{}, fault.At(fault.Invalid, stray[0], "there is no setting for the variable %s; `assay config doc` lists them", stray[0])
	}
	if err := k.Load(confmap.Provider(overrides, "."), nil); err != nil {
		return Config{}, err
	}
	for _, key := range k.Keys() {
		if rest, ok := strings.CutPrefix(key, "accounts."); ok {
			if id, _, deeper := strings.Cut(rest, "."); deeper {
				return Config{}, inTheClear("accounts."+clipped(id), clipped(id))
			}
			continue
		}
		if !known[key] && !strings.HasPrefix(key, "endpoints.") && !strings.HasPrefix(key, "secrets.destinations.") {
			return Config{}, fault.At(fault.Invalid, key, "there is no setting %q; `assay config doc` lists them%s", key, near(key, known))
		}
	}
	var c Config
	if err := k.Unmarshal("", &c); err != nil {
		return c, fault.Wrap(fault.Invalid, err, "a setting has the wrong form: %v", err)
	}
	return c, c.Check()
}

func near(key string, known map[string]bool) string {
	for k := range known {
		if strings.HasSuffix(k, key) || strings.HasPrefix(k, key) || len(k) == len(key) && k[0] == key[0] {
			return fmt.Sprintf(" (did you mean %q?)", k)
		}
	}
	return ""
}

func splitList(v string) []string {
	out := []string{}
	for _, s := range strings.Split(v, ",") {
		if s = strings.TrimSpace(s); s != "" {
			out = append(out, s)
		}
	}
	return out
}

// Check tells the first thing that is wrong, and how to put it right.
func (c *Config) Check() error {
	if _, _, err := net.SplitHostPort(c.Listen); err != nil {
		return fault.At(fault.Invalid, "listen", "%q is no address; write host:port, such as 127.0.0.1:8080", c.Listen)
	}
	for _, v := range c.Venues {
		if _, ok := all.Driver(market.VenueID(v)); !ok {
			return fault.At(fault.Invalid, "venues", "there is no venue %q; known are %s", v, venueList())
		}
	}
	for v := range c.Endpoints {
		if _, ok := all.Driver(market.VenueID(v)); !ok {
			return fault.At(fault.Invalid, "endpoints", "there is no venue %q; known are %s", v, venueList())
		}
	}
	if err := c.checkAccounts(); err != nil {
		return err
	}
	for i, p := range c.Pairs {
		q, err := market.ParsePair(p)
		if err != nil {
			return fault.At(fault.Invalid, fmt.Sprintf("pairs[%d]", i), "%s", fault.Public(err))
		}
		c.Pairs[i] = string(q)
	}
	for _, ch := range c.Channels {
		if !slices.Contains(channels, ch) {
			return fault.At(fault.Invalid, "channels", "there is no channel %q; use %s", ch, strings.Join(channels, ", "))
		}
	}
	for _, s := range c.Public {
		if _, ok := access.Scopes()[access.Scope(s)]; !ok {
			return fault.At(fault.Invalid, "public", "there is no scope %q", s)
		}
	}
	if err := c.Anomalies.check(); err != nil {
		return err
	}
	if !slices.Contains([]string{"debug", "info", "warn", "error"}, c.Log.Level) {
		return fault.At(fault.Invalid, "log.level", "%q is no level; use debug, info, warn or error", c.Log.Level)
	}
	if !slices.Contains([]string{"text", "json", "auto"}, c.Log.Format) {
		return fault.At(fault.Invalid, "log.format", "%q is no format; use text, json or auto", c.Log.Format)
	}
	return nil
}

// channels are those that can be subscribed to.
var channels = []string{"trades", "quotes", "books", "candles", "derivatives", "liquidations"}

// drivers gives the venues to follow.
func (c *Config) venueIDs() []market.VenueID {
	var out []market.VenueID
	for _, v := range c.Venues {
		out = append(out, market.VenueID(v))
	}
	if len(out) == 0 {
		for _, d := range all.Drivers() {
			if d.Spec.ID != "coinbaseexchange" { // the same book as coinbase: it would count twice in the consensus
				out = append(out, d.Spec.ID)
			}
		}
	}
	return out
}

// pick chooses the instruments to follow among what a venue trades.
func (c *Config) pick(list []market.Instrument) []market.Instrument {
	bases, quotes, pairs := set(c.Assets), set(c.Quotes), set(c.Pairs)
	var out []market.Instrument
	seen := map[market.Pair]bool{}
	for _, in := range list {
		if in.Guessed || seen[in.Pair] || in.Status != market.Trading && in.Status != market.StatusUnknown {
			continue
		}
		if pairs[string(in.Pair)] || in.Kind == market.Spot && bases[string(in.Base)] && quotes[string(in.Quote)] {
			seen[in.Pair] = true
			out = append(out, in)
		}
	}
	return out
}

func set(list []string) map[string]bool {
	out := map[string]bool{}
	for _, s := range list {
		out[strings.ToUpper(s)] = true
	}
	return out
}

// walk visits every setting: its key, type and documentation.
func walk(t reflect.Type, prefix string, visit func(key, kind, doc string)) {
	for f := range t.Fields() {
		key := prefix + f.Tag.Get("koanf")
		if f.Type.Kind() == reflect.Struct {
			walk(f.Type, key+".", visit)
			continue
		}
		kind := f.Type.String()
		switch {
		case f.Type == reflect.TypeFor[time.Duration]():
			kind = "duration"
		case f.Type.Kind() == reflect.Slice:
			kind = "list"
		case f.Type.Kind() == reflect.Map:
			kind = "map"
		}
		visit(key, kind, f.Tag.Get("doc"))
	}
}

func fieldType(key string) reflect.Type {
	t := reflect.TypeFor[Config]()
	for _, part := range strings.Split(key, ".") {
		var found reflect.Type
		for f := range t.Fields() {
			if f.Tag.Get("koanf") == part {
				found = f.Type
			}
		}
		if found == nil {
			return nil
		}
		t = found
	}
	return t
}

// Doc writes the reference of all settings as Markdown.
func Doc(w io.Writer) {
	fmt.Fprint(w, "# Settings\n\nGenerated by `assay config doc`. Sources, later ones win: defaults, the YAML file (`--config`), environment, flags.\n\n| setting | variable | form | default | meaning |\n|---|---|---|---|---|\n")
	k := koanf.New(".")
	d := Defaults()
	d.Data = "~/.local/share/assay"
	if err := k.Load(structs.Provider(d, "koanf"), nil); err != nil {
		return
	}
	walk(reflect.TypeFor[Config](), "", func(key, kind, doc string) {
		def := fmt.Sprint(k.Get(key))
		switch v := k.Get(key).(type) {
		case []string:
			def = strings.Join(v, ", ")
		case nil:
			def = ""
		case map[string]any, map[string]string:
			def = ""
		}
		fmt.Fprintf(w, "| `%s` | `ASSAY_%s` | %s | %s | %s |\n", key, strings.ToUpper(strings.ReplaceAll(key, ".", "_")), kind, def, doc)
	})
}
