package app

import (
	"path/filepath"
	"time"

	"github.com/assayhq/assay/market"
	"github.com/assayhq/assay/market/backfill"
)

// openBackfills makes the desk that fetches history. It asks venues that are followed,
// beside their feeds and within the same allowances.
func (a *App) openBackfills() (*backfill.Desk, error) {
	return backfill.New(backfill.Options{
		Dir: filepath.Join(a.cfg.Data, "backfills"), History: a.History, Flush: a.Writer.Flush,
		Venues: func(v market.VenueID) (backfill.Venue, bool) {
			p, ok := a.pasts[v]
			return p, ok
		},
		Now: time.Now, Log: a.log, Share: a.cfg.Backfills.Share, Running: a.cfg.Backfills.Running,
	})
}
