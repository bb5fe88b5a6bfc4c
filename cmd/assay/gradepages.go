package main

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/assayhq/assay/asset"
	"github.com/assayhq/assay/insight"
	"github.com/assayhq/assay/insight/grade"
	"github.com/assayhq/assay/internal/plot"
)

const (
	gradeDays  = 1200 // of the generated universe: more than three years
	gradeShown = 120
	gradePeers = 12
)

// gradePages are the files of the manual of grades, by name.
func gradePages() (map[string][]byte, error) {
	m, err := grade.New()
	if err != nil {
		return nil, err
	}
	members, err := generatedMembers()
	if err != nil {
		return nil, err
	}
	formulas := m.Formulas()
	history := make([][]insight.Grade, len(formulas)) // of the first asset, by formula
	out := make([]grade.Scores, len(members))
	for i := gradeDays - gradeShown; i < gradeDays; i++ {
		for j := range members {
			members[j].Last = i
		}
		m.Day(members[0].Bars.Day[i], members, out)
		for k := range formulas {
			var g insight.Grade
			m.Fill(&g, k, &out[0], true)
			history[k] = append(history[k], g)
		}
	}
	files := map[string][]byte{"README.md": gradeIndex(formulas)}
	prices := members[0].Bars.Close[gradeDays-gradeShown:]
	for k := range formulas {
		f := &formulas[k]
		files[string(f.Kind)+".svg"] = gradePicture(f, prices, history[k])
		files[string(f.Kind)+".md"] = gradePage(f, formulas, history[k])
	}
	return files, nil
}

// generatedMembers are assets with bars, developers' work and on-chain metrics that have
// the look of a market and no meaning.
func generatedMembers() ([]grade.Member, error) {
	members := make([]grade.Member, gradePeers)
	var work, chain strings.Builder
	work.WriteString("repo,day,commits,merge_commits,authors,top_author_share,releases\n")
	chain.WriteString("asset,time,CapMrktCurUSD,CapRealUSD,TxTfrValAdjUSD,SplyCur,SplyAdrTop100,AdrActCnt,FeeTotUSD\n")
	for j := range members {
		code := fmt.Sprintf("X%d", j)
		r := rand.New(rand.NewPCG(2026, uint64(1000+j)))
		bars := &grade.Bars{}
		size, busy := 1+10*r.Float64(), 2+r.IntN(20)
		realised := 0.0
		for i, k := range generated(uint64(j+1), gradeDays, 24*time.Hour) {
			price, volume := k.C.Float64(), float64(size*k.Volume.Float64())
			bars.Day = append(bars.Day, int32(k.Open.Unix()/86400))
			bars.High, bars.Low = append(bars.High, k.H.Float64()), append(bars.Low, k.L.Float64())
			bars.Close, bars.Volume = append(bars.Close, price), append(bars.Volume, volume)
			day := k.Open.Format(time.DateOnly)
			commits, release := r.IntN(busy), 0
			if r.IntN(20+busy) == 0 {
				release = 1
			}
			fmt.Fprintf(&work, "%s,%s,%d,%d,%d,%.2f,%d\n", code, day, commits, commits/4, (commits+2)/3, 0.2+float64(0.3*r.Float64())/size, release)
			supply := float64(1e6*size) + float64(500*float64(i))
			worth := float64(price * supply)
			if realised == 0 {
				realised = worth
			}
			realised += float64(0.01 * (worth - realised))
			fmt.Fprintf(&chain, "%s,%s,%.0f,%.0f,%.0f,%.0f,%.0f,%d,%.0f\n", code, day, worth, realised, float64(price*volume)*(1+r.Float64()), supply, float64(supply*(0.2+float64(0.02*r.Float64()))), 1000+i+r.IntN(300*busy), volume*r.Float64())
		}
		members[j] = grade.Member{Asset: asset.Code(code), Bars: bars, Venues: 1 + r.IntN(6), MaxSupply: 2e7}
	}
	done, _, err := grade.ReadActivity("generated", strings.NewReader(work.String()), func(repo, _ string) (asset.Code, bool) { return asset.Code(repo), true })
	if err != nil {
		return nil, err
	}
	seen, err := grade.ReadChain("generated", strings.NewReader(chain.String()), "", func(code string) (asset.Code, bool) { return asset.Code(code), true })
	if err != nil {
		return nil, err
	}
	for j := range members {
		x := &members[j]
		x.Activity, x.Chain = done[x.Asset], seen[x.Asset]
	}
	return members, nil
}

func gradeIndex(formulas []insight.Formula) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "# Formulas of grades\n\n%d formulas, each with a page. What holds for all of them: [grades](../grades.md). Statistics, not financial advice.\nWritten by `assay grade doc` (`make gen`) from the formulas in force; do not edit these pages.\nPictures and values are of generated series, not market data.\nPhi is the distribution function of the standard normal distribution.\n", len(formulas))
	for _, group := range []struct {
		title string
		mixed bool
	}{{"Of components", false}, {"Of other grades", true}} {
		fmt.Fprintf(&b, "\n## %s\n\n| kind | title | looks at | formula |\n|---|---|---|---|\n", group.title)
		for i := range formulas {
			f := &formulas[i]
			mixed := false
			for _, c := range f.Components {
				mixed = mixed || isKind(formulas, c.Name)
			}
			if mixed == group.mixed {
				fmt.Fprintf(&b, "| [%s](%s.md) | %s | %s | %s |\n", f.Kind, f.Kind, f.Title, f.Horizon, markdown(f.Text))
			}
		}
	}
	return b.Bytes()
}

// isKind tells whether a component is a grade of its own.
func isKind(formulas []insight.Formula, component string) bool {
	for i := range formulas {
		if string(formulas[i].Kind) == component {
			return true
		}
	}
	return false
}

func gradePage(f *insight.Formula, formulas []insight.Formula, history []insight.Grade) []byte {
	var b bytes.Buffer
	p := func(format string, a ...any) { fmt.Fprintf(&b, format, a...) }
	g := &history[len(history)-1]
	p("<!-- Written by `assay grade doc`. -->\n# %s: %s\n\n[Formulas](README.md). A statistic, not financial advice.\n\n![%s](%s.svg)\n\n*%d days of one of %d generated assets, not market data.*\n", f.Kind, f.Title, f.Title, f.Kind, gradeShown, gradePeers)
	p("\n## Formula\n\n```text\n%s\n```\n\n`%s` version %d. Looks at %s. From 0 to 100; none when less than %.0f %% of the weight has input.\n\n## Components\n\n| component | weight | formula | inputs | source |\n|---|---|---|---|---|\n", wrap(f.Text), f.ID, f.Version, f.Horizon, 100*grade.MinCoverage)
	for _, c := range f.Components {
		name := c.Name
		if isKind(formulas, name) {
			name = "[" + name + "](" + name + ".md)"
		}
		p("| %s | %.4g | %s | %s | %s |\n", name, c.Weight, markdown(c.Formula), strings.Join(c.Inputs, ", "), markdown(c.Source))
	}
	p("\n## On this series\n\nOn the last day the grade is %s, with a coverage of %.2f.\n\n| component | raw | score | |\n|---|---|---|---|\n", score(g.Value), g.Coverage)
	for _, c := range g.Components {
		p("| %s | %s | %s | %s |\n", c.Name, score(c.Raw), score(c.Score), markdown(c.Missing))
	}
	p("\n## Bands\n\n| scheme | below the first cut, then from each cut on | here |\n|---|---|---|\n")
	for _, bands := range []insight.Bands{grade.EvenBands(), grade.TokenMetricsBands()} {
		words := bands.Labels[0]
		for i, cut := range bands.Cuts {
			words += fmt.Sprintf(", from %v %s", cut, bands.Labels[i+1])
		}
		var follow grade.Bander
		at := -1
		for i := range history {
			if v := history[i].Value; v != nil {
				at = follow.Close(&bands, *v)
			}
		}
		here := "none"
		if at >= 0 {
			here = bands.Labels[at]
		}
		p("| %s | %s | %s |\n", bands.Name, words, here)
	}
	p("\nA word changes when the grade is beyond a cut for some time: [bands](../grades.md#bands).\n\n## Ask for it\n\n```sh\nassay grade --kind %s\nassay grade --history --kind %s BTC\ncurl -H \"Authorization: Bearer $ASSAY_API_KEY\" \"$ASSAY_BASE_URL/v1/grades/BTC\"\ncurl -H \"Authorization: Bearer $ASSAY_API_KEY\" \"$ASSAY_BASE_URL/v1/grades/BTC/history?kind=%s\"\n```\n", f.Kind, f.Kind, f.Kind)
	return b.Bytes()
}

// score writes a number that may be absent.
func score(v *float64) string {
	if v == nil {
		return "none"
	}
	return figure(*v)
}

// gradePicture has the price, the grade, and the components that had input.
func gradePicture(f *insight.Formula, prices []float64, history []insight.Grade) []byte {
	column := func(of func(*insight.Grade) *float64) []float64 {
		out := nothing(len(history))
		for i := range history {
			if v := of(&history[i]); v != nil {
				out[i] = *v
			}
		}
		return out
	}
	parts := plot.Panel{Height: 110}
	for j, c := range f.Components {
		values := column(func(g *insight.Grade) *float64 { return g.Components[j].Score })
		if history[len(history)-1].Components[j].Score != nil {
			parts.Series = append(parts.Series, plot.Series{Name: c.Name, Form: plot.Thin, Values: values})
		}
	}
	c := plot.Chart{Title: f.Title, Note: notMarket + fmt.Sprintf(" %d days.", len(history)), Panels: []plot.Panel{
		{Height: 110, Series: []plot.Series{{Name: "price", Values: prices}}},
		{Height: 110, Guides: grade.EvenBands().Cuts, Series: []plot.Series{{Name: "grade " + string(f.Kind), Values: column(func(g *insight.Grade) *float64 { return g.Value })}}},
		parts,
	}}
	return c.SVG()
}
