package main

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/assayhq/assay/market/export"
)

func TestABrokenExportLeavesNothingAndAWholeOneIsThere(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "out.csv")
	if err := os.WriteFile(path, []byte("of yesterday"), 0o600); err != nil {
		t.Fatal(err)
	}
	broken := errors.New("broken")
	_, err := intoFile(path, func(w io.Writer) (export.Summary, error) {
		_, err := w.Write(make([]byte, 3<<20))
		return export.Summary{}, errors.Join(err, broken)
	})
	b, _ := os.ReadFile(path)
	left, _ := os.ReadDir(dir)
	if !errors.Is(err, broken) || string(b) != "of yesterday" || len(left) != 1 {
		t.Errorf("%v, the file says %q, %d files", err, b, len(left))
	}
	_, err = intoFile(path, func(w io.Writer) (export.Summary, error) {
		_, err := io.WriteString(w, "of today")
		return export.Summary{}, err
	})
	if err != nil {
		t.Fatal(err)
	}
	b, _ = os.ReadFile(path)
	if left, _ = os.ReadDir(dir); string(b) != "of today" || len(left) != 1 {
		t.Errorf("the file says %q, %d files", b, len(left))
	}
}

func TestSizesForPeople(t *testing.T) {
	for n, want := range map[int64]string{0: "0 B", 999: "999 B", 1000: "1.0 kB", 999_999: "1.0 MB", 15_527_593: "15.5 MB", 9e18: "9000.0 PB"} {
		if got := bytesText(n); got != want {
			t.Errorf("%d is %s, not %s", n, got, want)
		}
	}
}
