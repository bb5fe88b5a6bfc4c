package venue

import (
	"strconv"
	"time"

	"github.com/assayhq/assay/fault"
	"github.com/assayhq/assay/market"
)

// Window gives the part of the ask's range that one page of limit candles covers,
// oldest first. It is how venues that take a start and an end are paged alike:
// empty bars that a venue leaves out cannot end the paging early. A zero From asks
// for the newest page: from is zero then.
func Window(a Ask, limit int) (from, to time.Time) {
	if a.From.IsZero() {
		return time.Time{}, a.To
	}
	from = a.Interval.Start(a.From)
	if from.Before(a.From) {
		from = a.Interval.Next(from)
	}
	to = from
	if a.Interval != "" && a.Interval[len(a.Interval)-1] == 'M' {
		to = from.AddDate(0, limit, 0)
	} else {
		to = from.Add(time.Duration(limit) * a.Interval.Length())
	}
	if !a.To.IsZero() && to.After(a.To) {
		to = a.To
	}
	return from, to
}

// NextWindow gives the ask for the window after the present one. An ask without
// an end stops at the first empty page; one without a beginning has a single page.
func NextWindow(a Ask, limit int, got *market.Batch) (Ask, bool) {
	if a.From.IsZero() {
		return a, false
	}
	_, to := Window(a, limit)
	if (a.To.IsZero() && len(got.Candles) == 0) || (!a.To.IsZero() && !to.Before(a.To)) {
		return a, false
	}
	a.From = to
	return a, true
}

// NextSince gives the ask for the page after one whose last row is of the time last, for
// venues that give rows from a millisecond on: the page begins in that same millisecond,
// so what comes twice has the same id and nothing is missed. A page that lies within one
// millisecond is passed over, so that paging always moves. The start of the page stands
// in Cursor; see Since.
func NextSince(a Ask, last time.Time) (Ask, bool) {
	before, since := Since(a).UnixMilli(), last.UnixMilli()
	if since == before {
		since++
	}
	if a.From.IsZero() || since < before || !a.To.IsZero() && since >= a.To.UnixMilli() {
		return a, false
	}
	a.Cursor = strconv.FormatInt(since, 10)
	return a, true
}

// Since gives where a page of NextSince begins: at From for the first.
func Since(a Ask) time.Time {
	if ms, err := strconv.ParseInt(a.Cursor, 10, 64); err == nil {
		return time.UnixMilli(ms)
	}
	return a.From
}

// PageSize gives the rows to ask for: what is wanted, within the venue's most.
func PageSize(a Ask, most int) int {
	if a.Limit > 0 && a.Limit < most {
		return a.Limit
	}
	return most
}

// IntervalName looks an interval up among a venue's names for them.
func IntervalName(d string, names map[market.Interval]string, i market.Interval) (string, error) {
	if n, ok := names[i]; ok {
		return n, nil
	}
	return "", fault.At(fault.Invalid, "interval", "%s has no candles of %s; Assay builds them from its trades instead", d, i)
}

// IntervalOf is the reverse of IntervalName: "" when the name is not known.
func IntervalOf(names map[market.Interval]string, name string) market.Interval {
	for i, n := range names {
		if n == name {
			return i
		}
	}
	return ""
}

// IntervalList gives the intervals of a table of names, shortest first.
func IntervalList(names map[market.Interval]string) []market.Interval {
	var out []market.Interval
	for _, i := range market.Intervals() {
		if _, ok := names[i]; ok {
			out = append(out, i)
		}
	}
	return out
}
