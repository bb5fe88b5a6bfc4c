package stream

import (
	"encoding/json"
	"strconv"
	"time"

	"github.com/assayhq/assay/market"
	"github.com/assayhq/assay/money"
)

// The encoders append JSON by hand: they run for every event of every topic that has
// a subscriber. Field names are those of the REST answers.

func appendTrade(b []byte, t *market.Trade, venue bool) []byte {
	b = openItem(b, t.Venue, venue)
	if t.ID != "" {
		b = append(b, `"id":`...)
		b = appendText(b, t.ID)
		b = append(b, ',')
	}
	b = appendDecimal(b, `"price":"`, t.Price.Decimal)
	b = appendDecimal(b, `","qty":"`, t.Qty.Decimal)
	b = append(b, `","side":`...)
	if t.Side == market.NoSide {
		b = append(b, "null"...)
	} else {
		b = appendText(b, t.Side.String())
	}
	b = append(b, ',')
	b = appendStamps(b, t.At, t.Received)
	if t.Aggregate {
		b = append(b, `,"aggregate":true`...)
	}
	return append(appendMarks(b, t.Marks), '}')
}

func appendQuote(b []byte, q *market.Quote, venue bool) []byte {
	b = openItem(b, q.Venue, venue)
	b = appendDecimal(b, `"bid":"`, q.Bid.Decimal)
	b = appendDecimal(b, `","bid_qty":"`, q.BidQty.Decimal)
	b = appendDecimal(b, `","ask":"`, q.Ask.Decimal)
	b = appendDecimal(b, `","ask_qty":"`, q.AskQty.Decimal)
	b = append(b, `",`...)
	b = appendStamps(b, q.At, q.Received)
	return append(appendMarks(b, q.Marks), '}')
}

// appendDerivative writes how a contract stands; what the venue has not said is left out.
func appendDerivative(b []byte, d *market.DerivativeView, venue bool) []byte {
	b = openItem(b, d.Venue, venue)
	said := func(name string, v money.Decimal, at time.Time) {
		b = append(appendText(b, name), ':')
		b = append(appendDecimal(b, `"`, v), '"', ',')
		b = append(appendText(b, name+"_ts"), ':')
		b = append(appendMillis(b, at), ',')
	}
	if d.Has&market.StatedMark != 0 {
		said("mark", d.Mark.Decimal, d.MarkAt)
	}
	if d.Has&market.StatedIndex != 0 {
		said("index", d.Index.Decimal, d.IndexAt)
	}
	if d.Has&market.StatedFunding != 0 {
		b = appendDecimal(b, `"funding_rate":"`, d.Funding)
		b = append(appendMillis(append(b, `","funding_ts":`...), d.EstimateAt), ',')
	}
	if !d.FundingAt.IsZero() {
		b = append(appendMillis(append(b, `"next_funding_ts":`...), d.FundingAt), ',')
	}
	if every := d.Every(); every > 0 {
		b = append(strconv.AppendInt(append(b, `"funding_interval_s":`...), int64(every/time.Second), 10), ',')
	}
	if !d.Paid.FundingAt.IsZero() {
		b = appendDecimal(b, `"settled_rate":"`, d.Paid.Funding)
		b = append(appendMillis(append(b, `","settled_ts":`...), d.Paid.FundingAt), ',')
	}
	if d.Has&market.StatedInterest != 0 {
		said("open_interest", d.Interest.Decimal, d.InterestAt)
	}
	b = appendStamps(b, d.At, d.Received)
	return append(appendMarks(b, d.Marks), '}')
}

func appendLiquidation(b []byte, l *market.Liquidation, venue bool) []byte {
	b = openItem(b, l.Venue, venue)
	if l.ID != "" {
		b = appendText(append(b, `"id":`...), l.ID)
		b = append(b, ',')
	}
	b = append(b, `"side":`...)
	if l.Side == market.NoSide {
		b = append(b, "null"...)
	} else {
		b = appendText(b, l.Side.String())
	}
	b = appendDecimal(b, `,"price":"`, l.Price.Decimal)
	b = appendDecimal(b, `","qty":"`, l.Qty.Decimal)
	b = appendStamps(append(b, `",`...), l.At, l.Received)
	return append(appendMarks(b, l.Marks), '}')
}

func appendCandle(b []byte, k *market.Candle) []byte {
	b = append(b, `{"ts":`...)
	b = appendMillis(b, k.Open)
	b = appendDecimal(b, `,"open":"`, k.O.Decimal)
	b = appendDecimal(b, `","high":"`, k.H.Decimal)
	b = appendDecimal(b, `","low":"`, k.L.Decimal)
	b = appendDecimal(b, `","close":"`, k.C.Decimal)
	b = appendDecimal(b, `","volume":"`, k.Volume.Decimal)
	b = append(b, `","turnover":`...)
	if k.Turnover.IsZero() && !k.Volume.IsZero() {
		b = append(b, "null"...)
	} else {
		b = append(appendDecimal(b, `"`, k.Turnover), '"')
	}
	b = append(b, `,"trades":`...)
	if k.Trades < 0 {
		b = append(b, "null"...)
	} else {
		b = strconv.AppendInt(b, k.Trades, 10)
	}
	b = append(b, `,"complete":`...)
	b = strconv.AppendBool(b, k.Complete)
	b = append(b, `,"revision":`...)
	b = strconv.AppendInt(b, int64(k.Revision), 10)
	return append(appendMarks(b, k.Marks), '}')
}

// appendPrice leaves the contributions out of updates: they are most of the bytes.
func appendPrice(b []byte, p *market.ConsensusPrice, sources bool) []byte {
	b = append(b, `{"asset":`...)
	b = appendText(b, string(p.Asset))
	b = append(b, `,"quote":`...)
	b = appendText(b, string(p.Quote))
	b = appendDecimal(b, `,"price":"`, p.Price.Decimal)
	b = appendDecimal(b, `","low":"`, p.Low.Decimal)
	b = appendDecimal(b, `","high":"`, p.High.Decimal)
	b = append(b, `","confidence":`...)
	b = strconv.AppendFloat(b, p.Confidence, 'g', 6, 64)
	b = append(b, `,"ts":`...)
	b = appendMillis(b, p.At)
	b = append(b, `,"computed_ts":`...)
	b = appendMillis(b, p.Computed)
	used := 0
	for i := range p.Sources {
		if p.Sources[i].Status == market.Used {
			used++
		}
	}
	b = append(b, `,"venues":`...)
	b = strconv.AppendInt(b, int64(used), 10)
	if sources {
		b = append(b, `,"sources":[`...)
		for i := range p.Sources {
			if i > 0 {
				b = append(b, ',')
			}
			b = appendSource(b, &p.Sources[i])
		}
		b = append(b, ']')
	}
	return append(appendMarks(b, p.Marks), '}')
}

func appendSource(b []byte, s *market.Contribution) []byte {
	b = openItem(b, s.Venue, true)
	b = append(b, `"pair":`...)
	b = appendText(b, string(s.Pair))
	b = appendDecimal(b, `,"price":"`, s.Price.Decimal)
	b = appendDecimal(b, `","raw":"`, s.Raw.Decimal)
	b = appendDecimal(b, `","rate":"`, s.Rate)
	b = append(b, `","weight":`...)
	b = strconv.AppendFloat(b, s.Weight, 'g', 6, 64)
	b = append(b, `,"ts":`...)
	b = appendMillis(b, s.At)
	b = append(b, `,"status":`...)
	b = appendText(b, string(s.Status))
	return append(b, '}')
}

func appendGap(b []byte, g *market.Gap, venue bool) []byte {
	b = openItem(b, g.Venue, venue)
	b = append(b, `"id":`...)
	b = appendText(b, g.ID)
	b = append(b, `,"kind":`...)
	b = appendText(b, string(g.Kind))
	b = append(b, `,"from":`...)
	b = appendMillis(b, g.From)
	b = append(b, `,"to":`...)
	if g.To.IsZero() {
		b = append(b, "null"...)
	} else {
		b = appendMillis(b, g.To)
	}
	if g.Missing >= 0 {
		b = append(b, `,"missing":`...)
		b = strconv.AppendInt(b, g.Missing, 10)
	}
	b = append(b, `,"detail":`...)
	b = appendText(b, g.Detail)
	if !g.Repaired.IsZero() {
		b = append(b, `,"repaired":`...)
		b = appendMillis(b, g.Repaired)
		b = append(b, `,"restored":`...)
		b = strconv.AppendInt(b, g.Restored, 10)
	}
	if g.RepairedBy != "" {
		b = append(b, `,"repaired_by":"`...)
		b = append(b, g.RepairedBy...)
		b = append(b, '"')
	}
	return append(b, '}')
}

// appendLevels appends [["price","qty"],...]; gone are levels to be removed, told
// behind the others.
func appendLevels(b []byte, levels, gone []market.Level) []byte {
	b = append(b, '[')
	for i := range levels {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendDecimal(b, `["`, levels[i].Price.Decimal)
		if levels[i].Qty.IsZero() {
			b = append(b, `","0`...) // however the venue wrote it, 0 removes
		} else {
			b = appendDecimal(b, `","`, levels[i].Qty.Decimal)
		}
		b = append(b, `"]`...)
	}
	for i := range gone {
		if i > 0 || len(levels) > 0 {
			b = append(b, ',')
		}
		b = appendDecimal(b, `["`, gone[i].Price.Decimal)
		b = append(b, `","0"]`...)
	}
	return append(b, ']')
}

// openItem begins an object; the venue is named where the envelope does not.
func openItem(b []byte, v market.VenueID, named bool) []byte {
	b = append(b, '{')
	if named {
		b = append(b, `"venue":`...)
		b = appendText(b, string(v))
		b = append(b, ',')
	}
	return b
}

func appendDecimal(b []byte, before string, d money.Decimal) []byte {
	return d.Append(append(b, before...))
}

// appendStamps writes the venue's time (ours where it sends none) in milliseconds,
// its exact text where it is finer than that, and when we received it.
func appendStamps(b []byte, at, received time.Time) []byte {
	if at.IsZero() {
		at = received
	}
	b = append(b, `"ts":`...)
	b = appendMillis(b, at)
	if at.Nanosecond()%1e6 != 0 {
		b = append(b, `,"at":"`...)
		b = at.UTC().AppendFormat(b, time.RFC3339Nano)
		b = append(b, '"')
	}
	if !received.IsZero() {
		b = append(b, `,"received":`...)
		b = appendMillis(b, received)
	}
	return b
}

// appendMillis writes a time, 0 for none.
func appendMillis(b []byte, t time.Time) []byte {
	if t.IsZero() {
		return append(b, '0')
	}
	return strconv.AppendInt(b, t.UnixMilli(), 10)
}

func appendMarks(b []byte, m market.Mark) []byte {
	if m == 0 {
		return b
	}
	b = append(b, `,"marks":[`...)
	for i, n := range m.Names() {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendText(b, n)
	}
	return append(b, ']')
}

// appendText writes a JSON string.
func appendText(b []byte, s string) []byte {
	for i := 0; i < len(s); i++ {
		if c := s[i]; c < 0x20 || c > 0x7e || c == '"' || c == '\\' {
			q, _ := json.Marshal(s)
			return append(b, q...)
		}
	}
	b = append(b, '"')
	b = append(b, s...)
	return append(b, '"')
}
