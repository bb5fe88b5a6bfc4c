package bybit

import (
	"net/url"
	"testing"

	"github.com/assayhq/assay/market"
	"github.com/assayhq/assay/market/venue"
)

// A list of more than a page is read to its end before the next section begins.
func TestTheInstrumentListIsReadPageByPage(t *testing.T) {
	table := venue.NewTable(&Driver, func(s string) string { return s })
	a := venue.Ask{What: venue.AskInstruments, Section: 1}
	var b market.Batch
	u, err := url.Parse("https://api.bybit.com/v5/market/instruments-info?category=linear&limit=1000")
	if err != nil {
		t.Fatal(err)
	}
	if err := Driver.REST.Decode(u, []byte(`{"retCode":0,"retMsg":"OK","result":{"category":"linear","list":[],"nextPageCursor":"first%3DA&b"},"time":1}`), table, &b); err != nil {
		t.Fatal(err)
	}
	a, more := Driver.REST.Next(a, &b)
	if !more || a.Section != 1 || a.Cursor != "first%3DA&b" {
		t.Fatalf("%v %+v", more, a)
	}
	r, err := Driver.REST.Request(a)
	if err != nil || r.Path != "/v5/market/instruments-info?category=linear&limit=1000&cursor=first%253DA%26b" {
		t.Error(r.Path, err)
	}
	b.Reset()
	if a, more = Driver.REST.Next(a, &b); more && a.Section == 1 {
		t.Errorf("%+v: the last page must end the section", a)
	}
}
