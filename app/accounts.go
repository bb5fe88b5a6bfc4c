package app

import (
	"context"
	"encoding/json"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/assayhq/assay/access/secret"
	"github.com/assayhq/assay/asset"
	"github.com/assayhq/assay/fault"
	"github.com/assayhq/assay/market"
	"github.com/assayhq/assay/market/venue"
	"github.com/assayhq/assay/market/venue/all"
	"github.com/assayhq/assay/trading"
	"github.com/assayhq/assay/trading/account"
)

// accountSecret is the form of the name of a secret with an exchange's key. No key has
// this form, so that one which was pasted here is told from a name.
var accountSecret = regexp.MustCompile(`^exchange/[A-Za-z0-9][A-Za-z0-9._-]{0,63}$`)

// inTheClear is said in the place of a key that was found in the settings, and never shows it.
func inTheClear(field, id string) error {
	return fault.At(fault.Invalid, field, "keys of exchanges do not belong in the settings, where they lie in the clear. If one was written there, count it as leaked and make another at the exchange; "+
		"then keep it with `assay secret put exchange/%s`, and write only that name here: `accounts: {%s: exchange/%s}`. docs/operate/exchange-keys.md tells all of it", id, id, id)
}

// checkAccounts refuses venues that are not there, and anything that is no name of a secret.
func (c *Config) checkAccounts() error {
	for _, id := range slices.Sorted(maps.Keys(c.Accounts)) {
		d, ok := all.Driver(market.VenueID(id))
		if !ok {
			return fault.At(fault.Invalid, "accounts", "there is no venue %q; known are %s", clipped(id), venueList())
		}
		if !accountSecret.MatchString(c.Accounts[id]) {
			return inTheClear("accounts."+id, id)
		}
		if d.Private == nil {
			return fault.At(fault.Invalid, "accounts."+id, "accounts of %s cannot be read here yet", d.Spec.Name)
		}
	}
	return nil
}

// accountFields are the members of the text of such a secret, and what other names of
// theirs stand for: those of files that exchanges give out.
var accountFields = map[string]string{
	venue.FieldKey: venue.FieldKey, venue.FieldSecret: venue.FieldSecret, venue.FieldPassphrase: venue.FieldPassphrase, venue.FieldAccount: venue.FieldAccount,
	"name": venue.FieldKey, "id": venue.FieldKey, "privateKey": venue.FieldSecret, // of Coinbase
}

// credentialsOf reads the text of a secret. Its errors hold no part of it.
func credentialsOf(name, text string, needs []string) (venue.Credentials, error) {
	var members map[string]string
	if err := json.Unmarshal([]byte(text), &members); err != nil {
		return venue.Credentials{}, fault.At(fault.Invalid, name, "the secret is not what was expected: a JSON object of texts with %s, such as {\"key\":\"...\",\"secret\":\"...\"}", strings.Join(needs, ", "))
	}
	fields := map[string]secret.Value{}
	for _, member := range slices.Backward(slices.Sorted(maps.Keys(members))) { // "name" before "id"
		as, ok := accountFields[member]
		if !ok {
			return venue.Credentials{}, fault.At(fault.Invalid, name, "the secret has a member that no exchange needs; this one needs: %s", strings.Join(needs, ", "))
		}
		if _, there := fields[as]; !there {
			fields[as] = secret.Of(members[member])
		}
	}
	return venue.NewCredentials(fields), nil
}

// OpenAccount gets the key of a venue from the keeper of our secrets, and learns what the
// venue trades.
func OpenAccount(ctx context.Context, cfg Config, id market.VenueID) (*account.Reader, error) {
	d, ok := all.Driver(id)
	switch {
	case !ok:
		return nil, fault.At(fault.Unknown, "venue", "no venue %q; known are %s", clipped(string(id)), venueList())
	case d.Private == nil:
		return nil, fault.At(fault.Unknown, "venue", "accounts of %s cannot be read here yet", d.Spec.Name)
	}
	name := cfg.Accounts[string(id)]
	if name == "" {
		return nil, fault.At(fault.Unauthentic, "accounts."+string(id), "the settings name no key of %s. It needs: %s, with the rights %s. Keep it with `assay secret put exchange/%s`, and write `accounts: {%s: exchange/%s}`; docs/operate/exchange-keys.md tells all of it",
			d.Spec.Name, strings.Join(d.Private.Needs, ", "), d.Private.Rights, id, id, id)
	}
	keeper, err := OpenKeeper(cfg, "")
	if err != nil {
		return nil, err
	}
	if keeper.Reader == nil {
		return nil, fault.At(fault.Invalid, "secrets.from", "the control plane keeps no keys of exchanges: choose another keeper of secrets for secrets.from (file:, env:, vault:, awssm:)")
	}
	kept, err := keeper.Read(ctx, name)
	if err != nil {
		return nil, fault.Wrap(fault.Of(err), err, "the secret %s with the key of %s cannot be read from %s: %s", name, d.Spec.Name, keeper.Kind, fault.Public(err))
	}
	keys, err := credentialsOf(name, kept.Current.Value.Reveal(), d.Private.Needs)
	if err != nil {
		return nil, err
	}
	cat, err := asset.Load()
	if err != nil {
		return nil, err
	}
	r, err := account.New(account.Options{
		Driver: d, Keys: keys, Base: cfg.Endpoints[string(id)].REST,
		Code: func(symbol string) string { return string(cat.Normalize(string(id), symbol)) },
	})
	if err != nil {
		return nil, err
	}
	return r, r.Learn(ctx)
}

// AccountQuestion is what to ask of an account.
type AccountQuestion struct {
	Venue market.VenueID
	What  venue.AccountWhat
	Pair  string    // "" for all, where the venue tells all
	Since time.Time // of fills; zero: the most recent page
	Until time.Time
}

// ReadAccount asks.
func ReadAccount(ctx context.Context, cfg Config, q AccountQuestion) (*trading.Account, error) {
	var pair market.Pair
	if q.Pair != "" {
		var err error
		if pair, err = market.ParsePair(q.Pair); err != nil {
			return nil, err
		}
	}
	r, err := OpenAccount(ctx, cfg, q.Venue)
	if err != nil {
		return nil, err
	}
	a := venue.AccountAsk{What: q.What, From: q.Since, To: q.Until}
	if pair != "" {
		if a.Instrument, err = r.Instrument(pair); err != nil {
			return nil, err
		}
	}
	got, err := r.Read(ctx, a)
	if err != nil && fault.Of(err) == fault.Invalid && fault.Field(err) == "what" && q.Pair == "" {
		return nil, fault.At(fault.Invalid, "pair", "%s. Name one with --pair, such as BTC-USDT", fault.Public(err))
	}
	return got, err
}
