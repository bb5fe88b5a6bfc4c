package grade

import (
	"io"
	"math"
	"strings"

	"github.com/assayhq/assay/asset"
	"github.com/assayhq/assay/fault"
)

// Columns of a table of on-chain metrics.
const (
	cCap = iota
	cRealised
	cTransfer
	cSupply
	cTop
	cActive
	cFees
	chainColumns
)

var chainNames = [chainColumns]string{"CapMrktCurUSD", "CapRealUSD", "TxTfrValAdjUSD", "SplyCur", "SplyAdrTop100", "AdrActCnt", "FeeTotUSD"}

// staleChain is how many days old the last known row may be.
const staleChain = 7

// ReadChain reads a CSV file of daily on-chain metrics under Coin Metrics' community
// names: time, and of CapMrktCurUSD, CapRealUSD, TxTfrValAdjUSD, SplyCur, SplyAdrTop100,
// AdrActCnt and FeeTotUSD those there are; CapMVRVCur may stand for CapRealUSD. Other
// columns are left alone. Rows are of the asset in the column asset, or of code when there
// is no such column. A row counts as known from AssetEODCompletionTime (Unix seconds) on,
// and without it from one day after its day was over. The error is Invalid and names row
// and column.
func ReadChain(name string, r io.Reader, code string, resolve func(string) (asset.Code, bool)) (map[asset.Code]*Series, error) {
	s, err := openSheet(name, r)
	if err != nil {
		return nil, err
	}
	if _, has := s.at["time"]; !has {
		return nil, fault.New(fault.Invalid, "%s has no column time", name)
	}
	some := false
	for _, c := range chainNames {
		_, has := s.at[c]
		some = some || has
	}
	if !some {
		return nil, fault.New(fault.Invalid, "%s has none of the columns %s", name, strings.Join(chainNames[:], ", "))
	}
	_, named := s.at["asset"]
	rows := map[asset.Code][]line{}
	for {
		more, err := s.next()
		if err != nil {
			return nil, err
		}
		if !more {
			break
		}
		who := code
		if named {
			who = s.text("asset")
		}
		a, found := resolve(who)
		if !found {
			return nil, s.wrong("asset", "there is no asset %.40q", who)
		}
		l := line{v: make([]float64, chainColumns)}
		if l.day, err = s.date("time"); err != nil {
			return nil, err
		}
		for c, h := range chainNames {
			if l.v[c], err = s.number(h, 0); err != nil {
				return nil, err
			}
		}
		if mvrv, err := s.number("CapMVRVCur", 0); err != nil {
			return nil, err
		} else if math.IsNaN(l.v[cRealised]) && mvrv > 0 {
			l.v[cRealised] = l.v[cCap] / mvrv
		}
		over := int64(l.day+1) * daySeconds
		l.known = over + daySeconds
		if at, err := s.number("AssetEODCompletionTime", 0); err != nil {
			return nil, err
		} else if !math.IsNaN(at) {
			l.known = max(int64(at), over)
		}
		rows[a] = append(rows[a], l)
	}
	out, err := gather(name, rows, chainColumns, nil)
	for _, t := range out {
		t.deviate()
	}
	return out, err
}

// deviate makes, for each row, the sample deviation of all capitalisations until then.
func (s *Series) deviate() {
	s.sd = make([]float64, len(s.day))
	n, mean, ss := 0.0, 0.0, 0.0
	for i, v := range s.col[cCap] {
		if !math.IsNaN(v) {
			n++
			d := v - mean
			mean += d / n
			ss += float64(d * (v - mean))
		}
		s.sd[i] = math.NaN()
		if n > 1 && ss > 0 {
			s.sd[i] = math.Sqrt(ss / (n - 1))
		}
	}
}

// nvt is capitalisation over adjusted transfer value, the mean of so many days.
func (s *Series) nvt(i int, days int32) float64 { return s.col[cCap][i] / s.mean(cTransfer, i, days) }

// mvrv is capitalisation over realised capitalisation.
func (s *Series) mvrv(i int) float64 { return s.col[cCap][i] / s.col[cRealised][i] }

// chain fills the parts that come from on-chain metrics, with the last row that was known
// when the day closed.
func chain(x *Member, day int32, s *Scores) {
	t := x.Chain
	if t == nil {
		return
	}
	i := t.at(int64(day+1) * daySeconds)
	if i < 0 || day-t.day[i] > staleChain {
		return
	}
	finite := func(p part, v float64) {
		if !math.IsInf(v, 0) {
			s.set(p, v)
		}
	}
	finite(pNVT, t.nvt(i, 90))
	finite(pMVRVZ, (t.col[cCap][i]-t.col[cRealised][i])/t.sd[i])
	finite(pHolders, t.col[cTop][i]/t.col[cSupply][i])
	finite(pFees, t.mean(cFees, i, 30))
	if x.MaxSupply > 0 {
		finite(pFDVCap, x.MaxSupply/t.col[cSupply][i])
	}
	if j := t.at(int64(t.day[i]-90+1) * daySeconds); j >= 0 && t.day[i]-t.day[j] <= 97 {
		finite(pAddresses, t.mean(cActive, i, 30)/t.mean(cActive, j, 30)-1)
	}
}
