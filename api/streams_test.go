package api

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/assayhq/assay/access"
	"github.com/assayhq/assay/access/gate"
	"github.com/assayhq/assay/access/limit"
	"github.com/assayhq/assay/api/problem"
	"github.com/assayhq/assay/api/stream"
	"github.com/assayhq/assay/bus"
)

// let takes the caller over that the way in has found, as the app does.
type let struct{ *gate.Gate }

func (l let) Authenticate(r *http.Request) (*access.Caller, error) {
	return gate.Caller(r.Context()), nil
}

// TestStreamsThroughTheWholeWayIn opens streams as clients do: by header, by ticket and as
// server-sent events.
func TestStreamsThroughTheWholeWayIn(t *testing.T) {
	var hub *stream.Hub
	f := newFixture(t, func(o *Options) {
		var err error
		if hub, err = stream.New(stream.Options{Board: o.Board, Bus: bus.NewLocal(), Auth: let{o.Gate}}); err != nil {
			t.Fatal(err)
		}
		o.Stream = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			q := r.URL.Query()
			q.Del("ticket")
			r = r.Clone(r.Context())
			r.URL.RawQuery = q.Encode()
			hub.Handler().ServeHTTP(w, r)
		})
	})
	f.planned(t, limit.Plan{Name: "two", Version: 1, Connections: 2, Subscriptions: 3, Concurrency: 2})
	srv := httptest.NewServer(f.Server)
	defer srv.Close()
	ctx, stop := context.WithTimeout(t.Context(), 30*time.Second)
	defer stop()
	running, end := context.WithCancel(ctx)
	over := make(chan struct{})
	go func() { hub.Run(running); close(over) }()
	defer func() { end(); <-over }()

	dial := func(query string, h http.Header) (*websocket.Conn, *http.Response) {
		c, res, err := websocket.Dial(ctx, "ws"+strings.TrimPrefix(srv.URL, "http")+"/v1/stream"+query, &websocket.DialOptions{HTTPHeader: h})
		if err != nil {
			return nil, res
		}
		return c, res
	}
	ticket := func() string {
		w := f.ask("POST", "/v1/stream/tickets", "")
		var a struct{ Data Ticket }
		if err := json.Unmarshal(w.Body.Bytes(), &a); err != nil || w.Code != 201 {
			t.Fatal(w.Code, w.Body)
		}
		return "?ticket=" + a.Data.Ticket
	}
	sse := func(query string) *http.Response {
		r, _ := http.NewRequestWithContext(ctx, "GET", srv.URL+"/v1/stream/sse"+query, nil)
		res, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		return res
	}
	bearer := http.Header{"Authorization": {"Bearer " + f.key}}
	refused := func(res *http.Response) {
		t.Helper()
		b, _ := io.ReadAll(res.Body)
		var p Problem
		if err := json.Unmarshal(b, &p); err != nil || res.StatusCode != 429 || p.Type != problem.QuotaExceeded || len(p.Limits) != 1 || p.Limits[0].Policy != "connections" || p.Limits[0].Limit != 2 {
			t.Errorf("%s %s", res.Status, b)
		}
	}

	a, _ := dial("", bearer)
	b, _ := dial(ticket(), nil)
	if a == nil || b == nil {
		t.Fatal("a stream of the plan does not open")
	}
	_, res := dial("", bearer)
	refused(res)
	_, res = dial(ticket(), nil)
	refused(res)
	refused(sse(ticket() + "&topics=trades:BTC-USD"))

	b.Close(websocket.StatusNormalClosure, "")
	var events *http.Response
	for events == nil { // until the server has seen the end
		if r := sse(ticket() + "&topics=trades:BTC-USD"); r.StatusCode == 200 {
			events = r
		} else if ctx.Err() != nil {
			t.Fatal("what a closed stream held does not come back")
		} else {
			r.Body.Close()
		}
	}
	_, res = dial("", bearer)
	refused(res)
	events.Body.Close()
	a.CloseNow()
	for i := 0; i < 2; { // both are free again, and so is the concurrency of their requests
		if c, _ := dial("", bearer); c != nil {
			defer c.CloseNow()
			i++
		} else if ctx.Err() != nil {
			t.Fatal("what ended streams held does not come back")
		}
	}
	_, res = dial("", bearer)
	refused(res)
}
