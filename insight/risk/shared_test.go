package risk

import (
	"compress/gzip"
	"encoding/csv"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"
)

// shared finds reference data that is not part of this repository: $ASSAY_SHARED/data, or
// shared/data beside this module.
func shared(t *testing.T, path ...string) string {
	t.Helper()
	dir := os.Getenv("ASSAY_SHARED")
	if dir == "" {
		dir = filepath.Join("..", "..", "..", "shared")
	}
	p := filepath.Join(append([]string{dir, "data"}, path...)...)
	if _, err := os.Stat(p); err != nil {
		t.Skipf("NOT TESTED: no reference data here (%v); set ASSAY_SHARED", err)
	}
	return p
}

// dailyBars reads a file of bars.
func dailyBars(t *testing.T, path string) []Bar {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(z).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	var out []Bar
	for _, row := range rows[1:] {
		var x [6]float64
		for i := range x {
			if x[i], err = strconv.ParseFloat(row[i], 64); err != nil {
				t.Fatal(err)
			}
		}
		out = append(out, Bar{time.UnixMilli(int64(x[0])).UTC(), x[1], x[2], x[3], x[4], x[5]})
	}
	return out
}

func closes(t *testing.T, bars []Bar) Prices {
	t.Helper()
	p, err := Closes(bars)
	if err != nil {
		t.Fatal(err)
	}
	return p
}
