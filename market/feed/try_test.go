package feed_test

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/assayhq/assay/internal/capture"
	"github.com/assayhq/assay/market"
	"github.com/assayhq/assay/market/feed"
	"github.com/assayhq/assay/market/venue/all"
)

func TestTry(t *testing.T) {
	name := os.Getenv("TRY")
	if name == "" {
		t.Skip()
	}
	d, _ := all.Driver(market.VenueID(os.Getenv("TRYVENUE")))
	r, err := capture.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	k := feed.NewIntake(d, strings.ToUpper)
	tp := feed.Tape{Intake: k}
	var rec capture.Record
	for {
		err := r.Next(&rec)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		b, err := tp.Play(&rec)
		if err != nil {
			fmt.Println("line", rec.Line, err)
		}
		for _, g := range b.Gaps {
			fmt.Printf("%d GAP %+v\n", rec.Line, g)
		}
		for _, n := range b.Notices {
			if n.Kind == market.Strange {
				fmt.Printf("%d %+v\n", rec.Line, n)
			}
		}
	}
	fmt.Printf("%+v\n%+v\n", k.Counts, k.BookCounts())
}
