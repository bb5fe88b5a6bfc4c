package main

import (
	"encoding/csv"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// table prints rows in aligned columns; what looks like a number goes to the right.
type table struct {
	head []string
	rows [][]string
}

func newTable(head ...string) *table { return &table{head: head} }

func (t *table) row(cells ...any) {
	r := make([]string, len(cells))
	for i, c := range cells {
		r[i] = fmt.Sprint(c)
	}
	t.rows = append(t.rows, r)
}

// printRows prints a table in the form that was asked for; JSON was printed row by row. empty
// is said in the place of a table without rows; "" prints that too.
func (c *cli) printRows(t *table, empty string) error {
	switch {
	case c.inJSON():
		return nil
	case c.output == "csv":
		return t.csv(c.out)
	case empty != "" && len(t.rows) == 0:
		fmt.Fprintln(c.err, empty)
		return nil
	}
	return t.print(c.out)
}

func numeric(s string) bool {
	return s != "" && strings.Trim(s, "0123456789.,-+%") == ""
}

func (t *table) print(w io.Writer) error {
	width := make([]int, len(t.head))
	right := make([]bool, len(t.head))
	for i, h := range t.head {
		width[i] = utf8.RuneCountInString(h)
		right[i] = len(t.rows) > 0
	}
	for _, r := range t.rows {
		for i, c := range r {
			width[i] = max(width[i], utf8.RuneCountInString(c))
			right[i] = right[i] && (numeric(c) || c == "" || c == "-")
		}
	}
	var b strings.Builder
	line := func(cells []string) {
		for i, c := range cells {
			pad := strings.Repeat(" ", width[i]-utf8.RuneCountInString(c))
			if i > 0 {
				b.WriteString("  ")
			}
			switch {
			case right[i]:
				b.WriteString(pad + c)
			case i == len(cells)-1:
				b.WriteString(c)
			default:
				b.WriteString(c + pad)
			}
		}
		b.WriteByte('\n')
	}
	line(t.head)
	for _, r := range t.rows {
		line(r)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// page is how many characters a line of a table has at most where the last column is a
// list or a formula: its end is cut off then, with a sign. Other forms have all of it.
const page = 120

// fit cuts the last column so that no line is longer than page, but leaves it at least
// thirty characters.
func (t *table) fit() *table {
	last := len(t.head) - 1
	used := 0
	for i := range last {
		w := utf8.RuneCountInString(t.head[i])
		for _, r := range t.rows {
			w = max(w, utf8.RuneCountInString(r[i]))
		}
		used += w + 2
	}
	room := max(page-used, 30)
	for _, r := range t.rows {
		if c := []rune(r[last]); len(c) > room {
			r[last] = string(c[:room-1]) + "…"
		}
	}
	return t
}

// csv prints the rows as CSV with a header.
func (t *table) csv(w io.Writer) error {
	c := csv.NewWriter(w)
	if err := c.Write(t.head); err != nil {
		return err
	}
	if err := c.WriteAll(t.rows); err != nil {
		return err
	}
	return c.Error()
}
