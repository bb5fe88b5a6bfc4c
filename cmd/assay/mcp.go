package main

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"

	"github.com/spf13/cobra"

	"github.com/assayhq/assay/api/mcp"
	"github.com/assayhq/assay/fault"
)

func (c *cli) mcp() *cobra.Command {
	var groups []string
	var set string
	cmd := &cobra.Command{
		Use: "mcp", Short: "Be an MCP server on standard input and output, for language models", Args: cobra.NoArgs,
		Long: `Mcp is started by a program with a language model, such as Claude Desktop or an editor,
and speaks the Model Context Protocol on standard input and output. Its tools ask a
running server, with the key in ASSAY_API_KEY and no more rights than that has.
Messages for people go to standard error. docs/agents.md has the lines to paste.`,
		Example: "  claude mcp add assay -e ASSAY_API_KEY=asy_... -- assay mcp\n  assay mcp --url http://127.0.0.1:8080 --tools market,insight\n  assay mcp --set tokenmetrics",
		RunE: func(cmd *cobra.Command, _ []string) error {
			f, err := c.mcpFace(groups, set)
			if err != nil {
				return err
			}
			in, ok := cmd.InOrStdin().(io.ReadCloser)
			if !ok {
				in = io.NopCloser(cmd.InOrStdin())
			}
			return f.Serve(cmd.Context(), in, keepOpen{c.out})
		},
	}
	f := cmd.Flags()
	f.StringSliceVar(&groups, "tools", nil, "groups of tools: market, insight, reference (default all)")
	f.StringVar(&set, "set", "", "another set of tools: tokenmetrics or openai")
	c.clientFlags(cmd)
	return cmd
}

// mcpFace is the face over the REST API of a running server.
func (c *cli) mcpFace(groups []string, set string) (*mcp.Face, error) {
	to, err := url.Parse(c.url)
	if err != nil || to.Host == "" || to.Scheme != "http" && to.Scheme != "https" {
		return nil, usageError{fault.New(fault.Invalid, "--url must be an address such as http://127.0.0.1:8080")}
	}
	log := slog.New(slog.NewTextHandler(c.err, &slog.HandlerOptions{Level: slog.LevelWarn}))
	rest := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(to)
			r.Out.Header.Set("User-Agent", "assay-mcp/"+versionInfo()["version"])
			if t := c.token(); t != "" {
				r.Out.Header.Set("Authorization", "Bearer "+t)
			}
		},
		ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelWarn),
		ErrorHandler: func(w http.ResponseWriter, r *http.Request, err error) {
			log.Warn("the server does not answer", "err", err)
			w.WriteHeader(http.StatusBadGateway)
			_ = json.NewEncoder(w).Encode(map[string]string{"code": "unavailable", //nolint:errcheck // it is in memory
				"detail": "no server answers at " + to.Redacted() + "; start one with `assay demo` or `assay serve`, or give --url"})
		},
	}
	return mcp.New(mcp.Options{REST: rest, Operations: c.operations, Groups: groups, Set: set, Version: versionInfo()["version"], Logger: log})
}

// operations are what the server says that it answers.
func (c *cli) operations(ctx context.Context) ([]mcp.Operation, error) {
	body, err := c.ask(ctx, "/openapi.json", nil)
	if err != nil {
		return nil, err
	}
	defer body.Close()
	var doc struct {
		Paths map[string]map[string]json.RawMessage `json:"paths"`
	}
	if err := json.NewDecoder(io.LimitReader(body, 16<<20)).Decode(&doc); err != nil {
		return nil, fault.Wrap(fault.Unavailable, err, "%s has no list of operations at /openapi.json", c.url)
	}
	var out []mcp.Operation
	for path, methods := range doc.Paths {
		if raw, ok := methods[strings.ToLower(http.MethodGet)]; ok {
			var op struct {
				Scope string `json:"x-scope"`
			}
			if err := json.Unmarshal(raw, &op); err != nil {
				return nil, fault.Wrap(fault.Unavailable, err, "%s has an odd operation at %s", c.url, path)
			}
			out = append(out, mcp.Operation{Path: path, Scope: op.Scope})
		}
	}
	return out, nil
}

// keepOpen is standard output, which the session does not close.
type keepOpen struct{ io.Writer }

// Close does nothing.
func (keepOpen) Close() error { return nil }
