package main

import (
	"bufio"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/assayhq/assay/fault"
	"github.com/assayhq/assay/insight/indicator"
)

func (c *cli) indicator() *cobra.Command {
	var list bool
	var set, input []string
	cmd := &cobra.Command{
		Use:   "indicator NAME [FILE]",
		Short: "Compute a technical indicator over a file of bars",
		Long: `Indicator reads bars from a CSV file (plain or gzip, - for standard input) with the
columns ts_ms,open,high,low,close,volume and writes one JSON object a line:

  {"ts":1502928000000,"values":{"outReal":51.3}}

with null where there are too few bars yet. Names are TA-Lib's. A function of one
series takes the close, one of two the close and the high; --input says otherwise.
Without a file it says what the function is. Numbers are statistics in floating
point, not money.`,
		Example: "  assay indicator --list\n  assay indicator MACD\n  assay indicator RSI BTC-1d.csv | tail -1\n  assay indicator BBANDS --set time_period=20 --set ma_type=EMA BTC-1d.csv\n  assay indicator SMA --input real=volume BTC-1d.csv",
		Args:    cobra.MaximumNArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			catalogue := indicator.Catalogue()
			switch {
			case list && len(args) == 0:
				return c.indicators(catalogue)
			case len(args) == 0:
				return usageError{fmt.Errorf("the name of an indicator is missing, such as RSI; --list prints all")}
			}
			f, err := indicator.Find(catalogue, args[0])
			if err != nil {
				return err
			}
			settings := map[string]string{}
			for _, s := range set {
				name, value, ok := strings.Cut(s, "=")
				if !ok {
					return usageError{fmt.Errorf("--set takes name=value, such as time_period=20, not %q", s)}
				}
				settings[name] = value
			}
			v, err := f.Set(settings)
			if err != nil {
				return err
			}
			if len(args) == 1 {
				return c.describe(f, v)
			}
			columns, err := inputs(f, input)
			if err != nil {
				return err
			}
			w := bufio.NewWriterSize(c.out, 1<<16)
			if err := compute(f, v, columns, args[1], cmd.InOrStdin(), w); err != nil {
				w.Flush()
				return err
			}
			return w.Flush()
		},
	}
	cmd.AddCommand(c.manual("indicator", "indicator doc docs/insight/indicators", indicatorPages))
	cmd.Flags().BoolVar(&list, "list", false, "print all indicators")
	cmd.Flags().StringArrayVar(&set, "set", nil, "a parameter, such as time_period=20; may be given more than once")
	cmd.Flags().StringArrayVar(&input, "input", nil, "the column of an input, such as real=volume; may be given more than once")
	return cmd
}

// inputs are the columns that a function's inputs come from.
func inputs(f *indicator.Function, given []string) ([]string, error) {
	columns := make([]string, len(f.Inputs))
	for i, in := range f.Inputs {
		columns[i] = in.Column()
	}
	for _, g := range given {
		name, column, ok := strings.Cut(g, "=")
		if !ok {
			return nil, usageError{fmt.Errorf("--input takes input=column, such as real=volume, not %q", g)}
		}
		if _, is := (&barRow{}).column(column); !is {
			return nil, fault.At(fault.Invalid, "input", "there is no column %q; there are ts, open, high, low, close, volume", column)
		}
		found := false
		for i, in := range f.Inputs {
			if strings.EqualFold(name, string(in)) {
				columns[i], found = column, true
			}
		}
		if !found {
			return nil, fault.At(fault.Invalid, "input", "%s has no input %q", f.Name, name)
		}
	}
	return columns, nil
}

func compute(f *indicator.Function, v indicator.Values, columns []string, path string, stdin io.Reader, w *bufio.Writer) error {
	run, err := f.Open(v)
	if err != nil {
		return err
	}
	in, out := make([]float64, len(f.Inputs)), make([]float64, len(f.Outputs))
	line := make([]byte, 0, 256)
	return readBars(path, stdin, func(b *barRow) error {
		for i, name := range columns {
			in[i], _ = b.column(name)
		}
		if _, err := run.Update(in, out); err != nil {
			return fault.Wrap(fault.Of(err), err, "%s line %d: %v", path, b.line, err)
		}
		line = append(line[:0], `{"ts":`...)
		line = strconv.AppendInt(line, b.ts, 10)
		line = append(line, `,"values":{`...)
		for i, o := range f.Outputs {
			if i > 0 {
				line = append(line, ',')
			}
			line = append(append(append(line, '"'), o.Name...), `":`...)
			line = appendNumber(line, out[i])
		}
		line = append(line, "}}\n"...)
		_, err := w.Write(line)
		return err
	})
}

// appendNumber writes the shortest form that reads back the same; null for none.
func appendNumber(b []byte, x float64) []byte {
	if math.IsNaN(x) || math.IsInf(x, 0) {
		return append(b, "null"...)
	}
	if a := math.Abs(x); a != 0 && (a < 1e-6 || a >= 1e21) {
		return strconv.AppendFloat(b, x, 'e', -1, 64)
	}
	return strconv.AppendFloat(b, x, 'f', -1, 64)
}

// indicators prints the catalogue.
func (c *cli) indicators(catalogue []indicator.Function) error {
	if c.output == "json" || c.output == "jsonl" {
		for i := range catalogue {
			if err := writeJSON(c.out, catalogue[i].Describe()); err != nil {
				return err
			}
		}
		return nil
	}
	// What comes out, and all of a long list of parameters, `assay indicator NAME` tells.
	head := []string{"name", "title", "parameters"}
	if c.output == "csv" {
		head = append(head, "outputs")
	}
	t := newTable(head...)
	for i := range catalogue {
		f := &catalogue[i]
		var outs []string
		for _, o := range f.Outputs {
			outs = append(outs, o.Name)
		}
		v, err := f.Set(nil)
		if err != nil {
			return err
		}
		t.row([]any{f.Name, f.Title, f.Settings(v), strings.Join(outs, " ")}[:len(head)]...)
	}
	if c.output == "csv" {
		return t.csv(c.out)
	}
	return t.fit().print(c.out)
}

// describe prints what a function is.
func (c *cli) describe(f *indicator.Function, v indicator.Values) error {
	if c.output == "json" || c.output == "jsonl" {
		return writeJSON(c.out, f.Describe())
	}
	p := func(format string, a ...any) { fmt.Fprintf(c.out, format, a...) }
	p("%s, %s (%s)\n\n%s\n\n%s\n\nSource: %s\n", f.Name, f.Title, f.Group, wrap(f.Doc), wrap(f.Formula), f.Source)
	if f.Notes != "" {
		p("%s\n", wrap(f.Notes))
	}
	p("\nInputs: ")
	for i, in := range f.Inputs {
		if i > 0 {
			p(", ")
		}
		p("%s", in)
		if string(in) != in.Column() {
			p(" (%s unless told)", in.Column())
		}
	}
	p("\n")
	for i, q := range f.Params {
		p("  --set %s=%s  %s, from %v to %v", q.Short(), q.Text(v[i]), q.Doc, q.Min, q.Max)
		if q.Choices != nil {
			p(": %s", strings.Join(q.Choices, ", "))
		}
		p("\n")
	}
	p("Outputs:\n")
	for _, o := range f.Outputs {
		p("  %-18s %s", o.Name, o.Unit)
		if o.Least != o.Most {
			p(", %v to %v", o.Least, o.Most)
		}
		if o.Doc != "" {
			p(". %s", o.Doc)
		}
		p("\n")
	}
	p("First value at bar %d (counted from 0)", f.Begin(v))
	switch s := f.Settle(v); {
	case s > 0:
		p("; %d bars later a longer history would change it by less than a millionth", s)
	case s < 0:
		p("; a running total, which depends on where the series begins for ever")
	}
	p(".\n")
	return nil
}

// wrap breaks lines after 88 characters.
func wrap(s string) string {
	var b strings.Builder
	n := 0
	for i, word := range strings.Fields(s) {
		switch {
		case i == 0:
		case n+1+len(word) > 88:
			b.WriteByte('\n')
			n = 0
		default:
			b.WriteByte(' ')
			n++
		}
		b.WriteString(word)
		n += len(word)
	}
	return b.String()
}
