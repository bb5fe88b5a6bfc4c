package venuetest

import (
	"net/url"
	"testing"

	"github.com/assayhq/assay/market"
	"github.com/assayhq/assay/market/book"
	"github.com/assayhq/assay/market/venue"
)

// Fuzz feeds arbitrary bytes to the decoders of d, beginning with its fixtures: they
// must not panic, and what they make of them must be sound.
func Fuzz(f *testing.F, d *venue.Driver) {
	for _, x := range load(f, d) {
		for i := range x.records {
			if r := &x.records[i]; r.T == "recv" || r.T == "http" {
				addr := r.Addr
				if r.T == "http" {
					addr = r.URL
				} else if addr == "" {
					addr = x.meta.Addr
				}
				f.Add(r.T == "http", addr, r.data)
			}
		}
	}
	f.Fuzz(func(t *testing.T, rest bool, addr string, data []byte) {
		u, err := url.Parse(addr)
		if err != nil {
			return
		}
		table := venue.NewTable(d, code)
		r := &record{T: "recv", data: data}
		if rest {
			r.T = "http"
			var b market.Batch
			if d.REST.Failure != nil {
				_ = d.REST.Failure(400, data)
			}
			if d.REST.Decode(u, data, table, &b) == nil {
				sound(t, d, r, &b, false)
			}
			return
		}
		for i := range d.Dialects {
			l := &d.Dialects[i]
			var b market.Batch
			if l.Open(table, u).Decode(data, &b) != nil {
				continue
			}
			sound(t, d, r, &b, false)
			for j := range b.Books {
				u := &b.Books[j]
				book.NewMachine(l.Book, table.Find([]byte(u.Symbol))).Apply(u)
			}
		}
	})
}
