package indicator

// singles are the patterns of one bar; some look at where the bar before stood.
func singles() []pattern {
	return []pattern{
		{"CDLBELTHOLD", "Belt-hold", 10, 0, "a long body that begins at the end of the bar: no lower shadow when it rises, no upper one when it falls", func(s *candles, _ []float64) float64 {
			return found(s.long(0) && (s.rises(0) && s.noLower(0) || s.falls(0) && s.noUpper(0)), s.sign(0))
		}},
		{"CDLCLOSINGMARUBOZU", "Closing Marubozu", 10, 0, "a long body that closes at the end of the bar: no upper shadow when it rises, no lower one when it falls", func(s *candles, _ []float64) float64 {
			return found(s.long(0) && (s.rises(0) && s.noUpper(0) || s.falls(0) && s.noLower(0)), s.sign(0))
		}},
		{"CDLDOJI", "Doji", 10, 0, "open and close are the same, or nearly", func(s *candles, _ []float64) float64 {
			return found(s.doji(0), 100)
		}},
		{"CDLDRAGONFLYDOJI", "Dragonfly Doji", 10, 0, "a doji at the top of its bar: a lower shadow and no upper one", func(s *candles, _ []float64) float64 {
			return found(s.doji(0) && s.noUpper(0) && s.hasLower(0), 100)
		}},
		{"CDLGRAVESTONEDOJI", "Gravestone Doji", 10, 0, "a doji at the bottom of its bar: an upper shadow and no lower one", func(s *candles, _ []float64) float64 {
			return found(s.doji(0) && s.noLower(0) && s.hasUpper(0), 100)
		}},
		{"CDLHAMMER", "Hammer", 11, 0, "a short body with a long lower shadow and no upper one, near the low of the bar before", func(s *candles, _ []float64) float64 {
			return found(s.short(0) && s.lower(0) > s.usual(shadowLong, 0) && s.noUpper(0) && s.bottom(0) <= s.low(1)+s.usual(near, 1), 100)
		}},
		{"CDLHANGINGMAN", "Hanging Man", 11, 0, "a short body with a long lower shadow and no upper one, near the high of the bar before", func(s *candles, _ []float64) float64 {
			return found(s.short(0) && s.lower(0) > s.usual(shadowLong, 0) && s.noUpper(0) && s.bottom(0) >= s.high(1)-s.usual(near, 1), -100)
		}},
		{"CDLHIGHWAVE", "High-Wave Candle", 10, 0, "a short body with very long shadows on both sides", func(s *candles, _ []float64) float64 {
			return found(s.short(0) && s.upper(0) > s.usual(shadowVeryLong, 0) && s.lower(0) > s.usual(shadowVeryLong, 0), s.sign(0))
		}},
		{"CDLINVERTEDHAMMER", "Inverted Hammer", 11, 0, "a short body with a long upper shadow and no lower one, below the body before", func(s *candles, _ []float64) float64 {
			return found(s.short(0) && s.upper(0) > s.usual(shadowLong, 0) && s.noLower(0) && s.bodyGapDown(0, 1), 100)
		}},
		{"CDLLONGLEGGEDDOJI", "Long Legged Doji", 10, 0, "a doji with a long shadow on a side", func(s *candles, _ []float64) float64 {
			return found(s.doji(0) && (s.lower(0) > s.usual(shadowLong, 0) || s.upper(0) > s.usual(shadowLong, 0)), 100)
		}},
		{"CDLLONGLINE", "Long Line Candle", 10, 0, "a long body with short shadows", func(s *candles, _ []float64) float64 {
			return found(s.long(0) && s.upper(0) < s.usual(shadowShort, 0) && s.lower(0) < s.usual(shadowShort, 0), s.sign(0))
		}},
		{"CDLMARUBOZU", "Marubozu", 10, 0, "a long body without shadows", func(s *candles, _ []float64) float64 {
			return found(s.long(0) && s.noUpper(0) && s.noLower(0), s.sign(0))
		}},
		{"CDLRICKSHAWMAN", "Rickshaw Man", 10, 0, "a doji in the middle of its bar, with long shadows on both sides", func(s *candles, _ []float64) float64 {
			mid := s.low(0) + s.length(0)/2
			return found(s.doji(0) && s.lower(0) > s.usual(shadowLong, 0) && s.upper(0) > s.usual(shadowLong, 0) &&
				s.bottom(0) <= mid+s.usual(near, 0) && s.top(0) >= mid-s.usual(near, 0), 100)
		}},
		{"CDLSHOOTINGSTAR", "Shooting Star", 11, 0, "a short body with a long upper shadow and no lower one, above the body before", func(s *candles, _ []float64) float64 {
			return found(s.short(0) && s.upper(0) > s.usual(shadowLong, 0) && s.noLower(0) && s.bodyGapUp(0, 1), -100)
		}},
		{"CDLSHORTLINE", "Short Line Candle", 10, 0, "a short body with short shadows", func(s *candles, _ []float64) float64 {
			return found(s.short(0) && s.upper(0) < s.usual(shadowShort, 0) && s.lower(0) < s.usual(shadowShort, 0), s.sign(0))
		}},
		{"CDLSPINNINGTOP", "Spinning Top", 10, 0, "a short body with shadows on both sides that are longer than it", func(s *candles, _ []float64) float64 {
			return found(s.short(0) && s.upper(0) > s.body(0) && s.lower(0) > s.body(0), s.sign(0))
		}},
		{"CDLTAKURI", "Takuri (Dragonfly Doji with very long lower shadow)", 10, 0, "a doji with a very long lower shadow and no upper one", func(s *candles, _ []float64) float64 {
			return found(s.doji(0) && s.noUpper(0) && s.lower(0) > s.usual(shadowVeryLong, 0), 100)
		}},
	}
}
