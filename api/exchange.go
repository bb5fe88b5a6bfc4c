package api

import (
	"bufio"
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/assayhq/assay/access"
	"github.com/assayhq/assay/access/gate"
	"github.com/assayhq/assay/access/idem"
	"github.com/assayhq/assay/access/signing"
)

// exchange is one request and the answer to it. It is the ResponseWriter that every
// handler gets, so that what was found out on the way in is at hand.
type exchange struct {
	http.ResponseWriter
	s      *Server
	r      *http.Request
	id     string
	began  time.Time
	op     *Operation     // nil outside the registry
	face   *Mount         // nil outside the faces that are mounted
	caller *access.Caller // nil where none was asked for
	format format
	number bool // decimals as JSON numbers
	status int
	bytes  int64
	units  int            // taken of the caller's limit
	read   *signing.Parts // the request as it is signed; nil: not needed yet
	proof  gate.Proof     // of its signature
	claim  *idem.Claim    // to do a request that may be repeated; nil: none, or settled
	kept   []byte         // the answer's body, when it was kept in the transaction that did the request
	leave  func()         // gives back the request that the caller may make at the same time; nil: none taken
	values [12]string     // of headers, so that they cost no memory of their own
	used   int
	told   bool // the watcher knows of it
}

// set gives a header one value. The key must be in its canonical form.
func (x *exchange) set(h http.Header, key, value string) {
	if x.used == len(x.values) {
		h[key] = []string{value}
		return
	}
	v := x.values[x.used : x.used+1 : x.used+1]
	v[0] = value
	x.used++
	h[key] = v
}

func (x *exchange) WriteHeader(status int) {
	if x.status == 0 && status >= 200 {
		x.status = status
	}
	x.ResponseWriter.WriteHeader(status)
}

func (x *exchange) Write(b []byte) (int, error) {
	if x.status == 0 {
		x.status = http.StatusOK
	}
	n, err := x.ResponseWriter.Write(b)
	x.bytes += int64(n)
	return n, err
}

// Unwrap, Flush and Hijack are for streams.
func (x *exchange) Unwrap() http.ResponseWriter { return x.ResponseWriter }

// Flush sends what was written so far.
func (x *exchange) Flush() { http.NewResponseController(x.ResponseWriter).Flush() }

// Hijack hands the connection over.
func (x *exchange) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	x.status = http.StatusSwitchingProtocols
	return http.NewResponseController(x.ResponseWriter).Hijack()
}

const levelAccess = slog.LevelInfo

func (x *exchange) logLine(ctx context.Context) {
	a := make([]slog.Attr, 0, 8)
	a = append(a,
		slog.String("request_id", x.id),
		slog.String("method", x.r.Method),
		slog.String("path", clip(x.r.URL.Path, 200)),
		slog.Int("status", x.status),
		slog.Int64("bytes", x.bytes),
		slog.Duration("took", x.s.opt.Gate.Now().Sub(x.began)))
	if x.op != nil {
		a = append(a, slog.String("operation", x.op.ID))
	}
	if x.caller != nil {
		a = append(a, slog.String("key", x.caller.KeyID))
	}
	x.s.log.LogAttrs(ctx, levelAccess, "request", a...)
}

// view is what huma sees of an exchange. huma reads and checks parameters; it never
// writes: what it wants to refuse comes out as a problem of ours.
type view struct {
	humaContext
	x   *exchange
	ctx context.Context
}

type humaContext huma.Context

func (v *view) Context() context.Context { return v.ctx }

// Header hides Accept: the format is chosen already.
func (v *view) Header(name string) string {
	if name == "Accept" {
		return ""
	}
	return v.humaContext.Header(name)
}
func (v *view) SetStatus(int)               {}
func (v *view) SetHeader(string, string)    {}
func (v *view) AppendHeader(string, string) {}
func (v *view) BodyWriter() io.Writer       { return refusal{v.x} }

// refusal is where huma writes an error to.
type refusal struct{ x *exchange }

func (refusal) Write(b []byte) (int, error) { return len(b), nil }
