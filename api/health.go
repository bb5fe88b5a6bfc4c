package api

import (
	"context"
	"net/http"
	"runtime"
)

// Health is whether the process lives.
type Health struct {
	Status string `json:"status" enum:"ok"`
}

// Readiness is whether it can serve.
type Readiness struct {
	Ready  bool    `json:"ready"`
	Checks []Check `json:"checks"`
}

// Version is what runs here.
type Version struct {
	Name    string `json:"name"`
	Version string `json:"version"`
	API     string `json:"api" doc:"Version of this interface; changes within it only add"`
	Go      string `json:"go"`
}

func (s *Server) health(context.Context, *none) (Answer[Health], error) {
	return Answer[Health]{Data: Health{"ok"}, Meta: Meta{Sources: []string{"process"}}}, nil
}

func (s *Server) ready(context.Context, *none) (Answer[Readiness], error) {
	a := Answer[Readiness]{Data: Readiness{Ready: true, Checks: []Check{}}, Meta: Meta{Sources: []string{"process"}}}
	if s.opt.Ready != nil {
		a.Data.Checks = append(a.Data.Checks, s.opt.Ready()...)
	}
	for _, c := range a.Data.Checks {
		a.Data.Ready = a.Data.Ready && c.OK
	}
	if !a.Data.Ready {
		a.status = http.StatusServiceUnavailable
	}
	return a, nil
}

func (s *Server) version(context.Context, *none) (Answer[Version], error) {
	return Answer[Version]{Data: Version{"assay", s.opt.Version, "v1", runtime.Version()}, Meta: Meta{Sources: []string{"process"}}}, nil
}
