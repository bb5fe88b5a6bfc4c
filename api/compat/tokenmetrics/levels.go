package tokenmetrics

import (
	"context"
	"fmt"
	"time"

	"github.com/assayhq/assay/insight/risk"
	"github.com/assayhq/assay/market"
)

// levelDays is how far back levels are looked for.
const levelDays = 730

// turns are the levels of a token with what is known of how such levels held.
type turns struct {
	list   []risk.Level
	record risk.LevelRecord
}

// levels tells prices at which movements turned before. A level counts from the bar that
// confirmed it.
func (f *Face) levels(ctx context.Context, q *query) (*answer, error) {
	rows, a, err := measure(ctx, f, q, levelDays*day, func(_ *token, bars []market.Candle) (turns, bool) {
		in := make([]risk.Bar, len(bars))
		for i, c := range bars {
			in[i] = risk.Bar{At: c.Open, Open: c.O.Float64(), High: c.H.Float64(), Low: c.L.Float64(), Close: c.C.Float64(), Volume: c.Volume.Float64()}
		}
		list, record, err := risk.Levels(in, risk.LevelOptions{})
		return turns{list, record}, err == nil
	})
	if err != nil {
		return nil, err
	}
	a.table = tabulate(q.version, append(triple((*measured[turns]).token), measuredDay[turns](),
		of("HISTORICAL_RESISTANCE_SUPPORT_LEVELS", func(b []byte, m *measured[turns]) []byte {
			b = append(b, '[')
			for i, l := range m.of.list {
				if i > 0 {
					b = append(b, ',')
				}
				b = appendFloat(append(b, `{"level":`...), &l.Price, 8)
				b = appendText(append(b, `,"date":`...), l.Last.UTC().Format(time.DateOnly))
				b = append(b, '}')
			}
			return append(b, ']')
		}),
		linked("", q.origin, (*measured[turns]).token)), rows)
	a.message += fmt.Sprintf(" Levels of the last %d days, by price, with the day that they were last met; a level counts from the bar that confirmed it.", levelDays)
	if len(rows) == 1 && rows[0].of.record.Touched > 0 {
		r := rows[0].of.record
		a.message += fmt.Sprintf(" Such levels held in %.0f %% of %d touches, levels at random places in %.0f %%.", 100*r.Rate, r.Touched, 100*r.RandomRate)
	}
	return a, nil
}
