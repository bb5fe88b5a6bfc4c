package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/modelcontextprotocol/go-sdk/mcp"
)

// syncBuffer is what a command prints while it runs.
type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// speak runs assay mcp and gives a client that is connected to it.
func speak(t *testing.T, args ...string) (s *mcp.ClientSession, stderr *syncBuffer, err error) {
	in, toServer := io.Pipe()
	fromServer, out := io.Pipe()
	stderr = &syncBuffer{}
	c := &cli{out: out, err: stderr}
	root := c.root()
	root.SetIn(in)
	root.SetArgs(append([]string{"mcp"}, args...))
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if err := root.ExecuteContext(t.Context()); err != nil {
			fmt.Fprintln(stderr, err)
		}
		out.Close()
	}()
	t.Cleanup(func() {
		toServer.Close()
		<-ended
	})
	s, err = mcp.NewClient(&mcp.Implementation{Name: "test", Version: "1"}, nil).Connect(t.Context(), &mcp.IOTransport{Reader: fromServer, Writer: toServer}, nil)
	return s, stderr, err
}

func TestMCPOnStandardStreamsAsksARunningServer(t *testing.T) {
	t.Setenv("ASSAY_API_KEY", "asy_test_of_this_test")
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer asy_test_of_this_test" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		switch r.URL.Path {
		case "/v1/me":
			fmt.Fprint(w, `{"data":{"scopes":["market:read"]},"meta":{}}`)
		case "/openapi.json":
			fmt.Fprint(w, `{"paths":{"/v1/prices":{"get":{"x-scope":"market:read"}},"/v1/me":{"get":{}},"/v1/correlation":{"get":{"x-scope":"analytics:read"}},"/v1/keys":{"post":{"x-scope":"keys:write"}}}}`)
		case "/v1/prices/BTC":
			fmt.Fprint(w, `{"data":{"asset":"BTC","price":"1"},"meta":{"sources":["kraken"]}}`)
		default:
			w.WriteHeader(http.StatusNotFound)
			fmt.Fprint(w, `{"code":"unknown","detail":"there is nothing here"}`)
		}
	}))
	defer srv.Close()
	s, _, err := speak(t, "--url", srv.URL)
	if err != nil {
		t.Fatal(err)
	}
	l, err := s.ListTools(t.Context(), nil)
	if err != nil || len(l.Tools) != 2 || l.Tools[0].Name != "account" || l.Tools[1].Name != "quote" {
		t.Error(l, err)
	}
	r, err := s.CallTool(t.Context(), &mcp.CallToolParams{Name: "quote", Arguments: json.RawMessage(`{"assets":"BTC"}`)})
	if err != nil || r.IsError || !strings.Contains(r.Content[0].(*mcp.TextContent).Text, `"kraken"`) {
		t.Error(r, err)
	}
	s.Close() //nolint:errcheck // it has said all
}

func TestMCPSaysThatNoServerAnswers(t *testing.T) {
	srv := httptest.NewServer(nil)
	url := srv.URL
	srv.Close()
	if _, _, err := speak(t, "--url", url); err == nil || !strings.Contains(err.Error(), "no server answers at "+url) {
		t.Error(err)
	}
}

func TestMCPRefusesSettingsThatAreWrong(t *testing.T) {
	for want, args := range map[string][]string{"market, insight, reference": {"mcp", "--tools", "trading"}, "tokenmetrics": {"mcp", "--set", "x"}, "address such as": {"mcp", "--url", "localhost"}} {
		if out, errs, code := assay(t, args...); code == 0 || out != "" || !strings.Contains(errs, want) {
			t.Errorf("%v: %d %q %q", args, code, out, errs)
		}
	}
}
