package api

import (
	"encoding/base64"
	"encoding/binary"
	"hash/fnv"
	"strconv"
	"strings"
	"time"

	"github.com/assayhq/assay/asset"
	"github.com/assayhq/assay/fault"
	"github.com/assayhq/assay/market"
)

// Common are the parameters of every operation.
type Common struct {
	Format  string `query:"format" enum:"json,jsonl,xml,csv,columns" doc:"Instead of Accept: json, jsonl (one row per line), xml, csv, columns (one array per column)"`
	Decimal string `query:"decimal" enum:"string,number" doc:"How JSON has decimals: string (default, exact) or number"`
}

// Span is a range of time and rows.
type Span struct {
	Start  string `query:"start" maxLength:"40" doc:"Inclusive. Milliseconds, RFC 3339 or a date" example:"2026-01-01T00:00:00Z"`
	End    string `query:"end" maxLength:"40" doc:"Exclusive"`
	Limit  int    `query:"limit" minimum:"1" maximum:"5000" default:"500" doc:"Rows at most"`
	Cursor string `query:"cursor" maxLength:"512" doc:"From next_cursor of the page before; the other parameters stay the same"`
}

// Known is a moment of the past to be put back to.
type Known struct {
	KnownAt string `query:"known_at" maxLength:"40" doc:"Give what was known here at that moment, not what is known now. Milliseconds, RFC 3339 or a date"`
}

// then gives the moment; zero for now.
func (k *Known) then(now time.Time) (time.Time, error) {
	at, err := parseTime("query.known_at", k.KnownAt)
	if err == nil && at.After(now) {
		err = fault.At(fault.Invalid, "query.known_at", "%s is not over yet: nobody knows what will be known then", k.KnownAt)
	}
	return at, err
}

// Page is a part of a list.
type Page struct {
	Limit  int    `query:"limit" minimum:"1" maximum:"5000" default:"500" doc:"Rows at most"`
	Cursor string `query:"cursor" maxLength:"512" doc:"From next_cursor of the page before; the other parameters stay the same"`
}

// times gives the bounds of a span; zero where not given.
func (p *Span) times() (start, end time.Time, err error) {
	if start, err = parseTime("query.start", p.Start); err != nil {
		return start, end, err
	}
	if end, err = parseTime("query.end", p.End); err != nil {
		return start, end, err
	}
	if !start.IsZero() && !end.IsZero() && !start.Before(end) {
		return start, end, fault.At(fault.Invalid, "query.end", "end is not after start; start is inclusive and end exclusive")
	}
	return start, end, nil
}

// parseTime reads milliseconds, RFC 3339 or a date. Ten digits would be seconds; they
// are refused, because taking them for either gives someone data of 1970.
func parseTime(field, s string) (time.Time, error) {
	if s == "" {
		return time.Time{}, nil
	}
	wrong := func(format string, args ...any) (time.Time, error) {
		return time.Time{}, fault.At(fault.Invalid, field, format, args...)
	}
	if strings.Trim(s, "0123456789") == "" {
		switch n, err := strconv.ParseInt(s, 10, 64); {
		case len(s) == 10:
			return wrong("%s has 10 digits and looks like seconds; times are in milliseconds: %s000", s, s)
		case err != nil || len(s) < 12 || len(s) > 13:
			return wrong("%s is no time in milliseconds, which has 13 digits", clip(s, 30))
		default:
			return time.UnixMilli(n).UTC(), nil
		}
	}
	// A plus that was not escaped arrives as a space.
	s = strings.Replace(s, " ", "+", 1)
	for _, form := range []string{time.RFC3339Nano, time.DateOnly} {
		if t, err := time.Parse(form, s); err == nil {
			if t.Year() < 1970 || t.Year() > 2200 {
				return wrong("%s is outside the years 1970 to 2200", clip(s, 40))
			}
			return t.UTC(), nil
		}
	}
	return wrong("%q is no time; write 2026-01-31, 2026-01-31T12:00:00Z or milliseconds", clip(s, 40))
}

// pair reads a pair, with other names of its assets put into ours: XBT/USD is BTC-USD.
func (s *Server) pair(field, text string) (market.Pair, error) {
	p := market.Pair(text)
	if !canonical(text) {
		var err error
		if p, err = market.ParsePair(text); err != nil {
			return "", fault.At(fault.Invalid, field, "%s", fault.Public(err))
		}
	}
	base, quote := s.opt.Assets.Normalize("", string(p.Base())), s.opt.Assets.Normalize("", string(p.Quote()))
	if base == p.Base() && quote == p.Quote() {
		return p, nil
	}
	_, rest, _ := strings.Cut(string(p), "-")
	_, kind, dated := strings.Cut(rest, "-")
	p = market.NewPair(base, quote)
	if dated {
		p += market.Pair("-" + kind)
	}
	return p, nil
}

// canonical tells whether a spot pair is written as we write it, which is the usual
// case and needs no parsing.
func canonical(s string) bool {
	dash := 0
	for i := range len(s) {
		c := s[i]
		switch {
		case c == '-' && dash == 0 && i > 0:
			dash = i
		case (c < 'A' || c > 'Z') && (c < '0' || c > '9'):
			return false
		}
	}
	return dash > 0 && dash < len(s)-1 && len(s) <= 64
}

// missing says why there is no data of a pair at a venue: one of them does not exist.
// It gives nil when both do.
func (s *Server) missing(v market.VenueID, p market.Pair) error {
	if v != "" && v != market.ConsensusVenue {
		if _, err := s.venueState(string(v)); err != nil {
			return err
		}
	}
	if p == "" {
		return nil
	}
	var pairs []string
	elsewhere := false
	for _, i := range s.opt.Board.Instruments() {
		switch {
		case i.Pair == p && (v == "" || v == market.ConsensusVenue || v == i.Venue):
			return nil
		case i.Pair == p:
			elsewhere = true
		}
		pairs = append(pairs, string(i.Pair))
	}
	if v == market.ConsensusVenue { // bars of a price over venues that quote in something else
		if _, ok := s.opt.Board.Price(p.Base(), p.Quote()); ok {
			return nil
		}
	}
	if elsewhere {
		return fault.At(fault.Unknown, "venue", "%s does not trade %s; /v1/instruments?base=%s&quote=%s lists who does", v, p, p.Base(), p.Quote())
	}
	near := nearest(string(p), pairs, 3)
	return &problemError{suggestions: dedupe(near), error: fault.At(fault.Unknown, "pair", "%s", didYouMean("no venue here trades "+string(p), string(p), near))}
}

func dedupe(in []string) (out []string) {
	for _, s := range in {
		found := false
		for _, o := range out {
			found = found || o == s
		}
		if !found {
			out = append(out, s)
		}
	}
	return out
}

// code resolves an asset by anything a person may call it.
func (s *Server) code(field, text string) (asset.Code, error) {
	if len(text) <= 12 { // the usual case costs nothing
		if a, ok := s.opt.Assets.Get(asset.Code(text)); ok {
			return a.Code, nil
		}
	}
	a, err := s.opt.Assets.Resolve(text)
	if err != nil {
		return "", atField(field, err)
	}
	return a.Code, nil
}

// atField adds the place to an error that has none.
func atField(field string, err error) error {
	if fault.Field(err) != "" {
		return err
	}
	return &problemError{error: err, details: []detail{{Location: field, Message: fault.Public(err)}}}
}

// A cursor is where a list goes on, with a digest of the filters it belongs to: going
// on in another list would skip rows silently, so it is refused. Callers see opaque text.
const cursorVersion = 1

func filterDigest(op string, filters ...string) uint64 {
	h := fnv.New64a()
	h.Write([]byte(op))
	for _, f := range filters {
		h.Write([]byte{0})
		h.Write([]byte(f))
	}
	return h.Sum64()
}

func makeCursor(digest uint64, position ...int64) string {
	b := binary.BigEndian.AppendUint64([]byte{cursorVersion}, digest)
	for _, p := range position {
		b = binary.AppendVarint(b, p)
	}
	return base64.RawURLEncoding.EncodeToString(b)
}

// readCursor gives n numbers of a position, or nil when there is no cursor.
func readCursor(text string, digest uint64, n int) ([]int64, error) {
	if text == "" {
		return nil, nil
	}
	b, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil || len(b) < 9 || b[0] != cursorVersion {
		return nil, fault.At(fault.Invalid, "query.cursor", "this is no cursor; take it whole from next_cursor of the page before")
	}
	if binary.BigEndian.Uint64(b[1:]) != digest {
		return nil, fault.At(fault.Invalid, "query.cursor", "this cursor is of a list with other filters; keep them, or begin without a cursor")
	}
	b = b[9:]
	out := make([]int64, n)
	for i := range out {
		v, used := binary.Varint(b)
		if used <= 0 || v < 0 {
			return nil, fault.At(fault.Invalid, "query.cursor", "this is no cursor; take it whole from next_cursor of the page before")
		}
		out[i], b = v, b[used:]
	}
	if len(b) > 0 {
		return nil, fault.At(fault.Invalid, "query.cursor", "this is no cursor; take it whole from next_cursor of the page before")
	}
	return out, nil
}

// page cuts a list that is in memory.
func page[T any](rows []T, p Page, m *Meta, digest uint64) ([]T, error) {
	at, err := readCursor(p.Cursor, digest, 1)
	if err != nil {
		return nil, err
	}
	if at != nil {
		rows = rows[min(int(min(at[0], 1<<30)), len(rows)):]
	}
	if len(rows) > p.Limit {
		from := int64(p.Limit)
		if at != nil {
			from += at[0]
		}
		m.NextCursor = makeCursor(digest, from)
		rows = rows[:p.Limit]
	}
	return rows, nil
}
