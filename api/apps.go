package api

import (
	"context"

	"github.com/assayhq/assay/access"
	"github.com/assayhq/assay/access/gate"
)

// App is an app with its limits.
type App struct {
	Name      string    `json:"name"`
	Org       string    `json:"org"`
	Plan      *string   `json:"plan" doc:"In force; null: the installation's default rate, and nothing else limited"`
	Version   *int      `json:"plan_version"`
	Rate      int       `json:"rate" doc:"Of its own, instead of the plan's; 0: the plan's"`
	Burst     int       `json:"burst" doc:"Of its own; 0: the plan's, or twice its own rate"`
	Limits    Limits    `json:"limits" doc:"In force"`
	Remaining Remaining `json:"remaining" doc:"Now, on this server"`
}

func appOf(s *gate.Standing) App {
	return App{Name: s.Name, Org: s.Org, Plan: known(s.Limits.Name), Version: known(s.Limits.Version), Rate: s.Rate, Burst: s.Burst, Limits: limitsOf(&s.Limits), Remaining: leftOf(&s.Left)}
}

type appsIn struct {
	Org string `query:"org" maxLength:"100" doc:"With admin:all: another organisation's; default the caller's"`
	Page
	Common
}

func (s *Server) apps(ctx context.Context, in *appsIn) (Answer[[]App], error) {
	a := Answer[[]App]{Data: []App{}, Meta: ours}
	org, err := orgOf(gate.Caller(ctx), in.Org)
	if err != nil {
		return a, err
	}
	list, err := s.opt.Gate.Apps(ctx, org)
	if err != nil {
		return a, err
	}
	if list, err = page(list, in.Page, &a.Meta, filterDigest("apps", org)); err != nil {
		return a, err
	}
	for i := range list {
		a.Data = append(a.Data, appOf(&list[i]))
	}
	return a, nil
}

type appIn struct {
	App string `path:"app" maxLength:"100" doc:"Its name"`
	Org string `query:"org" maxLength:"100" doc:"With admin:all: another organisation's; default the caller's"`
	Common
}

func (s *Server) app(ctx context.Context, in *appIn) (Answer[App], error) {
	org, err := orgOf(gate.Caller(ctx), in.Org)
	if err != nil {
		return Answer[App]{}, err
	}
	return s.standing(ctx, org, in.App)
}

func (s *Server) standing(ctx context.Context, org, name string) (Answer[App], error) {
	st, err := s.opt.Gate.Standing(ctx, org, name)
	if err != nil {
		return Answer[App]{}, err
	}
	return Answer[App]{Data: appOf(&st), Meta: ours}, nil
}

type setAppIn struct {
	App  string `path:"app" maxLength:"100" doc:"Its name"`
	Org  string `query:"org" maxLength:"100" doc:"With admin:all: another organisation's; default the caller's"`
	Body struct {
		Plan  string `json:"plan" maxLength:"32" doc:"Name of a plan; empty: the installation's default"`
		Rate  int    `json:"rate" minimum:"0" doc:"Units per second instead of the plan's; 0: the plan's"`
		Burst int    `json:"burst" minimum:"0" doc:"Units at once; 0: the plan's, or twice the rate given here"`
	}
	Common
}

func (s *Server) setApp(ctx context.Context, in *setAppIn) (Answer[App], error) {
	c := gate.Caller(ctx)
	org, err := orgOf(c, in.Org)
	if err != nil {
		return Answer[App]{}, err
	}
	if !c.Has(access.Admin) { // settings wait for an app to come only where the operator puts them
		if _, err := s.opt.Gate.Standing(ctx, org, in.App); err != nil {
			return Answer[App]{}, err
		}
	}
	if err := s.opt.Gate.SetApp(ctx, by(ctx), gate.App{Org: org, Name: in.App, Plan: in.Body.Plan, Rate: in.Body.Rate, Burst: in.Body.Burst}); err != nil {
		return Answer[App]{}, err
	}
	return s.standing(ctx, org, in.App)
}
