package indicator

// triples are the patterns of three bars.
func triples() []pattern {
	return []pattern{
		{"CDL2CROWS", "Two Crows", 12, 0, "a long rise, a fall above its body, and a fall that opens inside the second body and closes inside the first", func(s *candles, _ []float64) float64 {
			return found(s.rises(2) && s.long(2) && s.falls(1) && s.bodyGapUp(1, 2) && s.falls(0) && s.open(0) < s.open(1) && s.open(0) > s.close(1) &&
				s.close(0) > s.open(2) && s.close(0) < s.close(2), -100)
		}},
		{"CDL3INSIDE", "Three Inside Up/Down", 12, 0, "a long body, a short one inside it, and a third that closes beyond the open of the first", func(s *candles, _ []float64) float64 {
			return found(s.long(2) && s.small(1) && s.top(1) < s.top(2) && s.bottom(1) > s.bottom(2) &&
				(s.rises(2) && s.falls(0) && s.close(0) < s.open(2) || s.falls(2) && s.rises(0) && s.close(0) > s.open(2)), -s.sign(2))
		}},
		{"CDL3OUTSIDE", "Three Outside Up/Down", 3, 0, "an engulfing pattern, then a close further its way", func(s *candles, _ []float64) float64 {
			return found(s.rises(1) && s.falls(2) && s.close(1) > s.open(2) && s.open(1) < s.close(2) && s.close(0) > s.close(1) ||
				s.falls(1) && s.rises(2) && s.open(1) > s.close(2) && s.close(1) < s.open(2) && s.close(0) < s.close(1), s.sign(1))
		}},
		{"CDL3STARSINSOUTH", "Three Stars In The South", 12, 0, "three falls, each inside the last: a long one with a long lower shadow, a smaller one with a higher low, and a small one without shadows", func(s *candles, _ []float64) float64 {
			return found(s.falls(2) && s.falls(1) && s.falls(0) && s.long(2) && s.lower(2) > s.usual(shadowLong, 2) &&
				s.body(1) < s.body(2) && s.open(1) > s.close(2) && s.open(1) <= s.high(2) && s.low(1) < s.close(2) && s.low(1) >= s.low(2) && s.hasLower(1) &&
				s.short(0) && s.noLower(0) && s.noUpper(0) && s.low(0) > s.low(1) && s.high(0) < s.high(1), 100)
		}},
		{"CDL3WHITESOLDIERS", "Three Advancing White Soldiers", 12, 0, "three rises without upper shadows, each of which opens in or near the body before and closes higher, none much shorter than the one before", func(s *candles, _ []float64) float64 {
			return found(s.rises(2) && s.noUpper(2) && s.rises(1) && s.noUpper(1) && s.rises(0) && s.noUpper(0) && s.close(0) > s.close(1) && s.close(1) > s.close(2) &&
				s.open(1) > s.open(2) && s.open(1) <= s.close(2)+s.usual(near, 2) && s.open(0) > s.open(1) && s.open(0) <= s.close(1)+s.usual(near, 1) &&
				s.body(1) > s.body(2)-s.usual(far, 2) && s.body(0) > s.body(1)-s.usual(far, 1) && s.body(0) > s.usual(bodyShort, 0), 100)
		}},
		{"CDLABANDONEDBABY", "Abandoned Baby", 12, 0.3, "a long body, a doji with gaps of whole bars on both sides, and a body of the other colour that reaches into the first", func(s *candles, p []float64) float64 {
			return found(s.long(2) && s.doji(1) && s.body(0) > s.usual(bodyShort, 0) &&
				(s.rises(2) && s.falls(0) && s.close(0) < s.close(2)-float64(s.body(2)*p[0]) && s.gapUp(1, 2) && s.gapDown(0, 1) ||
					s.falls(2) && s.rises(0) && s.close(0) > s.close(2)+float64(s.body(2)*p[0]) && s.gapDown(1, 2) && s.gapUp(0, 1)), s.sign(0))
		}},
		{"CDLADVANCEBLOCK", "Advance Block", 12, 0, "three rises that close higher and higher but weaken: bodies shrink or upper shadows grow", func(s *candles, _ []float64) float64 {
			if !(s.rises(2) && s.rises(1) && s.rises(0) && s.close(0) > s.close(1) && s.close(1) > s.close(2) &&
				s.open(1) > s.open(2) && s.open(1) <= s.close(2)+s.usual(near, 2) && s.open(0) > s.open(1) && s.open(0) <= s.close(1)+s.usual(near, 1) &&
				s.long(2) && s.upper(2) < s.usual(shadowShort, 2)) {
				return 0
			}
			return found(s.body(1) < s.body(2)-s.usual(far, 2) && s.body(0) < s.body(1)+s.usual(near, 1) ||
				s.body(0) < s.body(1)-s.usual(far, 1) ||
				s.body(0) < s.body(1) && s.body(1) < s.body(2) && (s.upper(0) > s.usual(shadowShort, 0) || s.upper(1) > s.usual(shadowShort, 1)) ||
				s.body(0) < s.body(1) && s.upper(0) > s.usual(shadowLong, 0), -100)
		}},
		{"CDLEVENINGDOJISTAR", "Evening Doji Star", 12, 0.3, "a long rise, a doji above it, and a fall that reaches deep into the first body", func(s *candles, p []float64) float64 {
			return found(s.long(2) && s.rises(2) && s.doji(1) && evening(s, p[0]), -100)
		}},
		{"CDLEVENINGSTAR", "Evening Star", 12, 0.3, "a long rise, a short body above it, and a fall that reaches deep into the first body", func(s *candles, p []float64) float64 {
			return found(s.long(2) && s.rises(2) && s.small(1) && evening(s, p[0]), -100)
		}},
		{"CDLGAPSIDESIDEWHITE", "Up/Down-gap side-by-side white lines", 7, 0, "a gap, then two rises of about the same size that open at the same price", func(s *candles, _ []float64) float64 {
			value := -100.0
			if s.bodyGapUp(1, 2) {
				value = 100
			}
			return found((s.bodyGapUp(1, 2) && s.bodyGapUp(0, 2) || s.bodyGapDown(1, 2) && s.bodyGapDown(0, 2)) && s.rises(1) && s.rises(0) &&
				s.within(s.body(0), s.body(1), near, 1) && s.within(s.open(0), s.open(1), equal, 1), value)
		}},
		{"CDLIDENTICAL3CROWS", "Identical Three Crows", 12, 0, "three falls without lower shadows, each of which opens at the close before and closes lower", func(s *candles, _ []float64) float64 {
			return found(s.falls(2) && s.noLower(2) && s.falls(1) && s.noLower(1) && s.falls(0) && s.noLower(0) && s.close(2) > s.close(1) && s.close(1) > s.close(0) &&
				s.within(s.open(1), s.close(2), equal, 2) && s.within(s.open(0), s.close(1), equal, 1), -100)
		}},
		{"CDLMORNINGDOJISTAR", "Morning Doji Star", 12, 0.3, "a long fall, a doji below it, and a rise that reaches deep into the first body", func(s *candles, p []float64) float64 {
			return found(s.long(2) && s.falls(2) && s.doji(1) && morning(s, p[0]), 100)
		}},
		{"CDLMORNINGSTAR", "Morning Star", 12, 0.3, "a long fall, a short body below it, and a rise that reaches deep into the first body", func(s *candles, p []float64) float64 {
			return found(s.long(2) && s.falls(2) && s.small(1) && morning(s, p[0]), 100)
		}},
		{"CDLSTALLEDPATTERN", "Stalled Pattern", 12, 0, "three rises that close higher and higher: two long ones, and a short one that rides on the second's shoulder", func(s *candles, _ []float64) float64 {
			return found(s.rises(2) && s.rises(1) && s.rises(0) && s.close(0) > s.close(1) && s.close(1) > s.close(2) && s.long(2) && s.long(1) && s.noUpper(1) &&
				s.open(1) > s.open(2) && s.open(1) <= s.close(2)+s.usual(near, 2) && s.short(0) && s.open(0) >= s.close(1)-s.body(0)-s.usual(near, 1), -100)
		}},
		{"CDLSTICKSANDWICH", "Stick Sandwich", 7, 0, "a fall, a rise that stays above its close, and a fall to the same close", func(s *candles, _ []float64) float64 {
			return found(s.falls(2) && s.rises(1) && s.falls(0) && s.low(1) > s.close(2) && s.within(s.close(0), s.close(2), equal, 2), 100)
		}},
		{"CDLTASUKIGAP", "Tasuki Gap", 7, 0, "a gap, and a third body of the other colour and about the same size that opens inside the second and closes inside the gap", func(s *candles, _ []float64) float64 {
			alike := func() bool { return abs(s.body(1)-s.body(0)) < s.usual(near, 1) }
			return found(s.bodyGapUp(1, 2) && s.rises(1) && s.falls(0) && s.open(0) < s.close(1) && s.open(0) > s.open(1) && s.close(0) < s.open(1) && s.close(0) > s.top(2) && alike() ||
				s.bodyGapDown(1, 2) && s.falls(1) && s.rises(0) && s.open(0) < s.open(1) && s.open(0) > s.close(1) && s.close(0) > s.open(1) && s.close(0) < s.bottom(2) && alike(), s.sign(1))
		}},
		{"CDLTRISTAR", "Tristar Pattern", 12, 0, "three dojis, the middle one beyond the others", func(s *candles, _ []float64) float64 {
			usual := s.usual(bodyDoji, 2)
			switch {
			case s.body(2) > usual || s.body(1) > usual || s.body(0) > usual:
				return 0
			case s.bodyGapDown(1, 2) && s.bottom(0) > s.bottom(1):
				return 100
			}
			return found(s.bodyGapUp(1, 2) && s.top(0) < s.top(1), -100)
		}},
		{"CDLUNIQUE3RIVER", "Unique 3 River", 12, 0, "a long fall, a fall inside its body with a lower low, and a short rise above that low", func(s *candles, _ []float64) float64 {
			return found(s.long(2) && s.falls(2) && s.falls(1) && s.close(1) > s.close(2) && s.open(1) <= s.open(2) && s.low(1) < s.low(2) &&
				s.short(0) && s.rises(0) && s.open(0) > s.low(1), 100)
		}},
		{"CDLUPSIDEGAP2CROWS", "Upside Gap Two Crows", 12, 0, "a long rise, a short fall above it, and a fall that engulfs the second and stays above the first", func(s *candles, _ []float64) float64 {
			return found(s.rises(2) && s.long(2) && s.falls(1) && s.small(1) && s.bodyGapUp(1, 2) && s.falls(0) && s.open(0) > s.open(1) && s.close(0) < s.close(1) && s.close(0) > s.close(2), -100)
		}},
		{"CDLXSIDEGAP3METHODS", "Upside/Downside Gap Three Methods", 2, 0, "two bodies of one colour with a gap between them, and a third of the other colour that opens in the second and closes in the first", func(s *candles, _ []float64) float64 {
			return found(s.rises(2) == s.rises(1) && s.rises(1) != s.rises(0) && s.open(0) < s.top(1) && s.open(0) > s.bottom(1) && s.close(0) < s.top(2) && s.close(0) > s.bottom(2) &&
				(s.rises(2) && s.bodyGapUp(1, 2) || s.falls(2) && s.bodyGapDown(1, 2)), s.sign(2))
		}},
	}
}

func evening(s *candles, penetration float64) bool {
	return s.bodyGapUp(1, 2) && s.body(0) > s.usual(bodyShort, 0) && s.falls(0) && s.close(0) < s.close(2)-float64(s.body(2)*penetration)
}

func morning(s *candles, penetration float64) bool {
	return s.bodyGapDown(1, 2) && s.body(0) > s.usual(bodyShort, 0) && s.rises(0) && s.close(0) > s.close(2)+float64(s.body(2)*penetration)
}

// longer are the patterns of four and five bars.
func longer() []pattern {
	return []pattern{
		{"CDL3BLACKCROWS", "Three Black Crows", 13, 0, "after a rise, three falls without lower shadows, each of which opens in the body before and closes lower", func(s *candles, _ []float64) float64 {
			return found(s.rises(3) && s.falls(2) && s.noLower(2) && s.falls(1) && s.noLower(1) && s.falls(0) && s.noLower(0) &&
				s.open(1) < s.open(2) && s.open(1) > s.close(2) && s.open(0) < s.open(1) && s.open(0) > s.close(1) &&
				s.high(3) > s.close(2) && s.close(2) > s.close(1) && s.close(1) > s.close(0), -100)
		}},
		{"CDL3LINESTRIKE", "Three-Line Strike", 8, 0, "three bodies of one colour that go on from one another, and a fourth of the other colour that takes them all back", func(s *candles, _ []float64) float64 {
			return found(s.rises(3) == s.rises(2) && s.rises(2) == s.rises(1) && s.rises(0) != s.rises(1) &&
				s.open(2) >= s.bottom(3)-s.usual(near, 3) && s.open(2) <= s.top(3)+s.usual(near, 3) &&
				s.open(1) >= s.bottom(2)-s.usual(near, 2) && s.open(1) <= s.top(2)+s.usual(near, 2) &&
				(s.rises(1) && s.close(1) > s.close(2) && s.close(2) > s.close(3) && s.open(0) > s.close(1) && s.close(0) < s.open(3) ||
					s.falls(1) && s.close(1) < s.close(2) && s.close(2) < s.close(3) && s.open(0) < s.close(1) && s.close(0) > s.open(3)), s.sign(1))
		}},
		{"CDLBREAKAWAY", "Breakaway", 14, 0, "a long body, a gap its way, two more bars further that way, and a fifth that turns and closes in the gap", func(s *candles, _ []float64) float64 {
			return found(s.long(4) && s.rises(4) == s.rises(3) && s.rises(3) == s.rises(1) && s.rises(1) != s.rises(0) &&
				(s.falls(4) && s.bodyGapDown(3, 4) && s.high(2) < s.high(3) && s.low(2) < s.low(3) && s.high(1) < s.high(2) && s.low(1) < s.low(2) && s.close(0) > s.open(3) && s.close(0) < s.close(4) ||
					s.rises(4) && s.bodyGapUp(3, 4) && s.high(2) > s.high(3) && s.low(2) > s.low(3) && s.high(1) > s.high(2) && s.low(1) > s.low(2) && s.close(0) < s.open(3) && s.close(0) > s.close(4)), s.sign(0))
		}},
		{"CDLCONCEALBABYSWALL", "Concealing Baby Swallow", 13, 0, "two falls without shadows, a third that opens below and reaches up into the second, and a fourth that engulfs the whole third", func(s *candles, _ []float64) float64 {
			return found(s.falls(3) && s.falls(2) && s.falls(1) && s.falls(0) && s.noLower(3) && s.noUpper(3) && s.noLower(2) && s.noUpper(2) &&
				s.bodyGapDown(1, 2) && s.hasUpper(1) && s.high(1) > s.close(2) && s.high(0) > s.high(1) && s.low(0) < s.low(1), 100)
		}},
		{"CDLLADDERBOTTOM", "Ladder Bottom", 14, 0, "three falls with lower and lower opens and closes, a fourth with an upper shadow, and a rise above its high", func(s *candles, _ []float64) float64 {
			return found(s.falls(4) && s.falls(3) && s.falls(2) && s.open(4) > s.open(3) && s.open(3) > s.open(2) && s.close(4) > s.close(3) && s.close(3) > s.close(2) &&
				s.falls(1) && s.hasUpper(1) && s.rises(0) && s.open(0) > s.open(1) && s.close(0) > s.high(1), 100)
		}},
		{"CDLMATHOLD", "Mat Hold", 14, 0.5, "a long rise, a gap, three short bodies that drift down and stay in its upper part, and a rise above their highs", func(s *candles, p []float64) float64 {
			floor := s.close(4) - float64(s.body(4)*p[0])
			return found(s.long(4) && s.short(3) && s.short(2) && s.short(1) && s.rises(4) && s.falls(3) && s.rises(0) && s.bodyGapUp(3, 4) &&
				s.bottom(2) < s.close(4) && s.bottom(1) < s.close(4) && s.bottom(2) > floor && s.bottom(1) > floor &&
				s.top(2) < s.open(3) && s.top(1) < s.top(2) && s.open(0) > s.close(1) && s.close(0) > max(s.high(3), s.high(2), s.high(1)), 100)
		}},
		{"CDLRISEFALL3METHODS", "Rising/Falling Three Methods", 14, 0, "a long body, three short ones of the other colour inside its bar, and a long one that goes on beyond the first", func(s *candles, _ []float64) float64 {
			d := s.sign(4) / 100
			held := func(k int) bool { return s.bottom(k) < s.high(4) && s.top(k) > s.low(4) }
			return found(s.long(4) && s.short(3) && s.short(2) && s.short(1) && s.long(0) &&
				s.rises(4) != s.rises(3) && s.rises(3) == s.rises(2) && s.rises(2) == s.rises(1) && s.rises(1) != s.rises(0) &&
				held(3) && held(2) && held(1) && s.close(2)*d < s.close(3)*d && s.close(1)*d < s.close(2)*d &&
				s.open(0)*d > s.close(1)*d && s.close(0)*d > s.close(4)*d, s.sign(4))
		}},
	}
}
