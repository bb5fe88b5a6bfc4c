package app

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"
)

func TestTryBench(t *testing.T) {
	if os.Getenv("TRYB") == "" {
		t.Skip()
	}
	files, _ := filepath.Glob("/work/shared/data/market/captures/*.jsonl.zst")
	rows, err := Bench(files, 2*time.Second, os.Stderr)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range rows {
		fmt.Printf("%-24s %8d msgs %8.0f/s %7.0f MB/s %6.2f allocs sums %d joined %d err %d rounds %d\n", r.Name, r.Messages, r.PerSecond, r.MBPerSecond, r.Allocs, r.Checksums, r.Joined, r.Errors, r.Rounds)
	}
}
