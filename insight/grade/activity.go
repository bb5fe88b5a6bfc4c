package grade

import (
	"io"
	"math"
	"slices"

	"github.com/assayhq/assay/asset"
	"github.com/assayhq/assay/fault"
)

// Columns of a table of activity.
const (
	aCommits = iota
	aMerges
	aAuthors
	aTop
	aReleases
	activityColumns
)

// staleTable is how many days after its last row an asset's activity still counts: no row
// then means no work, later it means that nobody looked. A row with zero commits says that
// somebody did.
const staleTable = 30

// ReadActivity reads a CSV file of developers' work: repo,day,commits,merge_commits,authors
// with, if there are, asset, top_author_share (0 to 1, of the 90 days that end with the
// day) and releases (on the day). A day without a row is a day without commits, until 30
// days after the asset's last row: a row of zeros says that there was nothing. commits
// counts merges too. resolve tells which asset a repository is of, by the asset column if
// it is not empty; rows of others are left out and their repositories returned, at most
// 20. Repositories of one asset are added up. The error is Invalid and names row and column.
func ReadActivity(name string, r io.Reader, resolve func(repo, asset string) (asset.Code, bool)) (map[asset.Code]*Series, []string, error) {
	s, err := openSheet(name, r)
	if err != nil {
		return nil, nil, err
	}
	known := []string{"repo", "day", "commits", "merge_commits", "authors", "asset", "top_author_share", "releases"}
	for h := range s.at {
		if !slices.Contains(known, h) {
			return nil, nil, fault.New(fault.Invalid, "%s has a column %.40q that is not known; known are %v", name, h, known)
		}
	}
	for _, h := range known[:5] {
		if _, has := s.at[h]; !has {
			return nil, nil, fault.New(fault.Invalid, "%s has no column %s", name, h)
		}
	}
	rows := map[asset.Code][]line{}
	owner := map[string]asset.Code{} // "" for none
	seen := map[string]map[int32]bool{}
	var strange []string
	for {
		more, err := s.next()
		if err != nil {
			return nil, nil, err
		}
		if !more {
			break
		}
		l := line{v: make([]float64, activityColumns)}
		if l.day, err = s.date("day"); err != nil {
			return nil, nil, err
		}
		l.known = int64(l.day+1) * daySeconds
		for c, h := range []string{"commits", "merge_commits", "authors", "top_author_share", "releases"} {
			if l.v[c], err = s.number(h, 0); err != nil {
				return nil, nil, err
			}
			if c < aTop && (math.IsNaN(l.v[c]) || l.v[c] != math.Trunc(l.v[c])) {
				return nil, nil, s.wrong(h, "%q is no whole number", s.text(h))
			}
		}
		if l.v[aMerges] > l.v[aCommits] {
			return nil, nil, s.wrong("merge_commits", "%v is more than all commits", l.v[aMerges])
		}
		if l.v[aTop] > 1 {
			return nil, nil, s.wrong("top_author_share", "%v is above 1", l.v[aTop])
		}
		repo := s.text("repo")
		if seen[repo] == nil {
			seen[repo] = map[int32]bool{}
		}
		if seen[repo][l.day] {
			return nil, nil, s.wrong("day", "%s of %.80s stands here twice", dayText(l.day), repo)
		}
		seen[repo][l.day] = true
		key := repo + "\x00" + s.text("asset")
		code, asked := owner[key]
		if !asked {
			var found bool
			if code, found = resolve(repo, s.text("asset")); !found {
				code = ""
				if len(strange) < 20 {
					strange = append(strange, repo)
				}
			}
			owner[key] = code
		}
		if code != "" {
			rows[code] = append(rows[code], l)
		}
	}
	out, err := gather(name, rows, activityColumns, func(into, v []float64) {
		for c := range into {
			switch {
			case math.IsNaN(into[c]):
				into[c] = v[c]
			case math.IsNaN(v[c]):
			case c == aTop:
				into[c] = math.Max(into[c], v[c])
			default:
				into[c] += v[c]
			}
		}
	})
	return out, strange, err
}

// activity fills the parts of technology from rows of days until day.
func activity(x *Member, day int32, s *Scores) {
	t := x.Activity
	if t == nil || t.Last() < day-staleTable || t.day[0] > day {
		return
	}
	lo, _ := slices.BinarySearch(t.day, day-89)
	hi, _ := slices.BinarySearch(t.day, day+1)
	var commits, authors float64
	top := math.NaN()
	for i := lo; i < hi; i++ {
		commits += t.col[aCommits][i] - t.col[aMerges][i]
		authors += t.col[aAuthors][i]
		if v := t.col[aTop][i]; !math.IsNaN(v) {
			top = v
		}
	}
	s.set(pCommits, commits)
	s.set(pAuthors, authors)
	s.set(pTopAuthor, top)
	lo, _ = slices.BinarySearch(t.day, day-364)
	first, last, n := int32(0), int32(0), 0.0
	for i := lo; i < hi; i++ {
		if v := t.col[aReleases][i]; v > 0 {
			if n == 0 {
				first = t.day[i]
			}
			last = t.day[i]
			n++
		}
	}
	if n > 1 {
		s.set(pReleases, float64(last-first)/(n-1))
	}
}
