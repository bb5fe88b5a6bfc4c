package stream

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/assayhq/assay/asset"
	"github.com/assayhq/assay/fault"
	"github.com/assayhq/assay/market"
)

// request is one message of a client, read strictly: a field nobody knows is an
// error, because a misspelt field that is passed over is a fault found much later.
type request struct {
	op     string
	id     json.RawMessage // as sent; nil if none
	topics []wish
	sids   []uint32 // unsubscribe
	token  string   // reauth; it is told to nobody but the gate
}

const (
	maxToken = 8 << 10 // bytes of a key, or of a token that was lent for one
	maxID    = 256     // bytes of an id
	maxDepth = 5000    // levels of a book that can be asked for
)

// parse reads a message. Whatever it could read stands in the request, so that an
// error can be answered with the message's id.
func parse(msg []byte) (request, error) {
	var q request
	if !utf8.Valid(msg) {
		return q, fault.At(fault.Invalid, "message", "the message is not UTF-8")
	}
	top, err := object("message", msg)
	if err != nil {
		return q, err
	}
	for _, f := range top {
		if f.name == "id" {
			if len(f.value) > maxID {
				return q, fault.At(fault.Invalid, "id", "the id is longer than %d bytes: send a number or a short text", maxID)
			}
			q.id = f.value
		}
	}
	for _, f := range top {
		if f.name == "op" {
			if q.op, err = text("op", f.value); err != nil {
				return q, err
			}
		}
	}
	known := []string{"op", "id"}
	switch q.op {
	case "subscribe":
		known = append(known, "topics")
	case "unsubscribe":
		known = append(known, "topics", "sids")
	case "reauth":
		known = append(known, "token")
	case "ping":
	case "":
		return q, fault.At(fault.Invalid, "op", "`op` is missing: it says what to do, one of subscribe, unsubscribe, reauth, ping")
	default:
		return q, fault.At(fault.Invalid, "op", "there is no op %q: use subscribe, unsubscribe, reauth or ping", clip(q.op))
	}
	for _, f := range top {
		switch {
		case !slices.Contains(known, f.name):
			return q, strange("", f.name, known)
		case f.name == "topics":
			if q.topics, err = topics("topics", f.value); err != nil {
				return q, err
			}
		case f.name == "sids":
			if err := json.Unmarshal(f.value, &q.sids); err != nil {
				return q, fault.At(fault.Invalid, "sids", "`sids` is a list of the numbers that `subscribed` told")
			}
		case f.name == "token":
			if q.token, err = text("token", f.value); err == nil && len(q.token) > maxToken {
				err = fault.At(fault.Invalid, "token", "the token is longer than any key or token: send one, asy_...")
			}
			if err != nil {
				q.token = ""
				return q, err
			}
		}
	}
	if q.op == "reauth" {
		if q.token == "" {
			return q, fault.At(fault.Invalid, "token", "`token` is missing: the key that the stream goes on with, asy_...")
		}
		return q, nil
	}
	if q.op != "ping" && len(q.topics)+len(q.sids) == 0 {
		return q, fault.At(fault.Invalid, "topics", `name at least one topic, such as {"ch":"trades","pair":"BTC-USD"}`)
	}
	return q, nil
}

// topics reads a list of topics.
func topics(where string, raw []byte) ([]wish, error) {
	var list []json.RawMessage
	if err := json.Unmarshal(raw, &list); err != nil {
		return nil, fault.At(fault.Invalid, where, "`%s` is a list of objects", where)
	}
	out := make([]wish, 0, len(list))
	for i, r := range list {
		w, err := wanted(fmt.Sprintf("%s[%d]", where, i), r)
		if err != nil {
			return nil, err
		}
		out = append(out, w)
	}
	return out, nil
}

// fieldsOf says which fields a channel takes besides ch, pair and from_seq.
var fieldsOf = map[market.Channel][]string{
	market.Trades: {"venue"}, market.Quotes: {"venue"}, market.Books: {"venue", "depth"},
	market.Derivatives: {"venue"}, market.Liquidations: {"venue"},
	market.Candles: {"venue", "interval"}, indicators: {"venue", "interval", "functions"}, market.Prices: {"venue", "asset", "quote"},
}

// wanted reads one topic.
func wanted(where string, raw []byte) (wish, error) {
	w := wish{where: where}
	fs, err := object(where, raw)
	if err != nil {
		return w, err
	}
	var base, quote, pair string
	for _, f := range fs {
		at := where + "." + f.name
		var s string
		var err error
		switch f.name {
		case "ch", "pair", "asset", "quote", "venue", "interval", "functions":
			s, err = text(at, f.value)
		}
		switch f.name {
		case "ch":
			w.ch = market.Channel(s)
		case "pair":
			pair = s
		case "asset":
			base = s
		case "quote":
			quote = s
		case "venue":
			w.venue = market.VenueID(strings.ToLower(s))
		case "interval":
			w.interval = market.Interval(s)
		case "functions":
			w.functions = s
		case "depth":
			w.depth, err = depth(at, string(f.value))
		case "from_seq":
			w.resume = true
			if w.from, err = strconv.ParseUint(string(f.value), 10, 63); err != nil {
				err = fault.At(fault.Invalid, at, "`from_seq` is the `seq` of the last message you have, a whole number")
			}
		default:
			err = strange(where, f.name, append([]string{"ch", "pair", "from_seq"}, fieldsOf[w.ch]...))
		}
		if err != nil {
			return w, err
		}
	}
	return w, w.settle(base, quote, pair, func(name string) bool {
		return slices.ContainsFunc(fs, func(f field) bool { return f.name == name })
	})
}

// settle puts the parts together and refuses those that do not belong to the channel.
func (w *wish) settle(base, quote, pair string, has func(string) bool) error {
	takes, ok := fieldsOf[w.ch]
	if !ok {
		if w.ch == "" {
			return fault.At(fault.Invalid, w.where+".ch", "`ch` is missing: one of trades, quotes, books, candles, indicators, price, derivatives, liquidations")
		}
		return fault.At(fault.Invalid, w.where+".ch", "there is no channel %q: use trades, quotes, books, candles, indicators, price, derivatives or liquidations", clip(string(w.ch)))
	}
	for _, name := range []string{"venue", "depth", "interval", "functions", "asset", "quote"} {
		if has(name) && !slices.Contains(takes, name) {
			return strange(w.where, name, append([]string{"ch", "pair", "from_seq"}, takes...))
		}
	}
	if pair != "" && (base != "" || quote != "") {
		return fault.At(fault.Invalid, w.where+".pair", "give either `pair`, or `asset` and `quote`")
	}
	if pair == "" && w.ch == market.Prices && base != "" {
		if quote == "" {
			quote = string(usd)
		}
		pair = string(market.NewPair(asset.Code(base), asset.Code(quote)))
	}
	if pair == "" {
		return fault.At(fault.Invalid, w.where+".pair", "`pair` is missing: write BASE-QUOTE, such as BTC-USD")
	}
	p, err := market.ParsePair(pair)
	if err != nil {
		return fault.At(fault.Invalid, w.where+".pair", "%s", fault.Public(err))
	}
	w.pair = p
	if w.ch == indicators {
		if err := w.settleStudy(); err != nil {
			return err
		}
	}
	if w.ch == market.Candles || w.ch == indicators {
		if w.interval == "" {
			return fault.At(fault.Invalid, w.where+".interval", "`interval` is missing: the length of the bars, such as 1m")
		}
		if w.interval, err = market.ParseInterval(string(w.interval)); err != nil {
			return fault.At(fault.Invalid, w.where+".interval", "%s", fault.Public(err))
		}
	}
	return nil
}

// grammar reads the topics of an address: `ch:PAIR[@venue][/interval or depth]`, for
// indicators `/interval/function`, with commas between, or the JSON list that a WebSocket takes.
func grammar(s string) ([]wish, error) {
	if s = strings.TrimSpace(s); strings.HasPrefix(s, "[") {
		return topics("topics", []byte(s))
	}
	var out []wish
	for i, part := range apart(s) {
		w := wish{where: fmt.Sprintf("topics[%d]", i)}
		ch, rest, ok := strings.Cut(strings.TrimSpace(part), ":")
		if !ok {
			return nil, fault.At(fault.Invalid, w.where, "%q is no topic: write CHANNEL:PAIR[@VENUE][/INTERVAL or DEPTH], such as trades:BTC-USD@kraken", clip(part))
		}
		w.ch = market.Channel(ch)
		rest, extra, hasExtra := strings.Cut(rest, "/")
		pair, v, hasVenue := strings.Cut(rest, "@")
		w.venue = market.VenueID(strings.ToLower(v))
		var err error
		if hasExtra && w.ch == market.Books {
			w.depth, err = depth(w.where, extra)
		} else {
			if w.ch == indicators {
				extra, w.functions, _ = strings.Cut(extra, "/")
			}
			w.interval = market.Interval(extra)
		}
		if err == nil {
			err = w.settle("", "", pair, func(name string) bool {
				return name == "venue" && hasVenue || name == "interval" && hasExtra && w.ch != market.Books
			})
		}
		if err != nil {
			return nil, err
		}
		out = append(out, w)
	}
	return out, nil
}

func depth(at, s string) (int, error) {
	n, err := strconv.Atoi(s)
	if err != nil || n < 0 || n > maxDepth {
		return 0, fault.At(fault.Invalid, at, "the depth is the levels of each side in a snapshot, 1 to %d, or 0 for all", maxDepth)
	}
	return n, nil
}

// field is one member of a JSON object, in the order sent.
type field struct {
	name  string
	value json.RawMessage
}

// object reads an object without losing the order or repeated names.
func object(where string, raw []byte) ([]field, error) {
	bad := func() error {
		return fault.At(fault.Invalid, where, `this is not a JSON object: send, for example, {"op":"subscribe","id":1,"topics":[{"ch":"trades","pair":"BTC-USD"}]}`)
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return nil, bad()
	}
	var out []field
	for d.More() {
		t, err := d.Token()
		name, ok := t.(string)
		if err != nil || !ok {
			return nil, bad()
		}
		var v json.RawMessage
		if err := d.Decode(&v); err != nil {
			return nil, bad()
		}
		if slices.ContainsFunc(out, func(f field) bool { return f.name == name }) {
			return nil, fault.At(fault.Invalid, where, "the field %q stands twice: send it once", clip(name))
		}
		out = append(out, field{name, v})
	}
	if _, err := d.Token(); err != nil {
		return nil, bad()
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, fault.At(fault.Invalid, where, "there is more behind the object: send one object in a message")
	}
	return out, nil
}

func text(where string, raw json.RawMessage) (string, error) {
	var s string
	if len(raw) == 0 || raw[0] != '"' || json.Unmarshal(raw, &s) != nil {
		return "", fault.At(fault.Invalid, where, "`%s` is a text in quotes", where)
	}
	return s, nil
}

// strange refuses a field, naming the one that was probably meant.
func strange(where, name string, known []string) error {
	at := name
	if where != "" {
		at = where + "." + name
	}
	hint := "known here: " + strings.Join(known, ", ")
	if n := near(name, known); len(n) > 0 {
		hint = "did you mean `" + n[0] + "`?"
	}
	return fault.At(fault.Invalid, clip(at), "there is no field `%s` here; %s", clip(name), hint)
}

// clip shortens what a client sent, and takes keys out that stand in the wrong place.
func clip(s string) string {
	if before, _, found := strings.Cut(s, "asy_"); found {
		return fmt.Sprintf("%.40s", before) + "asy_..."
	}
	return fmt.Sprintf("%.60s", s)
}
