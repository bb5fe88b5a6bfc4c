package grade

import (
	"cmp"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/assayhq/assay/asset"
	"github.com/assayhq/assay/fault"
)

const (
	daySeconds = 86400
	maxRows    = 5_000_000
	maxCell    = 4096 // bytes
)

// Series is a table's rows of one asset by day. It never changes.
type Series struct {
	day   []int32
	known []int64     // Unix seconds from which on the row was known
	col   [][]float64 // by column, NaN where the cell is empty
	sd    []float64   // of a chain: deviation of all capitalisations until the row
}

// Days is how many rows it has.
func (s *Series) Days() int { return len(s.day) }

// First and Last are the days of its first and last row.
func (s *Series) First() int32 { return s.day[0] }

// Last is the day of its last row.
func (s *Series) Last() int32 { return s.day[len(s.day)-1] }

// at is the last row that was known at a moment, -1 for none.
func (s *Series) at(now int64) int {
	i, _ := slices.BinarySearch(s.day, int32(now/daySeconds)) // rows of days that are over
	for i--; i >= 0 && s.known[i] > now; i-- {
	}
	return i
}

// window gives the rows of so many days that end with the day of row i.
func (s *Series) window(i int, days int32) (lo, hi int) {
	lo, _ = slices.BinarySearch(s.day, s.day[i]-days+1)
	return lo, i + 1
}

// mean of a column over days that end with row i; NaN when more than a tenth are missing.
func (s *Series) mean(col, i int, days int32) float64 {
	lo, hi := s.window(i, days)
	sum, n := 0.0, 0
	for _, v := range s.col[col][lo:hi] {
		if !math.IsNaN(v) {
			sum += v
			n++
		}
	}
	if float64(n) < 0.9*float64(days) {
		return math.NaN()
	}
	return sum / float64(n)
}

// sheet is a CSV file with a header, read row by row.
type sheet struct {
	r    *csv.Reader
	name string
	at   map[string]int
	row  []string
	n    int
}

func openSheet(name string, r io.Reader) (*sheet, error) {
	s := &sheet{r: csv.NewReader(r), name: name, at: map[string]int{}}
	s.r.ReuseRecord = true
	head, err := s.r.Read()
	if err != nil {
		return nil, fault.Wrap(fault.Invalid, err, "%s has no header: %v", name, err)
	}
	if len(head) > 1000 {
		return nil, fault.New(fault.TooLarge, "%s has %d columns; 1000 at most", name, len(head))
	}
	for i, h := range head {
		h = strings.TrimSpace(strings.TrimPrefix(h, "\ufeff"))
		if _, twice := s.at[h]; twice && h != "" {
			return nil, fault.New(fault.Invalid, "%s has the column %.40q twice", name, h)
		}
		s.at[strings.Clone(h)] = i
	}
	return s, nil
}

// next reads a row; false at the end.
func (s *sheet) next() (bool, error) {
	row, err := s.r.Read()
	if errors.Is(err, io.EOF) {
		return false, nil
	}
	if err != nil {
		return false, fault.Wrap(fault.Invalid, err, "%s: %v", s.name, err)
	}
	if s.n++; s.n > maxRows {
		return false, fault.New(fault.TooLarge, "%s has more than %d rows", s.name, maxRows)
	}
	for _, c := range row {
		if len(c) > maxCell {
			return false, s.wrong("", "a cell has more than %d bytes", maxCell)
		}
	}
	s.row = row
	return true, nil
}

func (s *sheet) wrong(column, format string, args ...any) error {
	where := fmt.Sprintf("%s row %d", s.name, s.n+1)
	if column != "" {
		where += " column " + column
	}
	return fault.At(fault.Invalid, column, "%s: %s", where, fmt.Sprintf(format, args...))
}

func (s *sheet) text(column string) string {
	if i, has := s.at[column]; has {
		return strings.TrimSpace(s.row[i])
	}
	return ""
}

// number reads a cell that is a number of at least least, or empty: NaN.
func (s *sheet) number(column string, least float64) (float64, error) {
	t := s.text(column)
	if t == "" {
		return math.NaN(), nil
	}
	v, err := strconv.ParseFloat(t, 64)
	if err != nil || math.IsInf(v, 0) || math.IsNaN(v) {
		return 0, s.wrong(column, "%.40q is no number", t)
	}
	if v < least {
		return 0, s.wrong(column, "%s is below %v", t, least)
	}
	return v, nil
}

func (s *sheet) date(column string) (int32, error) {
	t := s.text(column)
	if len(t) > 10 && (t[10] == 'T' || t[10] == ' ') {
		t = t[:10]
	}
	d, err := time.Parse(time.DateOnly, t)
	if err != nil || d.Year() < 1970 || d.Year() > 2200 {
		return 0, s.wrong(column, "%.40q is no date; write 2026-01-31", t)
	}
	return int32(d.Unix() / daySeconds), nil
}

// line is a row on its way into a Series.
type line struct {
	day   int32
	known int64
	v     []float64
}

// gather sorts rows into series. Two rows of one asset and day are joined by join, or
// refused when it is nil.
func gather(name string, rows map[asset.Code][]line, columns int, join func(into, v []float64)) (map[asset.Code]*Series, error) {
	out := map[asset.Code]*Series{}
	for code, list := range rows {
		slices.SortStableFunc(list, func(a, b line) int { return cmp.Compare(a.day, b.day) })
		s := &Series{col: make([][]float64, columns)}
		for _, l := range list {
			if n := len(s.day); n > 0 && s.day[n-1] == l.day {
				if join == nil {
					return nil, fault.New(fault.Invalid, "%s has two rows of %s on %s", name, code, dayText(l.day))
				}
				last := make([]float64, columns)
				for c := range last {
					last[c] = s.col[c][n-1]
				}
				join(last, l.v)
				for c := range last {
					s.col[c][n-1] = last[c]
				}
				s.known[n-1] = max(s.known[n-1], l.known)
				continue
			}
			s.day, s.known = append(s.day, l.day), append(s.known, l.known)
			for c, v := range l.v {
				s.col[c] = append(s.col[c], v)
			}
		}
		out[code] = s
	}
	return out, nil
}

func dayText(day int32) string {
	return time.Unix(int64(day)*daySeconds, 0).UTC().Format(time.DateOnly)
}
