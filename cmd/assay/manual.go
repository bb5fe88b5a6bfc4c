package main

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/assayhq/assay/fault"
	"github.com/assayhq/assay/market"
	"github.com/assayhq/assay/money"
)

// manual is the command that writes the pages of a catalogue; of is what each is about.
func (c *cli) manual(of, example string, pages func() (map[string][]byte, error)) *cobra.Command {
	return &cobra.Command{
		Use: "doc DIR", Short: "Write a page and a picture of each " + of + " into a folder", Args: cobra.ExactArgs(1),
		Long:    "Doc writes an index, and for each " + of + " a page in Markdown with a picture (SVG)\nover a generated series, not market data. The same program writes the same bytes.",
		Example: "  assay " + example,
		RunE: func(_ *cobra.Command, args []string) error {
			files, err := pages()
			if err != nil {
				return err
			}
			return writeManual(args[0], files)
		},
	}
}

// writeManual makes a folder's pages and pictures be those of files, by name.
func writeManual(dir string, files map[string][]byte) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fault.Wrap(fault.Invalid, err, "%s cannot be made", dir)
	}
	there, err := os.ReadDir(dir)
	if err != nil {
		return fault.Wrap(fault.Invalid, err, "%s cannot be read", dir)
	}
	for _, e := range there { // pages of what is no more
		if ext := filepath.Ext(e.Name()); files[e.Name()] == nil && (ext == ".md" || ext == ".svg") {
			return fault.New(fault.Invalid, "%s is no page of the catalogue: remove it, or choose another folder", filepath.Join(dir, e.Name()))
		}
	}
	for name, b := range files {
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o644); err != nil {
			return fault.Wrap(fault.Invalid, err, "%s cannot be written", name)
		}
	}
	return nil
}

// cellText is text within a table.
func cellText(s string) string { return strings.ReplaceAll(s, "|", `\|`) }

// notMarket stands under every picture.
const notMarket = "Generated series, not market data."

// generated is a series with the look of a market and no meaning: a walk with calm and wild
// days. It uses sums and products only, so that it is the same on every machine.
func generated(seed uint64, bars int, step time.Duration) []market.Candle {
	r := rand.New(rand.NewPCG(2026, seed))
	bell := func() float64 { // nearly normal
		sum := -6.0
		for range 12 {
			sum += r.Float64()
		}
		return sum
	}
	list := make([]market.Candle, bars)
	price, wild, drift := 100.0, 0.01, 0.0
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for i := range list {
		wild = float64(wild*0.95) + float64(0.05*0.004) + float64(float64(0.0012*bell())*bell())
		wild = min(max(wild, 0.002), 0.03)
		if i%50 == 0 {
			drift = float64(0.002 * bell())
		}
		open := price + float64(float64(price*wild)*float64(0.1*bell()))
		price = open * (1 + drift + float64(wild*bell()))
		if price < 40 || price > 250 {
			drift = -drift
		}
		price = min(max(price, 30), 300)
		high := max(open, price) * (1 + float64(float64(wild*0.7)*max(0, float64(0.5*bell())+0.3)))
		low := min(open, price) * (1 - float64(float64(wild*0.7)*max(0, float64(0.5*bell())+0.3)))
		d := func(x float64) money.Price { return money.Price{Decimal: money.MustNew(int64(x*100+0.5), 2)} }
		list[i] = market.Candle{Open: start.Add(time.Duration(i) * step), O: d(open), H: d(high), L: d(low), C: d(price),
			Volume: money.Qty{Decimal: money.MustNew(int64(1000+float64(wild*4e5)+float64(300*r.Float64())), 1)}, Complete: true}
	}
	return list
}
