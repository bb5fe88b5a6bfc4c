package tokenmetrics

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/assayhq/assay/insight"
	"github.com/assayhq/assay/market"
)

// The baseline behind the paths of signals: the sign of the change over a fixed number of
// bars, in the market when it is above zero and out of it otherwise. It stands there so
// that clients have rows of the right shape; nothing is claimed for it.
const (
	dailyLook  = 20
	hourlyLook = 24
	// returnsOver is the span of the returns that stand beside a signal, in bars.
	returnsOver = 365
)

// method names the baseline, in the answer and in every row.
func method(look int, i market.Interval) string {
	unit := "day"
	if i == hourly {
		unit = "hour"
	}
	return fmt.Sprintf("baseline: sign of %d-%s momentum", look, unit)
}

const baselineText = " These are no signals of an engine but a baseline: the sign of the change of the price over %d bars, long or out, without fees, known at each close. It is there for its shape, and nothing is claimed for it. "

// signal is what the baseline says at the close of a bar.
type signal struct {
	tok           *token
	at            time.Time // the bar's beginning
	close         market.Candle
	event         int // 1 or -1 where the trend turns, 0 otherwise
	trend         int // 1 or -1
	returns       float64
	holding       float64
	trader, trust *float64
}

func (s signal) when() time.Time { return s.at }

func (s *signal) token() *token { return s.tok }

// signals gives what the baseline says of finished bars, oldest first, from a time on.
// A position is taken after the close that the signal is of, so the bar's own change is
// never in it.
func signals(t *token, bars []market.Candle, i market.Interval, look int, from time.Time) []signal {
	closes := make(map[time.Time]float64, len(bars))
	for j := range bars {
		closes[bars[j].Open] = bars[j].C.Float64()
	}
	var out []signal
	trend := 0
	var own, hold []float64 // growth of 1 up to each bar with a trend
	first := -1
	for j := range bars {
		c := bars[j].C.Float64()
		then, ok := closes[bars[j].Open.Add(-time.Duration(look)*i.Length())]
		if first >= 0 {
			change := c / bars[j-1].C.Float64()
			o, h := own[len(own)-1], hold[len(hold)-1]*change
			if trend > 0 {
				o *= change
			}
			own, hold = append(own, o), append(hold, h)
		}
		if !ok || then <= 0 || c <= 0 {
			if first >= 0 { // a hole: the trend stands until it can be told again
				continue
			}
			continue
		}
		if first < 0 {
			first = j
			own, hold = append(own, 1), append(hold, 1)
		}
		now := trend
		switch {
		case c > then:
			now = 1
		case c < then || now == 0:
			now = -1
		}
		s := signal{tok: t, at: bars[j].Open, close: bars[j], trend: now}
		if now != trend {
			s.event = now
		}
		trend = now
		k := len(own) - 1
		b := max(0, k-returnsOver)
		s.returns, s.holding = own[k]/own[b]-1, hold[k]/hold[b]-1
		if !s.at.Before(from) {
			out = append(out, s)
		}
	}
	return out
}

// trendWord and signalWord are version 3's.
func signalWord(n int) string { return [3]string{"bearish", "neutral", "bullish"}[n+1] }

func trendWord(n int) string { return [3]string{"down", "sideways", "up"}[n+1] }

func signalFields(origin string) []field[signal] {
	return append(triple((*signal).token),
		of("DATE", func(b []byte, s *signal) []byte { return appendTime(b, s.at) }),
		of("TRADING_SIGNAL", func(b []byte, s *signal) []byte { return strconv.AppendInt(b, int64(s.event), 10) }),
		field[signal]{"", "token_signal_str", func(b []byte, s *signal) []byte { return appendText(b, signalWord(s.event)) }},
		of("TOKEN_TREND", func(b []byte, s *signal) []byte { return strconv.AppendInt(b, int64(s.trend), 10) }),
		field[signal]{"", "token_trend_str", func(b []byte, s *signal) []byte { return appendText(b, trendWord(s.trend)) }},
		of("TRADING_SIGNALS_RETURNS", func(b []byte, s *signal) []byte { return appendFloat(b, &s.returns, 4) }),
		of("HOLDING_RETURNS", func(b []byte, s *signal) []byte { return appendFloat(b, &s.holding, 4) }),
		field[signal]{"TM_TRADER_GRADE", "tm_grade", func(b []byte, s *signal) []byte { return appendFloat(b, s.trader, 2) }},
		field[signal]{"TM_INVESTOR_GRADE", "fundamental_grade", func(b []byte, s *signal) []byte { return appendFloat(b, s.trust, 2) }},
		linked("TM_LINK", origin, (*signal).token),
		of("METHOD", func(b []byte, s *signal) []byte { return appendText(b, method(dailyLook, daily)) }),
	)
}

func (f *Face) tradingSignals(ctx context.Context, q *query) (*answer, error) {
	want, err := q.choice("signal", "1", "0", "-1")
	if err != nil {
		return nil, err
	}
	tokens, _, err := f.tokens(ctx, q)
	if err != nil {
		return nil, err
	}
	p, err := gather(ctx, q, tokens, f.opt.Board.Now(), day, func(ctx context.Context, t *token, from, to time.Time) ([]signal, error) {
		bars, err := f.bars(ctx, t, daily, from.Add(-(dailyLook+returnsOver+1)*day), to)
		rows := signals(t, bars, daily, dailyLook, from)
		if want != "" {
			rows = slices.DeleteFunc(rows, func(s signal) bool { return strconv.Itoa(s.event) != want })
		}
		return rows, err
	})
	if err != nil {
		return nil, err
	}
	if err := f.gradeSignals(ctx, q.version, p.rows); err != nil {
		return nil, err
	}
	a := f.signalAnswer(q, p, daily, dailyLook)
	a.table = tabulate(q.version, signalFields(q.origin), p.rows)
	return a, nil
}

func (f *Face) signalAnswer(q *query, p past[signal], i market.Interval, look int) *answer {
	a := &answer{total: p.total, more: p.more, baseline: method(look, i)}
	a.rows = len(p.rows)
	a.message = counted(len(p.rows), "row") + fmt.Sprintf(baselineText, look) + insight.NotAdvice
	if len(p.rows) > 0 {
		a.asOf = i.Next(p.rows[0].at)
		if q.page == 1 && (q.to.IsZero() || q.to.After(f.opt.Board.Now())) {
			f.judge(a, i.Length()+10*time.Minute)
		}
	}
	return a
}

// gradeSignals puts the grades of the day beside signals: trader and investor in version
// 2, the combined and the fundamental one in version 3.
func (f *Face) gradeSignals(ctx context.Context, version string, rows []signal) error {
	if f.opt.Grades == nil || len(rows) == 0 {
		return nil
	}
	first, second := insight.TraderGrade, insight.InvestorGrade
	if version == "v3" {
		first, second = insight.CombinedGrade, insight.FundamentalGrade
	}
	by := map[*token][]*signal{}
	for i := range rows {
		by[rows[i].tok] = append(by[rows[i].tok], &rows[i])
	}
	for t, list := range by {
		days, err := f.gradeHistory(first, second)(ctx, t, list[len(list)-1].at, list[0].at.Add(day))
		if err != nil {
			return err
		}
		of := map[time.Time]graded{}
		for _, g := range days {
			of[g.day] = g
		}
		for _, s := range list {
			s.trader, s.trust = of[s.at].v[first].value, of[s.at].v[second].value
		}
	}
	return nil
}

func (f *Face) hourlySignals(ctx context.Context, q *query) (*answer, error) {
	if err := q.needToken(); err != nil {
		return nil, err
	}
	tokens, _, err := f.tokens(ctx, q)
	if err != nil {
		return nil, err
	}
	p, err := gather(ctx, q, tokens, f.opt.Board.Now(), time.Hour, func(ctx context.Context, t *token, from, to time.Time) ([]signal, error) {
		bars, err := f.bars(ctx, t, hourly, from.Add(-(hourlyLook+1)*time.Hour), to)
		return signals(t, bars, hourly, hourlyLook, from), err
	})
	if err != nil {
		return nil, err
	}
	a := f.signalAnswer(q, p, hourly, hourlyLook)
	a.table = tabulate(q.version, append(triple((*signal).token),
		of("TIMESTAMP", func(b []byte, s *signal) []byte { return appendTime(b, s.at) }),
		of("CLOSE", func(b []byte, s *signal) []byte { return s.close.C.Append(b) }),
		of("SIGNAL", func(b []byte, s *signal) []byte { return appendText(b, strconv.Itoa(s.event)) }),
		of("POSITION", func(b []byte, s *signal) []byte {
			if s.trend > 0 {
				return append(b, `"long"`...)
			}
			return append(b, `"flat"`...)
		}),
		linked("", q.origin, (*signal).token),
		of("METHOD", func(b []byte, s *signal) []byte { return appendText(b, method(hourlyLook, hourly)) }),
	), p.rows)
	return a, nil
}
