package grades

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/assayhq/assay/asset"
	"github.com/assayhq/assay/fault"
	"github.com/assayhq/assay/insight"
)

// book is the record on disk: for each formula and version a file of JSON lines that is
// only ever added to. The first line names the formula; each later one holds the grades of
// one close, when it was written, and the SHA-256 of the line before, so that a change of
// any line shows in all after it. Lines cut off the end do not show: keep a copy elsewhere
// to prove that none were.
type book struct{ pages []page }

// page is the record of one formula.
type page struct {
	head   heading
	path   string
	last   string // SHA-256 of the last line, in hex
	days   map[int32][]issued
	first  int32
	newest int32
	broken string // why it is not added to; "" when it is right
}

// issued is a grade as it was written down.
type issued struct {
	code     asset.Code
	value    float64
	coverage float64
	written  int64
}

// heading is the first line of a page, row every other.
type heading struct {
	Formula string `json:"formula"`
	Version int    `json:"version"`
}

type row struct {
	Day     string                    `json:"day"`
	Written time.Time                 `json:"written"`
	Prev    string                    `json:"prev"`
	Grades  map[asset.Code][2]float64 `json:"grades"` // value and coverage
}

const maxPage = 4 << 30 // bytes

func openBook(dir string, formulas []insight.Formula) (*book, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fault.Wrap(fault.Invalid, err, "the folder of the record of grades %s cannot be made", dir)
	}
	b := &book{}
	for _, f := range formulas {
		p := page{head: heading{f.ID, f.Version}, path: filepath.Join(dir, fmt.Sprintf("%s-v%d.jsonl", f.ID, f.Version)), days: map[int32][]issued{}}
		if err := p.open(); err != nil {
			return nil, err
		}
		b.pages = append(b.pages, p)
	}
	return b, nil
}

func hash(line []byte) string {
	h := sha256.Sum256(line)
	return hex.EncodeToString(h[:])
}

// open reads a page and checks its chain. A last line that was not finished was never
// told to anybody, and goes. A page that is not right is kept as it is and says so.
func (p *page) open() error {
	if st, err := os.Stat(p.path); err == nil && st.Size() > maxPage {
		return fault.New(fault.TooLarge, "the record %s has more than %d bytes", p.path, maxPage)
	}
	text, err := os.ReadFile(p.path)
	if os.IsNotExist(err) {
		return nil // made with its first grades
	}
	if err != nil {
		return fault.Wrap(fault.Unavailable, err, "the record %s cannot be read", p.path)
	}
	if end := bytes.LastIndexByte(text, '\n') + 1; end < len(text) {
		if err := os.Truncate(p.path, int64(end)); err != nil {
			return fault.Wrap(fault.Unavailable, err, "the record %s ends in half a line that cannot be removed", p.path)
		}
		text = text[:end]
	}
	n := 0
	for line := range bytes.Lines(text) {
		n++
		line = bytes.TrimSuffix(line, []byte("\n"))
		if why := p.read(line, n); why != "" {
			p.broken = fmt.Sprintf("the record %s is not as it was written: line %d %s; it is not added to", filepath.Base(p.path), n, why)
			p.days = map[int32][]issued{}
			return nil
		}
		p.last = hash(line)
	}
	return nil
}

func (p *page) read(line []byte, n int) string {
	d := json.NewDecoder(bytes.NewReader(line))
	d.DisallowUnknownFields()
	if n == 1 {
		var got heading
		if d.Decode(&got) != nil || got != p.head {
			return "does not name its formula"
		}
		return ""
	}
	var r row
	if err := d.Decode(&r); err != nil {
		return "cannot be read"
	}
	at, err := time.Parse(time.DateOnly, r.Day)
	if err != nil {
		return "has no day"
	}
	if r.Prev != p.last {
		return "does not follow the one before"
	}
	day := dayOf(at)
	if len(p.days) > 0 && day <= p.newest {
		return "is out of order"
	}
	p.take(day, r)
	return ""
}

func (p *page) take(day int32, r row) {
	list := make([]issued, 0, len(r.Grades))
	for code, v := range r.Grades {
		list = append(list, issued{code, v[0], v[1], r.Written.Unix()})
	}
	slices.SortFunc(list, func(a, b issued) int { return cmp.Compare(a.code, b.code) })
	if len(p.days) == 0 {
		p.first = day
	}
	p.days[day], p.newest = list, day
}

// line is what was written down of an asset's grade of a kind on a day.
func (b *book) line(k int, day int32, a asset.Code) (issued, bool) {
	list := b.pages[k].days[day]
	i, found := slices.BinarySearchFunc(list, a, func(x issued, a asset.Code) int { return cmp.Compare(x.code, a) })
	if !found {
		return issued{}, false
	}
	return list[i], true
}

// begin is the first day of any page, false for none.
func (b *book) begin() (first int32, any bool) {
	for i := range b.pages {
		if p := &b.pages[i]; len(p.days) > 0 && (!any || p.first < first) {
			first, any = p.first, true
		}
	}
	return first, any
}

// write puts a day on all pages that have a grade and not the day yet. What it has
// written when it fails stays written.
func (b *book) write(day int32, now time.Time, who []*track) error {
	for k := range b.pages {
		p := &b.pages[k]
		if p.broken != "" || len(p.days) > 0 && day <= p.newest {
			continue
		}
		r := row{Day: time.Unix(int64(day)*daySeconds, 0).UTC().Format(time.DateOnly), Written: now.UTC().Truncate(time.Second), Grades: map[asset.Code][2]float64{}}
		for _, t := range who {
			if v := t.scores.Value[k]; v == v {
				r.Grades[t.code] = [2]float64{v, t.scores.Coverage[k]}
			}
		}
		if len(r.Grades) == 0 {
			continue
		}
		if err := p.write(day, r); err != nil {
			return err
		}
	}
	return nil
}

func (p *page) write(day int32, r row) error {
	f, err := os.OpenFile(p.path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return err
	}
	var out []byte
	last := p.last
	if last == "" {
		line, err := json.Marshal(p.head)
		if err != nil {
			return err
		}
		last = hash(line)
		out = append(line, '\n')
	}
	r.Prev = last
	line, err := json.Marshal(r)
	if err != nil {
		return err
	}
	out = append(append(out, line...), '\n')
	if _, err := f.Write(out); err != nil {
		return p.undo(f, st.Size(), err)
	}
	if err := f.Sync(); err != nil {
		return p.undo(f, st.Size(), err)
	}
	p.last = hash(line)
	p.take(day, r)
	return nil
}

// undo takes half a write back; when that fails too, the page ends.
func (p *page) undo(f *os.File, size int64, err error) error {
	if e := f.Truncate(size); e != nil {
		p.broken = fmt.Sprintf("the record %s could not be written: %v", filepath.Base(p.path), err)
	}
	return err
}
