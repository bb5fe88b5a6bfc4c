package figures

import (
	"bytes"
	_ "embed"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/assayhq/assay/asset"
	"github.com/assayhq/assay/fault"
	"github.com/assayhq/assay/insight"
	"github.com/assayhq/assay/money"
)

//go:embed supply.json
var builtIn []byte

// Table tells how many units of each asset there are. It never changes once made.
type Table map[asset.Code]Row

// Row is one line of a Table.
type Row struct {
	insight.Supply
	// Staked says that the asset stands for another one that is staked: it is left out
	// of ranks and totals, since that one is in them.
	Staked bool
}

// maxRows and maxTable bound a user's file.
const (
	maxRows  = 20_000
	maxTable = 8 << 20
)

// BuiltIn is the table in the program: public statements, rounded, and dated.
func BuiltIn(c *asset.Catalogue) (Table, error) { return ParseTable(builtIn, c) }

// Over gives the table with the rows of over in place of its own.
func (t Table) Over(over Table) Table {
	out := make(Table, len(t)+len(over))
	for a, r := range t {
		out[a] = r
	}
	for a, r := range over {
		r.Staked = r.Staked || t[a].Staked
		out[a] = r
	}
	return out
}

type supplyRow struct {
	Asset       string         `json:"asset"`
	Circulating *money.Decimal `json:"circulating"`
	Total       *money.Decimal `json:"total"`
	Max         *money.Decimal `json:"max"`
	AsOf        string         `json:"as_of"`
	Source      string         `json:"source"`
	Staked      bool           `json:"staked"`
}

// ParseTable reads a table of supplies: a JSON list of objects, or CSV with a header,
// both with asset, circulating, total, max, as_of (YYYY-MM or YYYY-MM-DD), source. Empty
// amounts are unknown. The error names the row and what to change.
func ParseTable(text []byte, c *asset.Catalogue) (Table, error) {
	if len(text) > maxTable {
		return nil, fault.New(fault.TooLarge, "the supply table has more than %d bytes", maxTable)
	}
	var rows []supplyRow
	var err error
	if first := bytes.TrimLeft(text, " \t\r\n"); len(first) > 0 && first[0] == '[' {
		d := json.NewDecoder(bytes.NewReader(text))
		d.DisallowUnknownFields()
		if err = d.Decode(&rows); err != nil {
			return nil, fault.Wrap(fault.Invalid, err, "the supply table is no list of rows in JSON: %v", err)
		}
		if _, err := d.Token(); !errors.Is(err, io.EOF) {
			return nil, fault.New(fault.Invalid, "the supply table goes on after its list ends")
		}
	} else if rows, err = readCSV(text); err != nil {
		return nil, err
	}
	if len(rows) > maxRows {
		return nil, fault.New(fault.TooLarge, "the supply table has %d rows; at most %d", len(rows), maxRows)
	}
	out := make(Table, len(rows))
	for i := range rows {
		code, row, err := rows[i].check(c)
		if err == nil {
			if _, twice := out[code]; twice {
				err = fmt.Errorf("%s is in the table twice", code)
			}
		}
		if err != nil {
			return nil, fault.At(fault.Invalid, fmt.Sprintf("row %d", i+1), "supply table, row %d: %v", i+1, err)
		}
		out[code] = row
	}
	return out, nil
}

func readCSV(text []byte) ([]supplyRow, error) {
	r := csv.NewReader(bytes.NewReader(text))
	r.ReuseRecord = true
	head, err := r.Read()
	if err != nil {
		return nil, fault.New(fault.Invalid, "the supply table is empty or no CSV; begin with the line asset,circulating,total,max,as_of,source")
	}
	names := append([]string(nil), head...)
	var out []supplyRow
	for line := 2; ; line++ {
		cells, err := r.Read()
		if errors.Is(err, io.EOF) {
			return out, nil
		}
		if err != nil {
			return nil, fault.Wrap(fault.Invalid, err, "supply table: %v", err)
		}
		var row supplyRow
		for i, v := range cells {
			if err := row.set(names[i], v); err != nil {
				return nil, fault.At(fault.Invalid, names[i], "supply table, line %d: %v", line, err)
			}
		}
		if out = append(out, row); len(out) > maxRows {
			return nil, fault.New(fault.TooLarge, "the supply table has more than %d rows", maxRows)
		}
	}
}

func (r *supplyRow) set(name, v string) error {
	amount := func(to **money.Decimal) error {
		if v == "" {
			return nil
		}
		d, err := money.Parse([]byte(v))
		if err != nil {
			return fmt.Errorf("%s is %q, which is no decimal number", name, v)
		}
		*to = &d
		return nil
	}
	switch name {
	case "asset":
		r.Asset = v
	case "circulating":
		return amount(&r.Circulating)
	case "total":
		return amount(&r.Total)
	case "max":
		return amount(&r.Max)
	case "as_of":
		r.AsOf = v
	case "source":
		r.Source = v
	case "staked":
		r.Staked = v == "true"
	default:
		return fmt.Errorf("there is no column %q; use asset, circulating, total, max, as_of, source, staked", name)
	}
	return nil
}

func (r *supplyRow) check(c *asset.Catalogue) (asset.Code, Row, error) {
	a, err := c.Resolve(r.Asset)
	if err != nil {
		return "", Row{}, errors.New(fault.Public(err))
	}
	at, err := time.Parse(time.DateOnly, r.AsOf)
	if err != nil {
		if at, err = time.Parse("2006-01", r.AsOf); err != nil {
			return "", Row{}, fmt.Errorf("as_of of %s is %q; write a month or a day, such as 2026-01 or 2026-01-31", a.Code, r.AsOf)
		}
	}
	switch {
	case r.Source == "" || len(r.Source) > 200:
		return "", Row{}, fmt.Errorf("%s has no source, or one longer than 200 bytes; say who stated the supply", a.Code)
	case r.Circulating == nil && r.Total == nil && r.Max == nil && !r.Staked:
		return "", Row{}, fmt.Errorf("%s has no amount; give circulating, total or max, or leave the row out", a.Code)
	}
	for _, x := range []struct {
		name string
		v    *money.Decimal
	}{{"circulating", r.Circulating}, {"total", r.Total}, {"max", r.Max}} {
		if x.v != nil && x.v.Sign() <= 0 {
			return "", Row{}, fmt.Errorf("%s of %s is %s; it must be above zero", x.name, a.Code, x.v)
		}
	}
	if r.Circulating != nil && r.Max != nil && r.Circulating.Cmp(*r.Max) > 0 {
		return "", Row{}, fmt.Errorf("%s has %s in circulation, more than its maximum of %s", a.Code, r.Circulating, r.Max)
	}
	if r.Circulating != nil && r.Total != nil && r.Circulating.Cmp(*r.Total) > 0 {
		return "", Row{}, fmt.Errorf("%s has %s in circulation, more than its total of %s", a.Code, r.Circulating, r.Total)
	}
	return a.Code, Row{insight.Supply{Circulating: r.Circulating, Total: r.Total, Max: r.Max, AsOf: at, Source: r.Source}, r.Staked}, nil
}
