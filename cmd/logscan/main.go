// Command logscan reads text, such as the output of `go test`, and fails when anything in
// it looks like a secret of Assay. It prints where, never what.
//
//	go test ./... 2>&1 | tee out.log; logscan out.log
package main

import (
	"fmt"
	"io"
	"os"

	"github.com/assayhq/assay/internal/leaks"
)

// maxText is how much is read of one file.
const maxText = 256 << 20

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "logscan:", err)
		os.Exit(1)
	}
}

func run(paths []string) error {
	if len(paths) == 0 {
		return fmt.Errorf("name the files to read, as in logscan FILE")
	}
	found := 0
	for _, path := range paths {
		f, err := os.Open(path)
		if err != nil {
			return err
		}
		text, err := io.ReadAll(io.LimitReader(f, maxText+1))
		f.Close()
		if err != nil {
			return err
		}
		if len(text) > maxText {
			return fmt.Errorf("%s is longer than %d MiB; split it", path, maxText>>20)
		}
		for _, x := range leaks.Find(text) {
			fmt.Printf("%s:%d: looks like a %s\n", path, x.Line, x.What)
			found++
		}
	}
	if found > 0 {
		return fmt.Errorf("%d places look like secrets", found)
	}
	return nil
}
