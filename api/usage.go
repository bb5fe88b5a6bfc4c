package api

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/assayhq/assay/access/gate"
	"github.com/assayhq/assay/access/limit"
	"github.com/assayhq/assay/access/meter"
	"github.com/assayhq/assay/fault"
)

// Use is one answered request.
type Use struct {
	Org, App, Ring, Key string
	Class               string // endpoint class, see Operation.class
	Status              int    // of HTTP
	Units, Bytes        int64
}

// Meter counts what is used and tells it.
type Meter interface {
	// Add counts one answered request. What cannot be counted is told to the log, never to
	// the caller.
	Add(ctx context.Context, u Use)
	// Usage sums what an organisation's apps used in [start, end), one of them when app is
	// not empty, for each hour, day or month.
	Usage(org, app string, start, end time.Time, by string) []Usage
	// AsOf is the time up to which Usage is complete at now; zero while other servers were
	// never heard of.
	AsOf(now time.Time) time.Time
}

// Usage is what an app used in a time.
type Usage struct {
	Start    time.Time `json:"start_at" doc:"Of the hour, day or month, UTC"`
	App      string    `json:"app"`
	Requests int64     `json:"requests"`
	Refused  int64     `json:"refused" doc:"Of them, answered with a status of 400 to 499"`
	Failed   int64     `json:"failed" doc:"Of them, answered with 500 or above"`
	Units    int64     `json:"units" doc:"What counts against quotas; refused requests may take none"`
	Bytes    int64     `json:"bytes" doc:"Of the answers' bodies, as they were sent"`
}

type usageIn struct {
	Common
	Start string `query:"start" maxLength:"40" doc:"Inclusive; hours that begin in the time are summed. Milliseconds, RFC 3339 or a date; the first of this month when not given" example:"2026-03-01"`
	End   string `query:"end" maxLength:"40" doc:"Exclusive; now when not given"`
	By    string `query:"by" enum:"hour,day,month" default:"day" doc:"What to sum over"`
	App   string `query:"app" maxLength:"100" doc:"Only this app; all of the caller's organisation when not given"`
}

// What one answer may sum over, which bounds the time that counting waits for it.
const (
	maxUsageSpan = 400 * 24 * time.Hour
	maxHours     = 35 * 24 * time.Hour
	maxUsageRows = 10_000
)

// usageOf is the operation. It tells of the caller's own organisation only.
func usageOf(m Meter, now func() time.Time) func(context.Context, *usageIn) (Answer[[]Usage], error) {
	return func(ctx context.Context, in *usageIn) (a Answer[[]Usage], err error) {
		if m == nil {
			return a, fault.New(fault.Unavailable, "usage is not metered here; the operator can turn it on")
		}
		c := gate.Caller(ctx)
		if c.KeyID == "" { // public would be everybody who ever asked without a key
			return a, fault.New(fault.Unauthentic, "usage is told to keys with the scope usage:read")
		}
		span := Span{Start: in.Start, End: in.End}
		start, end, err := span.times()
		if err != nil {
			return a, err
		}
		if end.IsZero() {
			end = now().UTC()
		}
		if start.IsZero() {
			start = period("month", end.Add(-1))
		}
		switch {
		case end.Sub(start) > maxUsageSpan:
			return a, fault.At(fault.Invalid, "query.start", "at most %d days are summed at once", maxUsageSpan/(24*time.Hour))
		case in.By == "hour" && end.Sub(start) > maxHours:
			return a, fault.At(fault.Invalid, "query.start", "hours are summed over at most %d days; ask by day or month", maxHours/(24*time.Hour))
		}
		a.Data = m.Usage(c.Org, in.App, start, end, in.By)
		if len(a.Data) > maxUsageRows {
			return a, fault.At(fault.TooLarge, "query.app", "these are %d rows, at most %d are told at once: ask for one app or a shorter time", len(a.Data), maxUsageRows)
		}
		a.Meta = ours
		if at := m.AsOf(now().UTC()); !at.IsZero() {
			a.Meta.AsOf = &at
		}
		return a, nil
	}
}

// class is what plans weigh and usage is counted by: the operation without its verb of
// reading, such as "book", "candles", "create-key".
func (op *Operation) class() string {
	for _, verb := range [...]string{"get-", "list-"} {
		if c, ok := strings.CutPrefix(op.ID, verb); ok {
			return c
		}
	}
	return op.ID
}

// count meters an exchange that has ended and took units of its caller's limit.
// Visitors are one app together: whoever asked from where is not kept.
func (x *exchange) count(m Meter, units int) {
	u := Use{Org: x.caller.Org, App: x.caller.App, Ring: x.caller.Ring, Key: x.caller.KeyID,
		Class: x.op.class(), Status: x.status, Units: int64(units), Bytes: x.bytes}
	if u.Key == "" {
		u.App = "visitors"
	}
	m.Add(x.r.Context(), u)
}

// Metered is a Meter that keeps its counts in m. When m is durable an answer ends only
// after its count is on disk. shared knows what other servers counted; nil: there are none.
func Metered(m *meter.Meter, shared *meter.Share, log *slog.Logger) Meter {
	return &metered{m: m, all: Summed(m, shared), shared: shared, log: log}
}

// Sums tells what was used: a meter alone, or all that share a control plane.
type Sums interface {
	Usage(from, to time.Time, f meter.Key, by meter.By) []meter.Line
}

// Summed is shared, or m when that is nil.
func Summed(m *meter.Meter, shared *meter.Share) Sums {
	if shared != nil {
		return shared
	}
	return m
}

type metered struct {
	m      *meter.Meter
	all    Sums
	shared *meter.Share
	log    *slog.Logger
	lost   atomic.Int64
}

func (a *metered) Add(ctx context.Context, u Use) {
	err := a.m.Add(ctx, meter.Key{App: MeterApp(u.Org, u.App), Ring: u.Ring, Key: u.Key, Class: u.Class, Status: uint8(min(max(u.Status, 100), 599) / 100)},
		meter.Counts{Requests: 1, Units: u.Units, Bytes: u.Bytes})
	if err == nil || ctx.Err() != nil { // a caller who has gone is counted all the same
		return
	}
	if n := a.lost.Add(1); n&(n-1) == 0 { // the 1st, 2nd, 4th, 8th ...
		a.log.Error("requests are not metered", "so_far", n, "err", err)
	}
}

func (a *metered) Usage(org, app string, start, end time.Time, by string) []Usage {
	f := meter.Key{}
	if app != "" {
		f.App = MeterApp(org, app)
	}
	lines := a.all.Usage(start, end, f, UsageBy(by))
	mine := MeterApp(org, "")
	return SumUsage(slices.DeleteFunc(lines, func(l meter.Line) bool { return !strings.HasPrefix(l.App, mine) }), by)
}

func (a *metered) AsOf(now time.Time) time.Time {
	if a.shared != nil {
		return a.shared.AsOf()
	}
	return now
}

// MeterApp names an app of an organisation for the meter, as org/app. No two have the
// same name; a name that is too long for the meter has its organisation as a digest.
func MeterApp(org, app string) string {
	if strings.ContainsAny(org, "/%") {
		org = strings.NewReplacer("%", "%25", "/", "%2F").Replace(org)
	}
	if len(org) > 120 {
		sum := sha256.Sum256([]byte(org))
		org = "%" + hex.EncodeToString(sum[:])
	}
	return org + "/" + app
}

// UsageBy is how the meter splits what SumUsage sums.
func UsageBy(by string) meter.By {
	if by == "hour" {
		return meter.ByApp | meter.ByStatus | meter.ByHour
	}
	return meter.ByApp | meter.ByStatus | meter.ByDay
}

// SumUsage brings what the meter tells into rows by time and app, in this order. Apps
// have their names without the organisation.
func SumUsage(lines []meter.Line, by string) []Usage {
	type row struct {
		at  int64
		app string // with the organisation: apps of two may have one name
	}
	sums := map[row]*Usage{}
	rows := []row{}
	for i := range lines {
		l := &lines[i]
		at := period(by, l.From)
		k := row{at.Unix(), l.App}
		u := sums[k]
		if u == nil {
			_, name, _ := strings.Cut(l.App, "/")
			u = &Usage{Start: at, App: name}
			sums[k] = u
			rows = append(rows, k)
		}
		u.Requests, u.Units, u.Bytes = u.Requests+l.Requests, u.Units+l.Units, u.Bytes+l.Bytes
		switch l.Status {
		case 4:
			u.Refused += l.Requests
		case 5:
			u.Failed += l.Requests
		}
	}
	slices.SortFunc(rows, func(a, b row) int { return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.app, b.app)) })
	out := make([]Usage, len(rows))
	for i, k := range rows {
		out[i] = *sums[k]
	}
	return out
}

// period is the beginning of the hour, day or month that a time lies in, UTC.
func period(by string, at time.Time) time.Time {
	at = at.UTC()
	switch by {
	case "hour":
		return at.Truncate(time.Hour)
	case "month":
		return time.Date(at.Year(), at.Month(), 1, 0, 0, 0, 0, time.UTC)
	}
	return at.Truncate(24 * time.Hour)
}

// UsedOf tells a gate what apps used so far, from what the meters had counted when they
// were opened or since. All apps that are asked for with the same now cost one reading.
func UsedOf(m Sums) func(org, app string, now time.Time) limit.Used {
	var mu sync.Mutex
	var at time.Time
	var used map[string]limit.Used
	return func(org, app string, now time.Time) limit.Used {
		mu.Lock()
		defer mu.Unlock()
		if used == nil || !now.Equal(at) {
			at, used = now, map[string]limit.Used{}
			today := period("day", now)
			for _, l := range m.Usage(period("month", now), now.Add(time.Minute), meter.Key{}, meter.ByApp|meter.ByDay) {
				u := used[l.App]
				u.Month += l.Units
				if l.From.Equal(today) {
					u.Day += l.Units
				}
				used[l.App] = u
			}
		}
		u := used[MeterApp(org, app)]
		u.At = now
		return u
	}
}
