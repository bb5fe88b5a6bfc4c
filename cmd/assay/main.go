// Command assay is the crypto API you run yourself: exchange data in, tested
// numbers out. `assay --help` lists what it does.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/assayhq/assay/fault"
)

func main() { os.Exit(run(os.Args[1:])) }

// run executes one command line and gives its exit code.
func run(args []string) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	c := &cli{out: os.Stdout, err: os.Stderr}
	root := c.root()
	root.SetArgs(args)
	cmd, err := root.ExecuteContextC(ctx)
	if err == nil {
		return 0
	}
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		return 130
	}
	c.report(cmd, err)
	return exitCode(err)
}

// usageError marks a mistake in the command line itself.
type usageError struct{ error }

// partial marks a result that is not whole.
var errPartial = errors.New("the result is not whole")

// exitCode maps errors to the codes of docs/reference/cli.md.
func exitCode(err error) int {
	var u usageError
	if errors.As(err, &u) {
		return 2
	}
	if errors.Is(err, errPartial) {
		return 7
	}
	var f *fault.Error
	if !errors.As(err, &f) {
		return 1
	}
	switch f.Kind {
	case fault.Invalid, fault.TooLarge, fault.Unaccepted:
		return 2
	case fault.Unknown:
		return 3
	case fault.Unauthentic, fault.Denied:
		return 4
	case fault.Exhausted:
		return 5
	case fault.Unavailable:
		return 6
	}
	return 1
}

// report tells what went wrong: a sentence for people, a problem with -o json.
func (c *cli) report(cmd *cobra.Command, err error) {
	if c.output == "json" || c.output == "jsonl" {
		p := map[string]any{"title": "the command failed", "detail": fault.Public(err), "code": fault.Of(err).String()}
		if fault.Of(err) == fault.Internal {
			p["detail"] = err.Error()
		}
		if b, e := json.Marshal(p); e == nil {
			fmt.Fprintln(c.err, string(b))
			return
		}
	}
	text := err.Error()
	var f *fault.Error
	if errors.As(err, &f) && f.Kind != fault.Internal {
		text = f.Public
		if f.Field != "" {
			text = f.Field + ": " + text
		}
	}
	fmt.Fprintln(c.err, "assay: "+text)
	var u usageError
	if errors.As(err, &u) && cmd != nil {
		fmt.Fprintf(c.err, "Try `%s --help`.\n", cmd.CommandPath())
	}
}
