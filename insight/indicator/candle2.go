package indicator

// pairs are the patterns of two bars.
func pairs() []pattern {
	return []pattern{
		{"CDLCOUNTERATTACK", "Counterattack", 11, 0, "two long bodies of opposite colours that close at the same price", func(s *candles, _ []float64) float64 {
			return found(s.rises(1) != s.rises(0) && s.long(1) && s.long(0) && s.within(s.close(0), s.close(1), equal, 1), s.sign(0))
		}},
		{"CDLDARKCLOUDCOVER", "Dark Cloud Cover", 11, 0.5, "a long rise, then a fall that opens above its high and closes deep inside its body", func(s *candles, p []float64) float64 {
			return found(s.rises(1) && s.long(1) && s.falls(0) && s.open(0) > s.high(1) && s.close(0) > s.open(1) &&
				s.close(0) < s.close(1)-float64(s.body(1)*p[0]), -100)
		}},
		{"CDLDOJISTAR", "Doji Star", 11, 0, "a long body, then a doji beyond it", func(s *candles, _ []float64) float64 {
			return found(s.long(1) && s.doji(0) && (s.rises(1) && s.bodyGapUp(0, 1) || s.falls(1) && s.bodyGapDown(0, 1)), -s.sign(1))
		}},
		{"CDLENGULFING", "Engulfing Pattern", 2, 0, "a body that reaches beyond both ends of the one before, which has the other colour; 80 when one end is the same", func(s *candles, _ []float64) float64 {
			if s.rises(0) == s.rises(1) || s.top(0) < s.top(1) || s.bottom(0) > s.bottom(1) || s.top(0) == s.top(1) && s.bottom(0) == s.bottom(1) {
				return 0
			}
			return strict(s, s.sign(0))
		}},
		{"CDLHARAMI", "Harami Pattern", 11, 0, "a long body, then a short one inside it; 80 when an end is the same", func(s *candles, _ []float64) float64 {
			return found(s.long(1) && s.small(0), harami(s))
		}},
		{"CDLHARAMICROSS", "Harami Cross Pattern", 11, 0, "a long body, then a doji inside it; 80 when an end is the same", func(s *candles, _ []float64) float64 {
			return found(s.long(1) && s.doji(0), harami(s))
		}},
		{"CDLHOMINGPIGEON", "Homing Pigeon", 11, 0, "a long fall, then a short fall inside its body", func(s *candles, _ []float64) float64 {
			return found(s.falls(1) && s.falls(0) && s.long(1) && s.small(0) && s.open(0) < s.open(1) && s.close(0) > s.close(1), 100)
		}},
		{"CDLINNECK", "In-Neck Pattern", 11, 0, "a long fall, then a rise that opens below its low and closes barely above its close", func(s *candles, _ []float64) float64 {
			return found(s.falls(1) && s.long(1) && s.rises(0) && s.open(0) < s.low(1) && s.close(0) <= s.close(1)+s.usual(equal, 1) && s.close(0) >= s.close(1), -100)
		}},
		{"CDLKICKING", "Kicking", 11, 0, "two long bodies of opposite colours without shadows, with a gap in the direction of the second", func(s *candles, _ []float64) float64 {
			return found(kicks(s), s.sign(0))
		}},
		{"CDLKICKINGBYLENGTH", "Kicking - bull/bear determined by the longer marubozu", 11, 0, "as CDLKICKING, with the colour of the longer body", func(s *candles, _ []float64) float64 {
			longer := 1
			if s.body(0) > s.body(1) {
				longer = 0
			}
			return found(kicks(s), s.sign(longer))
		}},
		{"CDLMATCHINGLOW", "Matching Low", 6, 0, "two falls that close at the same price", func(s *candles, _ []float64) float64 {
			return found(s.falls(1) && s.falls(0) && s.within(s.close(0), s.close(1), equal, 1), 100)
		}},
		{"CDLONNECK", "On-Neck Pattern", 11, 0, "a long fall, then a rise that opens below its low and closes at it", func(s *candles, _ []float64) float64 {
			return found(s.falls(1) && s.long(1) && s.rises(0) && s.open(0) < s.low(1) && s.within(s.close(0), s.low(1), equal, 1), -100)
		}},
		{"CDLPIERCING", "Piercing Pattern", 11, 0, "a long fall, then a long rise that opens below its low and closes in the upper half of its body", func(s *candles, _ []float64) float64 {
			return found(s.falls(1) && s.long(1) && s.rises(0) && s.long(0) && s.open(0) < s.low(1) && s.close(0) < s.open(1) &&
				s.close(0) > s.close(1)+float64(s.body(1)*0.5), 100)
		}},
		{"CDLSEPARATINGLINES", "Separating Lines", 11, 0, "two bodies of opposite colours that open at the same price, the second long and without a shadow at its open", func(s *candles, _ []float64) float64 {
			return found(s.rises(1) != s.rises(0) && s.within(s.open(0), s.open(1), equal, 1) && s.long(0) &&
				(s.rises(0) && s.noLower(0) || s.falls(0) && s.noUpper(0)), s.sign(0))
		}},
		{"CDLTHRUSTING", "Thrusting Pattern", 11, 0, "a long fall, then a rise that opens below its low and closes in the lower half of its body", func(s *candles, _ []float64) float64 {
			return found(s.falls(1) && s.long(1) && s.rises(0) && s.open(0) < s.low(1) && s.close(0) > s.close(1)+s.usual(equal, 1) &&
				s.close(0) <= s.close(1)+float64(s.body(1)*0.5), -100)
		}},
	}
}

func kicks(s *candles) bool {
	return s.rises(1) != s.rises(0) && s.long(1) && s.noUpper(1) && s.noLower(1) && s.long(0) && s.noUpper(0) && s.noLower(0) &&
		(s.falls(1) && s.gapUp(0, 1) || s.rises(1) && s.gapDown(0, 1))
}

// harami is a body inside the one before: 100, or 80 when an end of both is the same.
func harami(s *candles) float64 {
	if s.top(0) > s.top(1) || s.bottom(0) < s.bottom(1) {
		return 0
	}
	return strict(s, -s.sign(1))
}

// strict is value when the last two bodies share no end, and four fifths of it when they do.
func strict(s *candles, value float64) float64 {
	if s.top(0) != s.top(1) && s.bottom(0) != s.bottom(1) {
		return value
	}
	return value * 0.8
}
