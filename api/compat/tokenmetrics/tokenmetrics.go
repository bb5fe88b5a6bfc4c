// Package tokenmetrics is the face of Assay for clients written for the Token Metrics Data
// API, versions 2 and 3: the same paths, parameters, field names and envelope over our own
// rows. Such a client needs another base address and nothing else.
//
// It translates. What a path says comes from the catalogue, the board, stored candles and
// the engines of insight; a path whose engine is not there is answered by a baseline that
// says so in its message and its rows, or by no rows and a message that says what is
// missing. It never makes a number up and never copies the other API's values: names,
// types, ranges and semantics are alike, grades and signals are ours. What always holds:
// data is an array, all rows of an answer have the same fields, rows are newest first and
// then by market capitalisation, dates are UTC days and inclusive, and every failure has a
// message. It keeps no state besides a table of ids and reads no clock: the board's.
//
// app mounts it with api, which admits its callers and writes their refusals with Fail.
package tokenmetrics

import (
	"context"
	"iter"
	"net/http"
	"strings"
	"time"

	"github.com/assayhq/assay/asset"
	"github.com/assayhq/assay/fault"
	"github.com/assayhq/assay/insight"
	"github.com/assayhq/assay/market"
)

// Options are what the face is made of. Board, Candles and Assets must be given.
type Options struct {
	Board   market.Board
	Candles market.CandleReader
	// Assets lists the catalogue, always in the same order.
	Assets func() iter.Seq[asset.Asset]
	// Market gives figures; nil: tokens have prices only, and no capitalisation.
	Market insight.Market
	// Grades tells grades; nil: paths of grades have no rows.
	Grades insight.Grades
	// IDs are original token ids by asset, over those of the catalogue. An asset without
	// any gets one above 1,000,000 that depends on its code only.
	IDs map[asset.Code]int
	// Address is this server's as its clients know it, for links to assets, such as
	// https://api.example.com; empty: the one that a request was sent to.
	Address string
	// MaxTop bounds top_k; 0 is 100.
	MaxTop int
	// Now is the time of requests, for the date on which a limit ends; nil is the board's.
	Now func() time.Time
}

// Face answers requests of the other API. It is safe for many at once.
type Face struct {
	opt    Options
	book   *directory
	routes map[string]route
}

// route is one path: the parameters it has, in their folded form (fold), and what it does.
type route struct {
	params []string
	serve  func(context.Context, *query) (*answer, error)
}

// within bounds the time of one answer: the clients give up after eight seconds.
const within = 7 * time.Second

// New makes the face.
func New(opt Options) *Face {
	if opt.MaxTop <= 0 {
		opt.MaxTop = 100
	}
	if opt.Now == nil {
		opt.Now = opt.Board.Now
	}
	f := &Face{opt: opt, book: newDirectory(opt.Assets(), opt.IDs)}
	f.routes = f.paths()
	return f
}

// ServeHTTP answers a request whose path ends with a version and an endpoint, such as
// /compat/tokenmetrics/v2/price. The caller was admitted before.
func (f *Face) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.epoch(w.Header())
	version, name, ok := address(r.URL.Path)
	rt, found := f.routes[name]
	chat := name == "tmai"
	switch {
	case !ok || !found && !chat:
		f.fail(w, r, http.StatusNotFound, fault.New(fault.Unknown, "Endpoint not found"))
		return
	case chat && r.Method != http.MethodPost:
		w.Header().Set("Allow", "POST")
		f.fail(w, r, http.StatusMethodNotAllowed, fault.New(fault.Invalid, "use POST on tmai"))
		return
	case !chat && r.Method != http.MethodGet && r.Method != http.MethodHead:
		w.Header().Set("Allow", "GET, HEAD")
		f.fail(w, r, http.StatusMethodNotAllowed, fault.New(fault.Invalid, "use GET on %s", name))
		return
	}
	if chat {
		f.chat(w, r)
		return
	}
	q, err := f.read(r, version, rt.params)
	if err != nil {
		f.fail(w, r, 0, err)
		return
	}
	ctx, done := context.WithTimeout(r.Context(), within)
	defer done()
	a, err := rt.serve(ctx, q)
	if err != nil {
		f.fail(w, r, 0, err)
		return
	}
	f.write(w, r, q, a)
}

// address takes a path apart. A slash at the end is ignored; whatever stands before the
// version is where the face is mounted.
func address(path string) (version, name string, ok bool) {
	path = strings.TrimSuffix(path, "/")
	head, name, ok := cutLast(path)
	if !ok {
		return "", "", false
	}
	_, version, ok = cutLast(head)
	return version, name, ok && (version == "v1" || version == "v2" || version == "v3")
}

func cutLast(path string) (head, last string, ok bool) {
	i := strings.LastIndexByte(path, '/')
	if i < 0 {
		return "", "", false
	}
	return path[:i], path[i+1:], true
}

// usd is the currency of every amount.
const usd asset.Code = "USD"

// daily and hourly are the bars that are read.
const (
	daily  market.Interval = "1d"
	hourly market.Interval = "1h"
)

const day = 24 * time.Hour
