package api

import (
	"context"
	"fmt"
	"time"

	"github.com/assayhq/assay/access"
	"github.com/assayhq/assay/access/gate"
)

// Me is who the caller is, as this server knows it: what a new key is tested with.
type Me struct {
	KeyID     *string    `json:"key_id" doc:"Public part of the key; null without one"`
	Ring      *string    `json:"ring"`
	Version   *int       `json:"version"`
	State     *string    `json:"state" doc:"staged: its first use, perhaps this one, confirms it"`
	RetireAt  *time.Time `json:"retire_at" doc:"Move to the successor before"`
	Org       string     `json:"org"`
	App       string     `json:"app"`
	Env       *string    `json:"env" doc:"live or test"`
	Scopes    []string   `json:"scopes"`
	Bounds    Bounds     `json:"bounds" doc:"What else the key is held to; empty or null: nothing"`
	Expires   *time.Time `json:"expires_at" doc:"Of the key; null: never"`
	TokenEnds *time.Time `json:"token_expires_at" doc:"Of the token that was lent for the key; null: the key itself was sent"`
	Plan      *string    `json:"plan" doc:"Of the app; null: the installation's default"`
	PlanV     *int       `json:"plan_version"`
	Limits    Limits     `json:"limits" doc:"Of the app, which all its keys share"`
	Remaining Remaining  `json:"remaining" doc:"Now, after this request, on this server"`
}

// Bounds narrow what a key may be used for.
type Bounds struct {
	Networks []string `json:"networks" doc:"Where from"`
	Hours    []string `json:"hours" doc:"When, UTC, such as 22:00-06:00 Mon Tue"`
	Venues   []string `json:"venues"`
	Symbols  []string `json:"symbols" doc:"Pairs, for orders"`
	MaxOrder *string  `json:"max_order" doc:"Exact, in the pair's quote currency"`
	MaxDaily *string  `json:"max_daily" doc:"Exact, in the pair's quote currency"`
}

func boundsOf(b *access.Bounds) Bounds {
	out := Bounds{Networks: []string{}, Hours: []string{}, Venues: some(b.Venues), Symbols: some(b.Symbols), MaxOrder: known(b.MaxOrder), MaxDaily: known(b.MaxDaily)}
	for _, p := range b.Networks {
		out.Networks = append(out.Networks, p.String())
	}
	for _, h := range b.Hours {
		t := fmt.Sprintf("%02d:%02d-%02d:%02d", h.From/60, h.From%60, h.To/60, h.To%60)
		for _, d := range h.Days {
			t += " " + d.String()[:3]
		}
		out.Hours = append(out.Hours, t)
	}
	return out
}

func (s *Server) me(ctx context.Context, _ *none) (Answer[Me], error) {
	g, c := s.opt.Gate, gate.Caller(ctx)
	m := Me{KeyID: known(c.KeyID), Ring: known(c.Ring), Version: known(c.N), Org: c.Org, App: c.App, Env: known(c.Env), Scopes: words(c.Scopes),
		Bounds: boundsOf(&c.Bounds), TokenEnds: moment(c.Until)}
	if k, ok := g.Key(c); ok {
		m.State, m.RetireAt, m.Expires = known(k.Standing(g.Now())), moment(k.RetireAt), moment(k.Expires)
	}
	p := g.Plan(c)
	m.Plan, m.PlanV, m.Limits = known(p.Name), known(p.Version), limitsOf(&p)
	left, _ := g.Allow(c, 0) // nothing is taken; a refusal tells what is left as well
	m.Remaining = leftOf(&left.Answer)
	return Answer[Me]{Data: m, Meta: ours}, nil
}
