package market

import (
	"strconv"
	"time"

	"github.com/assayhq/assay/fault"
)

// Interval is the length of a candle: "1s", "1m", "1h", "1d", "1w", "1M" and so on.
// Months and weeks follow the calendar, in UTC; weeks begin on Monday.
type Interval string

// Intervals lists the supported ones, shortest first.
func Intervals() []Interval {
	return []Interval{"1s", "5s", "15s", "30s", "1m", "3m", "5m", "15m", "30m", "1h", "2h", "4h", "6h", "8h", "12h", "1d", "3d", "1w", "1M"}
}

// ParseInterval checks a caller's text.
func ParseInterval(s string) (Interval, error) {
	for _, i := range Intervals() {
		if string(i) == s {
			return i, nil
		}
	}
	return "", fault.At(fault.Invalid, "interval", "%q is not an interval; use one of 1s 5s 15s 30s 1m 3m 5m 15m 30m 1h 2h 4h 6h 8h 12h 1d 3d 1w 1M (1m is a minute, 1M a month)", clip(s, 20))
}

// Length is the interval's duration; a month counts as 30 days (only Start and
// Next know the calendar). 0 if the interval is not well formed.
func (i Interval) Length() time.Duration {
	if len(i) < 2 {
		return 0
	}
	n, err := strconv.Atoi(string(i[:len(i)-1]))
	if err != nil || n <= 0 {
		return 0
	}
	d := time.Duration(n)
	switch i[len(i)-1] {
	case 's':
		return d * time.Second
	case 'm':
		return d * time.Minute
	case 'h':
		return d * time.Hour
	case 'd':
		return d * 24 * time.Hour
	case 'w':
		return d * 7 * 24 * time.Hour
	case 'M':
		return d * 30 * 24 * time.Hour
	}
	return 0
}

// monday is a Monday midnight before any market: weeks are counted from it.
var monday = time.Date(1970, 1, 5, 0, 0, 0, 0, time.UTC)

// Start gives the start of the interval that t falls in.
func (i Interval) Start(t time.Time) time.Time {
	t = t.UTC()
	switch {
	case i == "":
		return t
	case i[len(i)-1] == 'M':
		return time.Date(t.Year(), t.Month(), 1, 0, 0, 0, 0, time.UTC)
	case i[len(i)-1] == 'w':
		d := t.Sub(monday) % i.Length()
		if d < 0 {
			d += i.Length()
		}
		return t.Add(-d)
	}
	l := int64(i.Length())
	if l == 0 {
		return t
	}
	ns := t.UnixNano()
	r := ns % l
	if r < 0 {
		r += l
	}
	return time.Unix(0, ns-r).UTC()
}

// Next gives the start of the interval after the one that starts at t.
func (i Interval) Next(t time.Time) time.Time {
	if i != "" && i[len(i)-1] == 'M' {
		return t.AddDate(0, 1, 0)
	}
	return t.Add(i.Length())
}
