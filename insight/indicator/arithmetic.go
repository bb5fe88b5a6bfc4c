package indicator

import "math"

func shapeOf(name, title, formula, doc string, f func(float64) float64) Function {
	return Function{
		Name: name, Title: title, Group: MathShape, Inputs: []Input{Real},
		Outputs: []Output{{Name: "outReal", Unit: Anything, Form: Line, Free: true}},
		Doc:     doc, Formula: formula, Source: "TA-Lib " + name + ".", Notes: "No value where the function has none.",
		begin: none,
		open:  func([]float64) core { return each1(func(in []float64) float64 { return f(in[0]) }) },
	}
}

// shapes are the functions of one number.
func shapes() []Function {
	return []Function{
		shapeOf("ACOS", "Vector Trigonometric ACos", "arccos x", "The arc cosine, in radians.", math.Acos),
		shapeOf("ASIN", "Vector Trigonometric ASin", "arcsin x", "The arc sine, in radians.", math.Asin),
		shapeOf("ATAN", "Vector Trigonometric ATan", "arctan x", "The arc tangent, in radians.", math.Atan),
		shapeOf("CEIL", "Vector Ceil", "least whole number not below x", "Rounded up.", math.Ceil),
		shapeOf("COS", "Vector Trigonometric Cos", "cos x", "The cosine of radians.", math.Cos),
		shapeOf("COSH", "Vector Trigonometric Cosh", "cosh x", "The hyperbolic cosine.", math.Cosh),
		shapeOf("EXP", "Vector Arithmetic Exp", "e^x", "The exponential; infinite above about 709.", math.Exp),
		shapeOf("FLOOR", "Vector Floor", "greatest whole number not above x", "Rounded down.", math.Floor),
		shapeOf("LN", "Vector Log Natural", "ln x", "The natural logarithm.", math.Log),
		shapeOf("LOG10", "Vector Log10", "log10 x", "The decimal logarithm.", math.Log10),
		shapeOf("SIN", "Vector Trigonometric Sin", "sin x", "The sine of radians.", math.Sin),
		shapeOf("SINH", "Vector Trigonometric Sinh", "sinh x", "The hyperbolic sine.", math.Sinh),
		shapeOf("SQRT", "Vector Square Root", "sqrt x", "The square root.", math.Sqrt),
		shapeOf("TAN", "Vector Trigonometric Tan", "tan x", "The tangent of radians.", math.Tan),
		shapeOf("TANH", "Vector Trigonometric Tanh", "tanh x", "The hyperbolic tangent.", math.Tanh),
	}
}

func pairOf(name, title, formula string, out Output, f func(a, b float64) float64) Function {
	return Function{
		Name: name, Title: title, Group: MathOp, Inputs: []Input{Real, Real1}, Outputs: []Output{out},
		Doc: "Of two columns, bar by bar.", Formula: formula, Source: "TA-Lib " + name + ".",
		begin: none,
		open:  func([]float64) core { return each1(func(in []float64) float64 { return f(in[0], in[1]) }) },
	}
}

// operators are the functions of two columns.
func operators() []Function {
	price := Output{Name: "outReal", Unit: Price, Form: Line, PriceDegree: 1}
	div := pairOf("DIV", "Vector Arithmetic Division", "x / y", ratio("outReal"), func(a, b float64) float64 { return a / b })
	div.Notes = "No value where y is 0."
	return []Function{
		pairOf("ADD", "Vector Arithmetic Addition", "x + y", price, func(a, b float64) float64 { return a + b }),
		pairOf("SUB", "Vector Arithmetic Subtraction", "x - y", price, func(a, b float64) float64 { return a - b }),
		pairOf("MULT", "Vector Arithmetic Multiplication", "x y", Output{Name: "outReal", Unit: Squared, Form: Line, PriceDegree: 2}, func(a, b float64) float64 { return a * b }),
		div,
	}
}

func sum() Function {
	return Function{
		Name: "SUM", Title: "Summation", Group: MathOp, Inputs: []Input{Real}, Params: []Param{period(30, 2)},
		Outputs: []Output{{Name: "outReal", Unit: Price, Form: Line, PriceDegree: 1}},
		Doc:     "The sum of the last bars.", Formula: "x[t] + ... + x[t-n+1]", Source: "TA-Lib SUM.",
		begin: last, open: func(p []float64) core { return &adder{newWindow(int(p[0]))} },
	}
}

type adder struct{ w window }

func (a *adder) step(in, out []float64) {
	a.w.push(in[0])
	out[0] = a.w.sum
}

func (a *adder) take(from core) { a.w.take(&from.(*adder).w) }

func blend(name, title, formula, doc string, inputs []Input, f func(in []float64) float64) Function {
	return Function{
		Name: name, Title: title, Group: Transform, Inputs: inputs, Outputs: []Output{overPrice("outReal")},
		Doc: doc, Formula: formula, Source: "Common; TA-Lib " + name + ".",
		begin: none, open: func([]float64) core { return each1(f) },
	}
}

// blends are the functions that make one price of a bar.
func blends() []Function {
	return []Function{
		blend("AVGPRICE", "Average Price", "(open + high + low + close)/4", "The middle of the four prices of the bar.", []Input{OpenPrice, High, Low, Close}, func(in []float64) float64 { return (in[1] + in[2] + in[3] + in[0]) / 4 }),
		blend("MEDPRICE", "Median Price", "(high + low)/2", "The middle of the bar's range.", []Input{High, Low}, func(in []float64) float64 { return (in[0] + in[1]) / 2 }),
		blend("TYPPRICE", "Typical Price", "(high + low + close)/3", "The middle of high, low and close.", []Input{High, Low, Close}, func(in []float64) float64 { return (in[0] + in[1] + in[2]) / 3 }),
		blend("WCLPRICE", "Weighted Close Price", "(high + low + 2 close)/4", "The middle of high, low and, twice, the close.", []Input{High, Low, Close}, func(in []float64) float64 { return (in[0] + in[1] + float64(in[2]*2)) / 4 }),
	}
}

func avgdev() Function {
	return Function{
		Name: "AVGDEV", Title: "Average Deviation", Group: Transform, Inputs: []Input{Real}, Params: []Param{period(14, 2)},
		Outputs: []Output{{Name: "outReal", Unit: Price, Form: Line, PriceDegree: 1}},
		Doc:     "How far the last bars lie from their mean, on average.", Formula: "sum |x[i] - mean| / n", Source: "TA-Lib AVGDEV.",
		begin: last, open: func(p []float64) core { return &away{newWindow(int(p[0]))} },
	}
}

type away struct{ w window }

func (a *away) step(in, out []float64) {
	a.w.push(in[0])
	if !a.w.full() {
		return
	}
	n := float64(len(a.w.buf))
	var sum, off float64
	for _, x := range a.w.buf {
		sum += x
	}
	for _, x := range a.w.buf {
		off += abs(x - sum/n)
	}
	out[0] = off / n
}

func (a *away) take(from core) { a.w.take(&from.(*away).w) }
