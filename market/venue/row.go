package venue

import (
	"github.com/assayhq/assay/internal/scan"
	"github.com/assayhq/assay/market"
)

// ReadRow reads a candle that a venue writes as an array by position. The layout
// has a letter for each place: m open time in milliseconds, s in seconds; o h l c the
// prices; v volume in base; q turnover in quote; n trades; x whether it is closed
// ("1" or true); - anything else. Places after ? may be missing; what follows the layout is
// skipped.
func ReadRow(c *scan.Cursor, k *market.Candle, layout string) {
	need, have := len(layout), 0
	at := 0 // in the layout
	for ok := c.Arr(); ok && c.NextItem(); have++ {
		if at < len(layout) && layout[at] == '?' {
			need, at = have, at+1
		}
		if at >= len(layout) {
			c.Skip()
			continue
		}
		switch layout[at] {
		case 'm':
			k.Open = c.Millis()
		case 's':
			k.Open = c.Seconds()
		case 'o':
			k.O = c.Price()
		case 'h':
			k.H = c.Price()
		case 'l':
			k.L = c.Price()
		case 'c':
			k.C = c.Price()
		case 'v':
			k.Volume = c.Qty()
		case 'q':
			k.Turnover = c.Sum()
		case 'n':
			k.Trades = c.Int()
		case 'x':
			text := string(c.Raw())
			k.Complete = text == "1" || text == "true"
		default:
			c.Skip()
		}
		at++
	}
	if at < len(layout) && layout[at] == '?' {
		need = have
	}
	if have < need {
		c.Fail("candle row is too short")
	}
}
