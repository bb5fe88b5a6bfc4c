package api

import (
	"context"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/assayhq/assay/access"
	"github.com/assayhq/assay/access/limit"
	"github.com/assayhq/assay/fault"
)

// Limits are what an app may use. In each, 0 is unlimited.
type Limits struct {
	Rate          int64  `json:"rate" minimum:"0" doc:"Units per second that come back; 0: unlimited, as in all that follow"`
	Burst         int64  `json:"burst" minimum:"0" doc:"Units at once"`
	DailyUnits    int64  `json:"daily_units" minimum:"0" doc:"Per day (UTC)"`
	MonthlyUnits  int64  `json:"monthly_units" minimum:"0" doc:"Per calendar month (UTC)"`
	Concurrency   int64  `json:"concurrency" minimum:"0" doc:"Requests at the same time"`
	Connections   int64  `json:"connections" minimum:"0" doc:"Streams at the same time"`
	Subscriptions int64  `json:"subscriptions" minimum:"0" doc:"Of all streams together"`
	History       string `json:"history" maxLength:"40" doc:"How far back data may be read, such as 720h; 0h or empty: all of it"`
}

func limitsOf(p *limit.Plan) Limits {
	return Limits{p.Rate, p.Burst, p.Daily, p.Monthly, p.Concurrency, p.Connections, p.Subscriptions, hours(time.Duration(p.History))}
}

// hours writes a duration in hours, as a person does, where they are whole.
func hours(d time.Duration) string {
	if d%time.Hour == 0 {
		return strconv.FormatInt(int64(d/time.Hour), 10) + "h"
	}
	return d.String()
}

// Plan is what apps can be given, as versioned data.
type Plan struct {
	Name    string `json:"name"`
	Version int    `json:"version"`
	Limits
	Weights map[string]int64 `json:"weights" doc:"Units per request by endpoint class, where not those of the operation"`
}

func planOf(p *limit.Plan) Plan {
	out := Plan{Name: p.Name, Version: p.Version, Limits: limitsOf(p), Weights: p.Weights}
	if out.Weights == nil {
		out.Weights = map[string]int64{}
	}
	return out
}

// registerPlans adds the operations on plans and apps.
func (s *Server) registerPlans() {
	op := func(id, method, path string, scope access.Scope, cost int, summary, doc string) Operation {
		return Operation{ID: id, Method: method, Path: path, Scope: scope, Cost: cost, Tag: "Plans", Summary: summary, Doc: doc}
	}
	add(s, op("list-plans", "GET", "/v1/plans", access.KeysRead, 1, "Plans in force", "What apps can be given: rates, quotas, streams and subscriptions. In every limit 0 is unlimited."), s.plans)
	add(s, op("get-plan", "GET", "/v1/plans/{name}", access.KeysRead, 1, "One plan", ""), s.plan)
	add(s, op("set-plan", "POST", "/v1/plans/{name}", access.Admin, 5, "Make or change a plan",
		"Takes the place of the whole plan, for all its apps and at once; what they used stays used. The version must be above that of the plan in force, or the answer is 409; the same again changes nothing."), s.setPlan)
	add(s, op("list-apps", "GET", "/v1/apps", access.KeysRead, 5, "Apps with their limits", "The apps of the caller's organisation: those with keys, and those with settings of their own. Every key of an app shares its limits."), s.apps)
	add(s, op("get-app", "GET", "/v1/apps/{app}", access.KeysRead, 1, "One app with its limits", "`remaining` is what this server knows; with several servers rates and quotas hold for all together, and what runs at the same time is counted by each."), s.app)
	add(s, op("set-app", "POST", "/v1/apps/{app}", access.KeysWrite, 5, "Give an app its plan, rate and burst",
		"In the place of those it had. Which plan an app has, and more than its plan allows, is for admin:all; without a plan, more than the default takes keys:grant."), s.setApp)
}

func (s *Server) plans(context.Context, *none) (Answer[[]Plan], error) {
	a := Answer[[]Plan]{Data: []Plan{}, Meta: ours}
	all := s.opt.Gate.Plans()
	for _, name := range slices.Sorted(maps.Keys(all)) {
		p := all[name]
		a.Data = append(a.Data, planOf(&p))
	}
	return a, nil
}

type planIn struct {
	Name string `path:"name" maxLength:"32" doc:"Of a plan"`
	Common
}

func (s *Server) plan(_ context.Context, in *planIn) (Answer[Plan], error) {
	all := s.opt.Gate.Plans()
	p, ok := all[in.Name]
	if !ok {
		return Answer[Plan]{}, &problemError{suggestions: nearest(in.Name, slices.Sorted(maps.Keys(all)), 3),
			error: fault.At(fault.Unknown, "path.name", "there is no plan %q; there are %s", clip(in.Name, 32), strings.Join(slices.Sorted(maps.Keys(all)), ", "))}
	}
	return Answer[Plan]{Data: planOf(&p), Meta: ours}, nil
}

type setPlanIn struct {
	Name string `path:"name" maxLength:"32" doc:"a-z first, then a-z 0-9 _ . -"`
	Body struct {
		Version int `json:"version" minimum:"1" doc:"1, 2, 3 ...; above that of the plan in force"`
		Limits
		Weights map[string]int64 `json:"weights,omitempty" maxProperties:"32" doc:"Units per request by endpoint class, where not those of the operation"`
	}
	Common
}

func (s *Server) setPlan(ctx context.Context, in *setPlanIn) (Answer[Plan], error) {
	b := &in.Body
	p := limit.Plan{Name: in.Name, Version: b.Version, Rate: b.Rate, Burst: b.Burst, Daily: b.DailyUnits, Monthly: b.MonthlyUnits,
		Concurrency: b.Concurrency, Connections: b.Connections, Subscriptions: b.Subscriptions, Weights: b.Weights}
	if err := p.History.UnmarshalText([]byte(b.History)); err != nil {
		return Answer[Plan]{}, fault.At(fault.Invalid, "body.history", "%q is no duration; write 720h for 30 days", clip(b.History, 40))
	}
	if err := s.opt.Gate.SetPlan(ctx, by(ctx), p); err != nil {
		return Answer[Plan]{}, planFault(err, in.Name)
	}
	return s.plan(ctx, &planIn{Name: in.Name})
}

// planFault turns a place in a file of plans, such as plans.pro.rate, into one of the request.
func planFault(err error, name string) error {
	switch at := fault.Field(err); {
	case at == "plans.name":
		return fault.At(fault.Of(err), "path.name", "%s", fault.Public(err))
	case strings.HasPrefix(at, "plans."+name+"."):
		at = at[len("plans."+name+"."):]
		return fault.At(fault.Of(err), "body."+at, "body.%s: %s", at, fault.Public(err))
	}
	return err
}

// orgOf is whose apps are meant: the caller's, or with admin:all those of any.
func orgOf(c *access.Caller, asked string) (string, error) {
	if asked == "" || asked == c.Org {
		return c.Org, nil
	}
	if !c.Has(access.Admin) { // others' things do not exist for the caller
		return "", fault.New(fault.Unknown, "there is no organisation %q for this key", clip(asked, 100))
	}
	return asked, nil
}

// Remaining is what is left of what is used up by requests.
type Remaining struct {
	Burst        *int64 `json:"burst" doc:"Units now; null: unlimited, as in all that follow"`
	DailyUnits   *int64 `json:"daily_units" doc:"Units until midnight (UTC)"`
	MonthlyUnits *int64 `json:"monthly_units" doc:"Units until the end of the month (UTC)"`
}

func leftOf(a *limit.Answer) Remaining {
	n := func(s *limit.Standing) *int64 {
		if s.Limit == 0 {
			return nil
		}
		left := max(s.Remaining, 0)
		return &left
	}
	return Remaining{n(&a.Rate), n(&a.Day), n(&a.Month)}
}
