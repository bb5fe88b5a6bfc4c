// Command rotation is a developer's tool, not a part of the product: it shows that keys
// can be changed under load, while things fail, without a client noticing.
//
// It starts a throwaway PostgreSQL on the loopback interface and three server processes
// of its own binary, whose gates decide by that database and whose clocks are wrong by up
// to 200 ms. Some 200 simulated clients ask them, over HTTP and over streams that stay
// open, while their rings are rotated, rolled back and revoked; in the meantime a server
// is killed and started again, the database is killed and started again, and servers are
// cut off from it for two seconds. Afterwards an oracle that shares no code with the gate
// holds every acceptance that a server wrote down against what was asked for and when
// that was answered.
//
// It prints one line of JSON and ends with 1 when a client that keeps the rules was
// refused, a stream was closed on one, a key was accepted outside its time, or a caller
// that never moves was not named before its date. Progress and reasons go to the standard
// error; the directory with the logs is kept when something was wrong. It never reaches
// a network, and never touches a database that was there before. `make rotation` runs it.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if len(os.Args) > 1 && os.Args[1] == "node" {
		if err := serve(ctx); err != nil {
			fmt.Fprintln(os.Stderr, "node:", err)
			os.Exit(1)
		}
		return
	}
	ok, err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	switch {
	case errors.Is(err, flag.ErrHelp):
	case err != nil:
		fmt.Fprintln(os.Stderr, "rotation:", err)
		os.Exit(2)
	case !ok:
		os.Exit(1)
	}
}

// plan is how big a run is.
type plan struct {
	clients    int
	rings      int
	stragglers int
	rotations  int
	rate       float64       // requests a second of all clients
	during     time.Duration // in which the rotations begin
	most       time.Duration // longest overlap
	faults     time.Duration // between two
	dir        string
}

// run reads the arguments and does what they ask for.
func run(ctx context.Context, args []string, out, progress io.Writer) (bool, error) {
	full := plan{clients: 200, rings: 130, stragglers: 12, rotations: 1000, rate: 5000, during: 10 * time.Minute, most: 40 * time.Second, faults: 20 * time.Second}
	f := flag.NewFlagSet("rotation", flag.ContinueOnError)
	f.SetOutput(progress)
	short := f.Bool("short", false, "60 rotations in less than a minute")
	rotations := f.Int("rotations", 0, "how many; 0 is 1000, or 60 with -short")
	rate := f.Float64("rate", 0, "requests a second; 0 is 5000, or 1000 with -short")
	during := f.Duration("during", 0, "in which the rotations begin; 0 is 10m, or 16s with -short")
	revocations := f.Int("revocations", 0, "instead, measure so many receipts of revocations, and race each against a key that makes keys")
	f.StringVar(&full.dir, "dir", "", "where the logs go; default a temporary directory")
	if err := f.Parse(args); err != nil {
		return false, err
	}
	p := full
	if *short {
		p.stragglers, p.rotations, p.rate, p.during, p.most, p.faults = 6, 60, 1000, 16*time.Second, 16*time.Second, 5*time.Second
	}
	if *rotations > 0 {
		p.rotations = *rotations
	}
	if *rate > 0 {
		p.rate = *rate
	}
	if *during > 0 {
		p.during = *during
	}
	fleet, err := start(ctx, p.dir, progress)
	if err != nil {
		return false, err
	}
	var result any
	var good bool
	if *revocations > 0 {
		result, good, err = fleet.revocations(ctx, *revocations)
	} else {
		result, good, err = fleet.rotations(ctx, p)
	}
	if err = errors.Join(err, fleet.close(good && err == nil && p.dir == "")); err != nil {
		return false, err
	}
	line, err := json.Marshal(result)
	if err != nil {
		return false, err
	}
	_, err = fmt.Fprintf(out, "%s\n", line)
	return good, err
}
