// Package venuetest is the exam that every exchange connector has to pass.
//
// Run examines a Driver against the contract of package venue: its data is complete,
// its frames and requests are well formed, its paging ends, and its decoders turn the
// fixtures in testdata/*.txtar into what stands beside them. It then maltreats each
// fixture: cut short, played twice, with members in another order. Fuzz does the same
// with arbitrary bytes. It opens no socket and reads no clock. The tests of the
// connectors call it.
//
// A fixture is one file: a comment that says in a sentence what it shows, and
//
//	-- meta.json --
//	{"addr":"wss://…", "at":"2026-08-09T00:00:00Z"}
//	-- in.jsonl --
//	{"t":"http","url":"https://…","data":{…}}
//	{"t":"connect","addr":"wss://…","conn":"2"}
//	{"t":"recv","data":{…}}
//	-- want.jsonl --
//
// Data is the message itself, or a JSON string of its text; with "enc":"gzip" the frame
// is that, packed, and with "enc":"base64" data is a binary frame in base64. A recv without a connect
// opens the connection to addr; "status" makes an http record an error answer; "at"
// chooses the dialect. Where one folder has several drivers, "venue" in meta.json says
// whose the fixture is. The flag -update writes want.jsonl anew: read what it wrote.
package venuetest

import (
	"flag"
	"path/filepath"
	"testing"

	"github.com/assayhq/assay/market/venue"
)

var update = flag.Bool("update", false, "write the expected output of the fixtures anew")

// Run examines d. The test's working directory is the connector's folder.
func Run(t *testing.T, d *venue.Driver) {
	t.Run("spec", func(t *testing.T) { examineSpec(t, d) })
	t.Run("guess", func(t *testing.T) { examineGuess(t, d) })
	t.Run("subscribe", func(t *testing.T) { examineSubscribe(t, d) })
	t.Run("request", func(t *testing.T) { examineRequest(t, d) })
	t.Run("paging", func(t *testing.T) { examinePaging(t, d) })
	seen := coverage{}
	for _, f := range load(t, d) {
		name := filepath.Base(f.path)
		t.Run(name, func(t *testing.T) {
			f.golden(t, d, seen)
			f.twice(t, d)
			f.shuffled(t, d)
			f.cut(t, d)
		})
	}
	t.Run("coverage", func(t *testing.T) { seen.examine(t, d) })
}

// names of assets that the exam's symbol table knows, as the catalogue would.
func code(symbol string) string {
	switch symbol {
	case "XBT", "XXBT", "xbt", "btc":
		return "BTC"
	case "XDG", "XXDG":
		return "DOGE"
	}
	return upper(symbol)
}
