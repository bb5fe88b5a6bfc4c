package coingecko

import (
	"math"
	"strconv"
	"strings"
	"time"
)

// maxList bounds how many values one parameter may have.
const maxList = 1000

func (q *request) text(name string) string { return strings.TrimSpace(q.query.Get(name)) }

// flag reads true or false, in any case: Python writes True.
func (q *request) flag(name string, otherwise bool) (bool, error) {
	switch strings.ToLower(q.text(name)) {
	case "":
		return otherwise, nil
	case "true", "1":
		return true, nil
	case "false", "0":
		return false, nil
	}
	return false, bad(name, "write true or false")
}

// flags reads several that are false when they are missing.
func (q *request) flags(names ...string) (map[string]bool, error) {
	out := make(map[string]bool, len(names))
	for _, n := range names {
		v, err := q.flag(n, false)
		if err != nil {
			return nil, err
		}
		out[n] = v
	}
	return out, nil
}

// items reads a list by commas, lower-case, each value once.
func (q *request) items(name string) ([]string, error) {
	return splitList(name, strings.ToLower(q.text(name)))
}

func splitList(name, text string) ([]string, error) {
	var out []string
	seen := map[string]bool{}
	for s := range strings.SplitSeq(text, ",") {
		if s = strings.TrimSpace(s); s == "" || seen[s] {
			continue
		}
		if len(out) == maxList {
			return nil, bad(name, "at most %d values are taken at once", maxList)
		}
		seen[s] = true
		out = append(out, s)
	}
	return out, nil
}

// choice reads one of several words; "" is the first of them.
func (q *request) choice(name string, of ...string) (string, error) {
	s := strings.ToLower(q.text(name))
	if s == "" {
		return of[0], nil
	}
	for _, o := range of {
		if s == o {
			return o, nil
		}
	}
	return "", bad(name, "use one of %s", strings.TrimPrefix(strings.Join(of, ", "), ", "))
}

// page reads which rows are asked for: per_page is 1 to most, more is as much as most.
func (q *request) page(usual, most int) (from, size int, err error) {
	page, err := q.count("page", 1)
	if err != nil {
		return 0, 0, err
	}
	size, err = q.count("per_page", usual)
	if err != nil {
		return 0, 0, err
	}
	size = min(size, most)
	return (page - 1) * size, size, nil
}

func (q *request) count(name string, usual int) (int, error) {
	s := q.text(name)
	if s == "" {
		return usual, nil
	}
	n, err := strconv.Atoi(s)
	if err != nil || n < 1 {
		return 0, bad(name, "write a whole number from 1 on")
	}
	return min(n, 1_000_000), nil
}

// cut gives a page of rows.
func cut[T any](rows []T, from, size int) []T {
	if from >= len(rows) {
		return nil
	}
	return rows[from:min(from+size, len(rows))]
}

// forEver is the days of "max".
const forEver = 36_500

// days reads how far back: a number, with a fraction if need be, or max.
func (q *request) days() (float64, error) {
	s := strings.ToLower(q.text("days"))
	switch s {
	case "":
		return 0, missing("days")
	case "max":
		return forEver, nil
	}
	d, err := strconv.ParseFloat(s, 64)
	if err != nil || math.IsNaN(d) || d <= 0 {
		return 0, bad("days", "write a number of days above 0, or max")
	}
	return min(d, forEver), nil
}

// instant reads seconds since 1970, a date, or a date with a time, in UTC. Milliseconds
// are taken for what they are.
func (q *request) instant(name string) (time.Time, error) {
	s := q.text(name)
	if s == "" {
		return time.Time{}, missing(name)
	}
	if f, err := strconv.ParseFloat(s, 64); err == nil && !math.IsNaN(f) {
		if math.Abs(f) > 1e11 {
			f /= 1000
		}
		if f < 0 || f > 1e11 {
			return time.Time{}, bad(name, "the time is out of range")
		}
		return time.UnixMilli(int64(f * 1000)).UTC(), nil
	}
	for _, form := range []string{"2006-01-02", time.RFC3339, "2006-01-02T15:04:05", "2006-01-02 15:04:05", "2006-01-02T15:04", "2006-01-02 15:04"} {
		if t, err := time.Parse(form, s); err == nil && t.Year() >= 1970 && t.Year() < 5000 {
			return t.UTC(), nil
		}
	}
	return time.Time{}, bad(name, "write seconds since 1970, or a date such as 2026-01-31")
}

// rounding is how prices are written.
type rounding int

// The roundings that are no number of decimals.
const (
	usual rounding = -1 // at most six decimals from 1 on
	full  rounding = -2 // all digits there are
)

func (q *request) precision() (rounding, error) {
	switch s := strings.ToLower(q.text("precision")); s {
	case "":
		return usual, nil
	case "full":
		return full, nil
	default:
		n, err := strconv.Atoi(s)
		if err != nil || n < 0 || n > 18 {
			return 0, bad("precision", "write full or 0 to 18")
		}
		return rounding(n), nil
	}
}

func (r rounding) of(n number) number {
	switch {
	case !n.ok || r == full:
	case r >= 0:
		n.d = n.d.Round(min(int(r), 18))
	case n.d.Float64() >= 1:
		n.d = n.d.Round(6)
	}
	return n
}

// whole rounds to a whole number.
func (n number) whole() number {
	if n.ok {
		n.d = n.d.Round(0)
	}
	return n
}
