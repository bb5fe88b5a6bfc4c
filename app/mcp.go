package app

import (
	"context"
	"net/http"

	"github.com/assayhq/assay/api"
	"github.com/assayhq/assay/api/mcp"
)

// MCP are the settings of the face for language models.
type MCP struct {
	Enabled bool     `koanf:"enabled" doc:"serve it at /mcp"`
	Tools   []string `koanf:"tools" doc:"groups of tools that there are: market, insight, reference; empty means all"`
}

// mcpMount is the face for language models at /mcp. It asks the API that it is mounted in,
// so it finds that when it is asked itself.
func (a *App) mcpMount() ([]api.Mount, error) {
	if !a.cfg.MCP.Enabled {
		return nil, nil
	}
	f, err := mcp.New(mcp.Options{
		REST: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { a.API.ServeHTTP(w, r) }),
		Operations: func(context.Context) (out []mcp.Operation, err error) {
			for _, op := range a.API.Operations() {
				if op.Method == http.MethodGet {
					out = append(out, mcp.Operation{Path: op.Path, Scope: string(op.Scope)})
				}
			}
			return out, nil
		},
		Groups: a.cfg.MCP.Tools, Origins: a.cfg.Origins, Version: a.version, Logger: a.log,
	})
	if err != nil {
		return nil, err
	}
	// Admission costs nothing here: what a message asks costs what it costs there.
	return []api.Mount{{Pattern: "/mcp", Handler: f}}, nil
}
