package app

import (
	"context"
	"os"
	"time"

	"github.com/assayhq/assay/asset"
	"github.com/assayhq/assay/fault"
	"github.com/assayhq/assay/insight/figures"
	"github.com/assayhq/assay/market"
)

// Insight settings.
type Insight struct {
	Activity   string  `koanf:"activity" doc:"your table of developer activity, CSV, plain or gzip: repo,day,commits,merge_commits,authors (docs/insight/grades.md); the technology grade needs it"`
	OnChain    string  `koanf:"onchain" doc:"your on-chain metrics under Coin Metrics' names: a CSV file with a column asset, or a folder with a file per asset; the valuation and fundamental grades need it"`
	Bands      string  `koanf:"bands" doc:"words for grades: even (cuts at 20, 40, 60, 80) or tokenmetrics (21, 41, 61, 81)"`
	Hysteresis float64 `koanf:"hysteresis" doc:"by how many points a grade must be beyond a cut for its word to change"`
	Confirm    int     `koanf:"confirm" doc:"on how many daily closes in a row"`

	Supply string `koanf:"supply" doc:"your table of supplies, CSV or JSON (docs/insight/figures.md); its rows replace those built in, and it is read again when it changes"`
}

// openFigures makes the engine of figures.
func (a *App) openFigures() (*figures.Engine, error) {
	table, err := figures.BuiltIn(a.Catalogue)
	if err != nil {
		return nil, err
	}
	if path := a.cfg.Insight.Supply; path != "" {
		mine, err := readSupply(path, a.Catalogue)
		if err != nil {
			return nil, err
		}
		table = table.Over(mine)
	}
	return figures.New(figures.Options{Board: a.Core, Assets: a.Catalogue, Supply: table, Candles: a.Reader, History: a.History, Logger: a.log})
}

func readSupply(path string, c *asset.Catalogue) (figures.Table, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fault.At(fault.Invalid, "insight.supply", "the table of supplies cannot be read: %v", err)
	}
	t, err := figures.ParseTable(text, c)
	if err != nil {
		return nil, fault.At(fault.Of(err), "insight.supply", "%s: %s", path, fault.Public(err))
	}
	return t, nil
}

// supplyEvery is how often the user's table is looked at.
const supplyEvery = 5 * time.Second

// followSupply reads the user's table of supplies again when it changes. One that is
// wrong is logged, and the last good one stays.
func (a *App) followSupply(ctx context.Context) error {
	path := a.cfg.Insight.Supply
	if path == "" {
		return nil
	}
	last, _ := os.Stat(path)
	t := time.NewTicker(supplyEvery)
	defer t.Stop()
	for {
		select {
		case <-t.C:
		case <-ctx.Done():
			return nil
		}
		now, err := os.Stat(path)
		if err != nil || last != nil && now.ModTime().Equal(last.ModTime()) && now.Size() == last.Size() {
			continue
		}
		last = now
		mine, err := readSupply(path, a.Catalogue)
		if err != nil {
			a.log.Error("the table of supplies changed and is not right; the last good one stays", "err", err)
			continue
		}
		built, err := figures.BuiltIn(a.Catalogue)
		if err != nil {
			return err
		}
		a.Figures.SetSupply(built.Over(mine))
		a.log.Info("the table of supplies was read again", "rows", len(mine))
	}
}

// remembering stores what the feed says, and then tells the figures and the tickers.
func (a *App) remembering() market.Recorder { return told{a.recorder(), a} }

type told struct {
	market.Recorder
	app *App
}

// Append stores, and tells the figures and the tickers what is stored.
func (t told) Append(ctx context.Context, b *market.Batch) error {
	if err := t.Recorder.Append(ctx, b); err != nil {
		return err
	}
	if t.app.Tickers != nil {
		if err := t.app.Tickers.Append(ctx, b); err != nil {
			return err
		}
	}
	if t.app.Figures == nil {
		return nil
	}
	return t.app.Figures.Append(ctx, b)
}
