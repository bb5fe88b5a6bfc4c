package api

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/assayhq/assay/access"
	"github.com/assayhq/assay/access/gate"
	"github.com/assayhq/assay/api/problem"
	"github.com/assayhq/assay/fault"
	"github.com/assayhq/assay/market"
	"github.com/assayhq/assay/market/export"
)

// Exports are the one kind of answer that is not made in memory first: a file is written
// while it is sent, and cut off when it fails, so that half of one cannot be taken for
// the whole. While it goes out it is a job that its app can look at and cancel.

const (
	defaultExports = 4   // at the same time
	appExports     = 2   // of one app; visitors of all networks are one app
	pastExports    = 100 // that have ended and are still told
	exportUnitRows = 2500
	exportStuck    = time.Minute // without any of it being taken: the client has gone
)

// ExportSpan are the parameters that both kinds of file have.
type ExportSpan struct {
	Pair        string `query:"pair" required:"true" maxLength:"2000" doc:"Pairs, separated by commas" example:"BTC-USD"`
	Start       string `query:"start" maxLength:"40" doc:"Inclusive. Milliseconds, RFC 3339 or a date; without it, from the first row there is" example:"2026-01-01T00:00:00Z"`
	End         string `query:"end" maxLength:"40" doc:"Exclusive; without it, up to now"`
	KnownBefore string `query:"known_before" maxLength:"40" doc:"Leave out what was not known here before that time"`
	Format      string `query:"format" enum:"parquet,arrow,csv,ndjson" default:"parquet" doc:"What kind of file"`
	Float       bool   `query:"float" doc:"Prices and amounts as binary floating point, which is not exact"`
	Estimate    bool   `query:"estimate" doc:"Answer how large the file will be, and nothing else"`
}

type exportCandlesIn struct {
	ExportSpan
	Venue      string `query:"venue" default:"consensus" maxLength:"500" doc:"Venues, separated by commas; consensus for bars of the fair price"`
	Interval   string `query:"interval" default:"1h" enum:"1s,5s,15s,30s,1m,3m,5m,15m,30m,1h,2h,4h,6h,8h,12h,1d,3d,1w,1M" doc:"Length of a candle, in UTC"`
	Indicators string `query:"indicators" maxLength:"4096" doc:"Columns beside the candles" example:"RSI,MACD(fast_period=5)"`
}

type exportTradesIn struct {
	ExportSpan
	Venue string `query:"venue" required:"true" maxLength:"500" doc:"Venues, separated by commas" example:"kraken"`
}

// ExportSize is how large a file will be.
type ExportSize struct {
	export.Estimate
	Units int `json:"units" doc:"What it costs of the caller's limit beside the request itself"`
}

// ExportJob is a file that is being sent, or was.
type ExportJob struct {
	ID        string          `json:"id"`
	Channel   string          `json:"channel" enum:"candles,trades"`
	Format    string          `json:"format" enum:"parquet,arrow,csv,ndjson"`
	State     string          `json:"state" enum:"running,done,cancelled,failed" doc:"cancelled: by the client that read it, by its app, or because its key ended"`
	Rows      int64           `json:"rows" doc:"Sent so far"`
	LeftOut   int64           `json:"left_out" doc:"Not known before known_before"`
	Bytes     int64           `json:"bytes"`
	Estimate  export.Estimate `json:"estimate"`
	Percent   float64         `json:"percent" doc:"Of the estimated rows; 100 when all was sent"`
	Rate      float64         `json:"rows_per_second"`
	Left      *float64        `json:"seconds_left" doc:"Until the estimated rows are sent; null when that cannot be told"`
	StartedAt time.Time       `json:"started_at"`
	EndedAt   *time.Time      `json:"ended_at" doc:"null while it runs"`
}

// exports are the jobs of a server.
type exports struct {
	mu      sync.Mutex
	jobs    []*exportJob // in order of their beginning
	running int
	most    int
}

type exportJob struct {
	id, org, app string
	visitor      bool
	req          export.Request
	e            *export.Export
	cancel       context.CancelFunc
	state        string
	begun, ended time.Time
	rate         float64 // at the end
}

func (s *Server) registerExports() {
	s.exports.most = s.opt.MaxExports
	if s.exports.most <= 0 {
		s.exports.most = defaultExports
	}
	op := func(id, method, path string, summary, doc string) Operation {
		return Operation{ID: id, Method: method, Path: path, Scope: access.MarketRead, Cost: 2, Tag: "Exports", Summary: summary, Doc: doc}
	}
	candles := op("export-candles", http.MethodGet, "/v1/exports/candles", "Candles as a file",
		"Parquet, Arrow, CSV or NDJSON of any range, streamed. Each row has `known_time`, from which on it was known here. Two units for 5,000 estimated rows, at most the burst. An answer that was cut off is no whole file. With `estimate=true` the answer is the size. Column by column: docs/operate/exports.md.")
	candles.file = true
	serve[exportCandlesIn, ExportSize](s, candles, func(ctx context.Context, in *exportCandlesIn, x *exchange) {
		list, err := export.ParseIndicators(in.Indicators)
		if err != nil {
			x.fail(atField("query.indicators", err))
			return
		}
		s.export(ctx, x, &in.ExportSpan, in.Venue, export.Request{Channel: market.Candles, Interval: market.Interval(in.Interval), Indicators: list})
	})
	trades := op("export-trades", http.MethodGet, "/v1/exports/trades", "Trades as a file", "As with candles. `known_time` is when we received it, or fetched it later.")
	trades.file = true
	serve[exportTradesIn, ExportSize](s, trades, func(ctx context.Context, in *exportTradesIn, x *exchange) {
		s.export(ctx, x, &in.ExportSpan, in.Venue, export.Request{Channel: market.Trades})
	})
	add(s, op("list-exports", http.MethodGet, "/v1/exports", "Files that are being sent", "Those of the caller's app, running ones and up to 100 that have ended, newest first. The header `Assay-Export` of a file has its id."), s.listExports)
	add(s, op("cancel-export", http.MethodDelete, "/v1/exports/jobs/{id}", "Stop sending a file", "Its client sees the answer cut off."), s.cancelExport)
}

// exportRequest completes what is asked for.
func (s *Server) exportRequest(in *ExportSpan, venues string, req export.Request) (export.Request, error) {
	var err error
	if req.From, err = parseTime("query.start", in.Start); err != nil {
		return req, err
	}
	if req.To, err = parseTime("query.end", in.End); err != nil {
		return req, err
	}
	if req.KnownBefore, err = parseTime("query.known_before", in.KnownBefore); err != nil {
		return req, err
	}
	req.Format, req.Float = export.Format(in.Format), in.Float
	for v := range strings.SplitSeq(venues, ",") {
		for text := range strings.SplitSeq(in.Pair, ",") {
			p, err := s.pair("query.pair", strings.TrimSpace(text))
			if err != nil {
				return req, err
			}
			of := market.Series{Venue: market.VenueID(strings.TrimSpace(v)), Pair: p}
			if !slices.Contains(req.Series, of) {
				req.Series = append(req.Series, of)
			}
		}
	}
	if yes, note := s.opt.Board.Simulated(); yes {
		req.Notes = map[string]string{"assay.simulated": note}
	}
	return req, nil
}

// export answers one request for a file.
func (s *Server) export(ctx context.Context, x *exchange, in *ExportSpan, venues string, req export.Request) {
	req, err := s.exportRequest(in, venues, req)
	if err != nil {
		x.fail(err)
		return
	}
	e, err := export.Open(ctx, export.Source{History: s.opt.History, Candles: s.opt.Candles, Now: s.opt.Board.Now}, req)
	if err != nil {
		if len(req.Series) == 1 && fault.Of(err) == fault.Unknown {
			if why := s.missing(req.Series[0].Venue, req.Series[0].Pair); why != nil {
				err = why
			}
		}
		x.fail(err)
		return
	}
	size := e.Estimate()
	units := s.exportUnits(x.caller, size.Rows)
	if in.Estimate {
		a := Answer[ExportSize]{Data: ExportSize{size, units}}
		for _, of := range req.Series {
			a.Meta.from(of.Venue)
		}
		x.send(http.StatusOK, &a.Meta, &cold[ExportSize]{&a, shapeOf[Answer[ExportSize]]()})
		return
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	j := &exportJob{org: x.caller.Org, app: x.caller.App, visitor: x.caller.KeyID == "", req: req, e: e, cancel: cancel, begun: s.opt.Gate.Now()}
	if err := s.exports.begin(j); err != nil {
		x.fail(err)
		return
	}
	state := "failed"
	defer func() { s.exports.end(j, state, s.opt.Gate.Now()) }()
	limit, err := s.opt.Gate.Allow(x.caller, units)
	limit.Set(x.Header())
	if err != nil {
		answer := limit.Answer
		x.fail(problem.Limit(err, s.opt.Gate.Plan(x.caller), &answer))
		return
	}
	x.units += units
	s.sendExport(ctx, x, j, &state)
}

// exportUnits is what the rows cost: as much as reading them in pages, but no more than
// the caller can ever have at once.
func (s *Server) exportUnits(c *access.Caller, rows int64) int {
	units := (rows + exportUnitRows - 1) / exportUnitRows
	if p := s.opt.Gate.Plan(c); p.Rate > 0 && p.Burst > 0 {
		units = min(units, max(1, p.Burst-2))
	}
	return int(min(units, 1<<30))
}

func (s *Server) sendExport(ctx context.Context, x *exchange, j *exportJob, state *string) {
	h := x.Header()
	h.Set("Content-Type", j.req.Format.Media())
	h.Set("Content-Disposition", `attachment; filename="`+exportName(&j.req)+`"`)
	h.Set("Assay-Export", j.id)
	size := j.e.Estimate()
	h.Set("Assay-Export-Estimate", fmt.Sprintf("rows=%d, bytes=%d", size.Rows, size.Bytes))
	if yes, _ := s.opt.Board.Simulated(); yes {
		h.Set("Assay-Simulated", "true")
	}
	h.Set("Trailer", "Assay-Export-Rows, Assay-Export-Left-Out")
	if x.r.Method == http.MethodHead {
		*state = "done"
		x.WriteHeader(http.StatusOK)
		return
	}
	// The server's deadlines are for answers that are made at once.
	c := http.NewResponseController(x.ResponseWriter)
	_ = c.SetReadDeadline(time.Time{}) //nolint:errcheck // a writer without deadlines needs none moved
	sum, err := j.e.Run(ctx, &patient{x, c, s.opt.Gate.Now, func() error { return s.opt.Gate.Live(x.caller) }})
	if err != nil {
		if ctx.Err() != nil || errors.Is(err, errClientGone) || fault.Of(err) == fault.Unauthentic {
			*state = "cancelled"
		} else {
			s.log.Error("an export failed", "request_id", x.id, "export", j.id, "rows", sum.Rows, "err", err)
		}
		if x.status == 0 && x.r.Context().Err() == nil { // nothing was sent yet: there is room for the reason
			for _, k := range []string{"Content-Disposition", "Trailer"} {
				h.Del(k)
			}
			x.fail(err)
			return
		}
		panic(http.ErrAbortHandler) // cut off: half a file must not look like a whole one
	}
	*state = "done"
	h.Set("Assay-Export-Rows", strconv.FormatInt(sum.Rows, 10))
	h.Set("Assay-Export-Left-Out", strconv.FormatInt(sum.LeftOut, 10))
}

// errClientGone is the cause when an answer could not be written.
var errClientGone = errors.New("the client does not read")

// patient gives each piece of a long answer its own time, and none to a key that has ended:
// a file can take hours. A gate that is out of touch for a while does not cut it off.
type patient struct {
	w    io.Writer
	c    *http.ResponseController
	now  func() time.Time
	live func() error // of the caller's key
}

func (p *patient) Write(b []byte) (int, error) {
	if err := p.live(); err != nil && fault.Of(err) == fault.Unauthentic {
		return 0, err
	}
	_ = p.c.SetWriteDeadline(p.now().Add(exportStuck)) //nolint:errcheck // see above
	n, err := p.w.Write(b)
	if err != nil {
		err = errors.Join(errClientGone, err)
	}
	return n, err
}

// exportName is what the file is saved as.
func exportName(r *export.Request) string {
	name := "assay-" + string(r.Channel)
	if len(r.Series) == 1 {
		name += "-" + string(r.Series[0].Venue) + "-" + string(r.Series[0].Pair)
	} else {
		name += fmt.Sprintf("-%d-series", len(r.Series))
	}
	if r.Interval != "" {
		name += "-" + string(r.Interval)
	}
	for _, t := range []time.Time{r.From, r.To} {
		if !t.IsZero() {
			name += "-" + t.Format("20060102")
		}
	}
	return strings.Map(func(c rune) rune {
		if c < '0' && c != '-' && c != '.' || c > 'z' || c > '9' && c < 'A' || c > 'Z' && c < 'a' {
			return '_'
		}
		return c
	}, name) + "." + string(r.Format)
}

// begin takes a place among the running exports.
func (e *exports) begin(j *exportJob) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	own := 0
	for _, o := range e.jobs {
		if o.state == "running" && o.visitor == j.visitor && (j.visitor || o.org == j.org && o.app == j.app) {
			own++
		}
	}
	switch {
	case own >= appExports:
		return fault.New(fault.Exhausted, "this app has %d exports running, which is all it may have: wait for one to end, or cancel one (DELETE /v1/exports/jobs/{id})", own)
	case e.running >= e.most:
		return fault.New(fault.Exhausted, "%d exports are running, which is all this server does at the same time: come back later", e.running)
	}
	e.running++
	j.id, j.state = "exp_"+strconv.FormatUint(rand.Uint64()|1<<63, 36), "running"
	e.jobs = append(e.jobs, j)
	for i := 0; len(e.jobs) > pastExports+e.most && i < len(e.jobs); i++ {
		if e.jobs[i].state != "running" {
			e.jobs = slices.Delete(e.jobs, i, i+1)
			break
		}
	}
	return nil
}

func (e *exports) end(j *exportJob, state string, now time.Time) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.running--
	j.state, j.ended, j.rate = state, now, j.e.Progress(time.Now()).Rate
}

type exportsIn struct{ Common }

func (s *Server) listExports(ctx context.Context, _ *exportsIn) (Answer[[]ExportJob], error) {
	a := Answer[[]ExportJob]{Data: []ExportJob{}, Meta: ours}
	c := gate.Caller(ctx)
	s.exports.mu.Lock()
	defer s.exports.mu.Unlock()
	for _, j := range slices.Backward(s.exports.jobs) {
		if j.of(c) {
			a.Data = append(a.Data, j.tell())
		}
	}
	return a, nil
}

type exportIn struct {
	ID string `path:"id" maxLength:"64" doc:"An export, from the header Assay-Export"`
	Common
}

func (s *Server) cancelExport(ctx context.Context, in *exportIn) (Answer[ExportJob], error) {
	a := Answer[ExportJob]{Meta: ours}
	c := gate.Caller(ctx)
	s.exports.mu.Lock()
	defer s.exports.mu.Unlock()
	for _, j := range s.exports.jobs {
		if j.id == in.ID && j.of(c) {
			j.cancel()
			a.Data = j.tell()
			return a, nil
		}
	}
	return a, fault.At(fault.Unknown, "path.id", "this app has no export %q; GET /v1/exports lists them", clip(in.ID, 40))
}

// of tells whether a job is the caller's app's. Visitors cannot be told apart, so they
// see none.
func (j *exportJob) of(c *access.Caller) bool {
	return c != nil && c.KeyID != "" && !j.visitor && j.org == c.Org && j.app == c.App
}

func (j *exportJob) tell() ExportJob {
	p := j.e.Progress(time.Now())
	out := ExportJob{ID: j.id, Channel: string(j.req.Channel), Format: string(j.req.Format), State: j.state, Rows: p.Rows, LeftOut: p.LeftOut, Bytes: p.Bytes,
		Estimate: j.e.Estimate(), Percent: p.Percent, Rate: p.Rate, StartedAt: j.begun, EndedAt: moment(j.ended)}
	if j.state != "running" {
		out.Rate = j.rate
	} else if p.Left > 0 {
		out.Left = ptr(p.Left.Seconds())
	}
	return out
}

// fileResponse documents the formats of files; the schema is of estimate=true alone.
func fileResponse(ok *huma.Response) {
	size := ok.Content[inJSON.media()]
	ok.Content = map[string]*huma.MediaType{inJSON.media(): size}
	for _, f := range export.Formats() {
		media, _, _ := strings.Cut(f.Media(), ";")
		ok.Content[media] = &huma.MediaType{Schema: &huma.Schema{Type: huma.TypeString, Format: "binary", Description: "The file"}}
	}
	for name, doc := range map[string]string{
		"Assay-Export":          "The job's id, for /v1/exports",
		"Assay-Export-Estimate": "About how long the file will be: rows=N, bytes=N",
		"Assay-Export-Rows":     "Trailer: rows in the file",
		"Assay-Export-Left-Out": "Trailer: rows not known before known_before",
	} {
		ok.Headers[name] = &huma.Param{Description: doc, Schema: &huma.Schema{Type: huma.TypeString}}
	}
}
