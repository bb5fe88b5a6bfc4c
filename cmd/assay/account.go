package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/assayhq/assay/app"
	"github.com/assayhq/assay/market"
	"github.com/assayhq/assay/market/venue"
	"github.com/assayhq/assay/money"
	"github.com/assayhq/assay/trading"
)

// account reads what an account at an exchange has. Nothing here changes anything.
func (c *cli) account() *cobra.Command {
	cmd := &cobra.Command{
		Use: "account", Short: "Read what you have at an exchange: balances, open orders, fills", Args: cobra.NoArgs,
		Long: "The key comes from the keeper of secrets, under the name that the setting accounts gives:\n" +
			"make a key at the exchange that can only read, keep it with assay secret put exchange/NAME, and\n" +
			"write accounts: {NAME: exchange/NAME}. Nothing is changed at the exchange, and nothing is stored.\n" +
			"docs/operate/exchange-keys.md tells which rights each exchange's key needs.",
		Example: "  assay account balances --venue kraken\n  assay account fills --venue binance --pair BTC-USDT --since 2026-11-01",
		RunE:    func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(
		c.accountRead(venue.AskBalances, "What there is of each asset", "  assay account balances --venue kraken\n  assay account balances --venue kraken -o json"),
		c.accountRead(venue.AskOrders, "Orders that are open", "  assay account orders --venue okx --pair BTC-USDT"),
		c.accountRead(venue.AskFills, "Executions of orders, the newest page or since a time", "  assay account fills --venue binance --pair BTC-USDT --since 2026-11-01 -o csv"),
	)
	return cmd
}

func (c *cli) accountRead(what venue.AccountWhat, short, example string) *cobra.Command {
	var q struct{ venue, pair, since, until string }
	cmd := &cobra.Command{
		Use: what.String(), Short: short, Args: cobra.NoArgs, Example: example,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if q.venue == "" {
				return usageError{fmt.Errorf("--venue is missing: whose account?")}
			}
			since, err := flagTime("since", q.since, time.Time{})
			if err != nil {
				return err
			}
			until, err := flagTime("until", q.until, time.Time{})
			if err != nil {
				return err
			}
			if !until.IsZero() && !since.Before(until) {
				return usageError{fmt.Errorf("--until is not after --since; since is inclusive and until exclusive")}
			}
			if until.IsZero() && !since.IsZero() {
				until = time.Now().UTC() // some exchanges tell days one by one, and have to know where they end
			}
			cfg, err := c.load(nil)
			if err != nil {
				return err
			}
			ctx, stop := context.WithTimeout(cmd.Context(), 10*time.Minute)
			defer stop()
			got, err := app.ReadAccount(ctx, cfg, app.AccountQuestion{Venue: market.VenueID(q.venue), What: what, Pair: q.pair, Since: since, Until: until})
			if err != nil {
				return err
			}
			for _, s := range got.Strange() {
				fmt.Fprintln(c.err, "the exchange said something unknown: "+s)
			}
			switch what {
			case venue.AskOrders:
				return printAccount(c, got.Orders, orderTable, "no open orders")
			case venue.AskFills:
				return printAccount(c, got.Fills, fillTable, "no fills")
			}
			return printAccount(c, got.Balances, balanceTable, "nothing")
		},
	}
	f := cmd.Flags()
	f.StringVar(&q.venue, "venue", "", "the exchange, such as kraken")
	if what != venue.AskBalances {
		f.StringVar(&q.pair, "pair", "", "only of this pair, such as BTC-USD; some exchanges tell one at a time")
	}
	if what == venue.AskFills {
		f.StringVar(&q.since, "since", "", "all since this time, RFC 3339 or a day (default the newest page)")
		f.StringVar(&q.until, "until", "", "before this time (default now)")
	}
	return cmd
}

// printAccount prints rows: as they are in JSON, by columns otherwise.
func printAccount[R any](c *cli, rows []R, columns func([]R) *table, empty string) error {
	if c.inJSON() {
		for i := range rows {
			if err := writeJSON(c.out, rows[i]); err != nil {
				return err
			}
		}
		return nil
	}
	return c.printRows(columns(rows), empty)
}

func balanceTable(rows []trading.Balance) *table {
	t := newTable("asset", "wallet", "total", "available", "held", "note")
	for i := range rows {
		b := &rows[i]
		available, held := b.Available.String(), b.Held.String()
		if b.TotalOnly {
			available, held = "-", "-"
		}
		t.row(b.Asset, dash(b.Wallet), b.Total, available, held, noteOf(b.Cut))
	}
	return t
}

func orderTable(rows []trading.Order) *table {
	t := newTable("created", "pair", "side", "kind", "price", "qty", "filled", "status", "id")
	for i := range rows {
		o := &rows[i]
		t.row(told(o.Created), o.Pair, o.Side, o.Kind, orDash(o.Price.Decimal), orDash(o.Qty.Decimal), o.Filled, o.Status, o.ID)
	}
	return t
}

func fillTable(rows []trading.Fill) *table {
	t := newTable("at", "pair", "side", "price", "qty", "fee", "in", "role", "note", "id")
	for i := range rows {
		f := &rows[i]
		fee := f.Fee.String()
		if f.FeeAsset == "" && f.Fee.IsZero() {
			fee = "-" // not told
		}
		t.row(told(f.At), f.Pair, f.Side, f.Price, f.Qty, fee, dash(string(f.FeeAsset)), dash(string(f.Role)), noteOf(f.Cut), f.ID)
	}
	return t
}

func noteOf(cut bool) string {
	if cut {
		return "cut"
	}
	return "-"
}

func dash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

func orDash(d money.Decimal) string {
	if d.IsZero() {
		return "-"
	}
	return d.String()
}

// told is a time of the exchange's, "-" where it told none.
func told(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return when(t)
}
