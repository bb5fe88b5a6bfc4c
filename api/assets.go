package api

import (
	"context"
	"slices"
	"strings"

	"github.com/assayhq/assay/asset"
	"github.com/assayhq/assay/fault"
	"github.com/assayhq/assay/money"
)

type assetsIn struct {
	Class string `query:"class" maxLength:"40" doc:"Only of this class, such as stablecoin or proof-of-work" example:"stablecoin"`
	Kind  string `query:"kind" enum:"coin,token,stablecoin,commodity-token,wrapped,fiat,metal" doc:"Only of this kind"`
	Q     string `query:"q" maxLength:"128" doc:"Only those whose tickers, names or ids contain this, best match first"`
	Page
	Common
}

type assetIn struct {
	ID string `path:"id" maxLength:"128" doc:"Code, name, id or contract address" example:"BTC"`
	Common
}

// Asset is one row of the catalogue.
type Asset struct {
	Code         string         `json:"code" doc:"Our name for it, unique"`
	Name         string         `json:"name"`
	Symbol       string         `json:"symbol" doc:"The ticker as the project writes it"`
	Kind         string         `json:"kind" enum:"coin,token,stablecoin,commodity-token,wrapped,fiat,metal" doc:"How it exists"`
	Status       string         `json:"status" enum:"active,migrated,retired"`
	SucceededBy  *string        `json:"succeeded_by" doc:"What holders were given instead"`
	Decimals     *int           `json:"decimals" doc:"Digits after the point on its home ledger"`
	Peg          *string        `json:"peg" doc:"What it is made to hold the price of"`
	Wraps        *string        `json:"wraps" doc:"What it is redeemable into, one for one"`
	Classes      []string       `json:"classes" doc:"Of the taxonomy of thirteen classes"`
	MaxSupply    *money.Decimal `json:"max_supply" doc:"Cap in whole units; null when there is none or it is not known"`
	CoinGecko    *string        `json:"coingecko_id"`
	TokenMetrics *int           `json:"tokenmetrics_id"`
}

// AssetDetail is everything the catalogue knows of an asset. What it does not
// know is null, or absent where it would be an object.
type AssetDetail struct {
	Asset
	Purpose      *string                `json:"purpose" doc:"What it is for"`
	UseCase      *string                `json:"use_case" doc:"What it is used for in practice"`
	Consensus    *string                `json:"consensus" doc:"How its ledger agrees"`
	BlockSeconds *float64               `json:"block_seconds" doc:"Designed or usual time between blocks"`
	SupplyPolicy *string                `json:"supply_policy" enum:"capped,uncapped"`
	SupplyNote   *string                `json:"supply_note"`
	Fork         *asset.Fork            `json:"fork,omitempty" doc:"Where it came from; absent when it is no fork or that is not known"`
	Links        asset.Links            `json:"links"`
	Contracts    []asset.Contract       `json:"contracts" doc:"Where the token lives, per chain"`
	Aliases      []asset.Alias          `json:"aliases" doc:"Other tickers; with a venue, there only"`
	OtherNames   []string               `json:"other_names"`
	Collisions   []asset.Collision      `json:"collisions" doc:"Other things with the same ticker"`
	Reasons      []asset.Classification `json:"class_reasons" doc:"Why it belongs to its classes, and who says so"`
	Profile      *asset.Profile         `json:"profile,omitempty" doc:"How it works; for the largest coins only"`
	Note         *string                `json:"note" doc:"What a reader of its prices or history should know"`
}

func known[T comparable](v T) *T {
	var zero T
	if v == zero {
		return nil
	}
	return &v
}

func assetOf(a *asset.Asset) Asset {
	out := Asset{
		Code: string(a.Code), Name: a.Name, Symbol: a.Symbol, Kind: string(a.Kind), Status: string(a.Status),
		SucceededBy: known(string(a.SucceededBy)), Decimals: a.Decimals, Peg: known(string(a.Peg)), Wraps: known(string(a.Wraps)),
		Classes: []string{}, CoinGecko: known(a.CoinGecko), TokenMetrics: known(a.TokenMetrics),
	}
	for _, c := range a.Classes {
		out.Classes = append(out.Classes, string(c.Class))
	}
	if d, ok := a.MaxSupply(); ok {
		out.MaxSupply = &d
	}
	return out
}

func (s *Server) assets(_ context.Context, in *assetsIn) (Answer[[]Asset], error) {
	var a Answer[[]Asset]
	class := asset.Class(in.Class)
	if in.Class != "" && !class.Valid() {
		words := make([]string, 0, 13)
		for _, c := range asset.Classes() {
			words = append(words, string(c))
		}
		return a, fault.At(fault.Invalid, "query.class", "%s", didYouMean("there is no class "+clip(in.Class, 40), in.Class, words))
	}
	var found []asset.Asset
	if in.Q != "" {
		found = s.opt.Assets.Search(in.Q, 0)
	} else {
		found = slices.Collect(s.opt.Assets.All())
	}
	found = slices.DeleteFunc(slices.Clone(found), func(x asset.Asset) bool {
		return (in.Class != "" && !x.Is(class)) || (in.Kind != "" && string(x.Kind) != in.Kind)
	})
	found, err := page(found, in.Page, &a.Meta, filterDigest("assets", in.Class, in.Kind, in.Q))
	if err != nil {
		return a, err
	}
	a.Data = make([]Asset, len(found))
	for i := range found {
		a.Data[i] = assetOf(&found[i])
	}
	a.Meta.from("catalogue")
	return a, nil
}

func (s *Server) asset(_ context.Context, in *assetIn) (Answer[AssetDetail], error) {
	var a Answer[AssetDetail]
	x, err := s.opt.Assets.Resolve(strings.TrimSpace(in.ID))
	if err != nil {
		return a, atField("path.id", err)
	}
	d := AssetDetail{
		Asset: assetOf(&x), Purpose: known(x.Purpose), UseCase: known(x.UseCase), Consensus: known(x.Consensus), BlockSeconds: known(x.BlockSeconds),
		Fork: x.Fork, Links: x.Links, Contracts: x.Contracts, Aliases: x.Aliases, OtherNames: x.OtherNames, Collisions: x.Collisions,
		Reasons: x.Classes, Profile: x.Profile, Note: known(x.Note),
	}
	if x.Supply != nil {
		d.SupplyPolicy, d.SupplyNote = known(x.Supply.Policy), known(x.Supply.Note)
	}
	a.Data = d
	a.Meta.from("catalogue")
	return a, nil
}
