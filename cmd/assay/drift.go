package main

import (
	"context"
	"fmt"
	"net/url"
	"time"

	"github.com/assayhq/assay/fault"
	"github.com/assayhq/assay/market"
	"github.com/assayhq/assay/market/venue/all"
)

// advice says what a kind of finding means and what to do.
var advice = map[string]string{
	"new_member":      "The exchange tells more than before. Nothing is lost; look whether it is worth reading (decode.go or rest.go).",
	"vanished_member": "Messages lack a member that nearly all of them had. If a new one came at the same time it was renamed: the decoder must read both.",
	"strange":         "The decoder met a type or value that it does not know, and passed it over. Add it, or say in the decoder that it is known and not needed.",
	"unreadable":      "Nothing of these messages was used, and the gap ledger says so. The decoder must be changed, or the exchange sent rubbish.",
}

// drift explains what changed in what a venue sends.
func (c *cli) drift(ctx context.Context, venue string, accept bool) error {
	d, ok := all.Driver(market.VenueID(venue))
	if !ok {
		return fault.At(fault.Unknown, "venue", "there is no venue %q", venue)
	}
	if accept {
		return c.send(ctx, "/v1/venues/"+url.PathEscape(venue)+"/drift/accept")
	}
	q := url.Values{"venue": {venue}}
	if c.output != "table" {
		return c.fetch(ctx, "/v1/drift", q)
	}
	var list []struct {
		On, Kind, What string
		Sample         *string
		Count          int64
		First, Last    time.Time
	}
	if err := c.read(ctx, "/v1/drift", q, &list); err != nil {
		return err
	}
	fmt.Fprintf(c.out, "%s, %s\n", d.Spec.Name, d.Spec.Docs)
	for i := range d.Dialects {
		l := &d.Dialects[i]
		since := "as far back as is known"
		if !l.Since.IsZero() {
			since = "since " + l.Since.Format(time.DateOnly)
		}
		fmt.Fprintf(c.out, "  speaks %s, %s\n", l.Name, since)
	}
	if len(list) == 0 {
		fmt.Fprintln(c.out, "\nnothing has changed in what it sends, as far as was looked")
		return nil
	}
	said := map[string]bool{}
	for _, f := range list {
		fmt.Fprintf(c.out, "\n%s on %s: %s\n", f.Kind, f.On, f.What)
		fmt.Fprintf(c.out, "  %d times, first %s, last %s\n", f.Count, f.First.UTC().Format(time.RFC3339), f.Last.UTC().Format(time.RFC3339))
		if f.Sample != nil {
			fmt.Fprintf(c.out, "  %s\n", *f.Sample)
		}
		if !said[f.Kind] {
			said[f.Kind] = true
			fmt.Fprintf(c.out, "  %s\n", advice[f.Kind])
		}
	}
	fmt.Fprintf(c.out, "\nThe connector is market/venue/%s; docs/recipes/exchange.md tells how it is changed. `assay doctor --venue %s --accept` makes all this known.\n", venue, venue)
	return nil
}
