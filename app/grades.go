package app

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/assayhq/assay/asset"
	"github.com/assayhq/assay/fault"
	"github.com/assayhq/assay/insight"
	"github.com/assayhq/assay/insight/grade"
	"github.com/assayhq/assay/insight/grades"
)

// bands are the words for grades that the settings ask for.
func (c *Config) bands() (insight.Bands, error) {
	b, err := grade.BandsNamed(c.Insight.Bands)
	if err != nil {
		return b, fault.At(fault.Invalid, "insight.bands", "%s", fault.Public(err))
	}
	b.Hysteresis, b.Confirm = c.Insight.Hysteresis, c.Insight.Confirm
	if err := grade.CheckBands(b); err != nil {
		return b, fault.At(fault.Invalid, "insight.bands", "%s", fault.Public(err))
	}
	return b, nil
}

// openGrades makes the engine of grades, with the tables that the user has given.
func (a *App) openGrades() (*grades.Engine, error) {
	opt := grades.Options{
		Candles: a.Reader, Stored: a.History, Now: a.Core.Now, Logger: a.log, Dir: filepath.Join(a.cfg.Data, "grades"),
		Simulated: func() bool { not, _ := a.Core.Simulated(); return not },
		Graded:    a.graded,
		MaxSupply: func(c asset.Code) (float64, bool) {
			x, known := a.Catalogue.Get(c)
			if !known {
				return 0, false
			}
			d, known := x.MaxSupply()
			return d.Float64(), known
		},
	}
	var err error
	if opt.Bands, err = a.cfg.bands(); err != nil {
		return nil, err
	}
	if opt.Activity, err = a.readActivity(); err != nil {
		return nil, err
	}
	if opt.Chain, err = a.readOnChain(); err != nil {
		return nil, err
	}
	return grades.New(opt)
}

// graded leaves out what is made to hold the price of something else.
func (a *App) graded(c asset.Code) bool {
	x, known := a.Catalogue.Get(c)
	return !known || x.Kind == asset.KindCoin || x.Kind == asset.KindToken
}

func (a *App) readActivity() (map[asset.Code]*grade.Series, error) {
	path := a.cfg.Insight.Activity
	if path == "" {
		return nil, nil
	}
	owners := a.repositories()
	var out map[asset.Code]*grade.Series
	err := readTable("insight.activity", path, func(r io.Reader) error {
		var strange []string
		var err error
		out, strange, err = grade.ReadActivity(filepath.Base(path), r, func(repo, code string) (asset.Code, bool) {
			if code != "" {
				return a.assetOf(code)
			}
			c, known := owners[strings.ToLower(repo)]
			return c, known
		})
		if len(strange) > 0 {
			a.log.Warn("repositories of no known asset in the table of developer activity are left out; name the asset in a column asset", "repositories", strings.Join(strange, " "))
		}
		return err
	})
	return out, err
}

// repositories tells which asset a repository, as owner/name, is the source of.
func (a *App) repositories() map[string]asset.Code {
	out := map[string]asset.Code{}
	for x := range a.Catalogue.All() {
		if _, rest, ok := strings.Cut(x.Links.Source, "github.com/"); ok {
			rest = strings.ToLower(strings.Trim(strings.TrimSuffix(rest, ".git"), "/"))
			if strings.Count(rest, "/") == 1 {
				if _, twice := out[rest]; !twice {
					out[rest] = x.Code
				}
			}
		}
	}
	return out
}

func (a *App) assetOf(text string) (asset.Code, bool) {
	x, err := a.Catalogue.Resolve(text)
	return x.Code, err == nil
}

func (a *App) readOnChain() (map[asset.Code]*grade.Series, error) {
	path := a.cfg.Insight.OnChain
	if path == "" {
		return nil, nil
	}
	files := []string{path}
	if st, err := os.Stat(path); err == nil && st.IsDir() {
		files, _ = filepath.Glob(filepath.Join(path, "*.csv*"))
		if len(files) == 0 {
			return nil, fault.At(fault.Invalid, "insight.onchain", "the folder %s holds no CSV file; name them by asset, such as btc.csv", path)
		}
	}
	out := map[asset.Code]*grade.Series{}
	for _, f := range files {
		name := filepath.Base(f)
		code, _, _ := strings.Cut(name, ".")
		err := readTable("insight.onchain", f, func(r io.Reader) error {
			got, err := grade.ReadChain(name, r, code, a.assetOf)
			for c, s := range got {
				if out[c] != nil {
					return fault.New(fault.Invalid, "%s has rows of %s, which another file has too", name, c)
				}
				out[c] = s
			}
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	return out, nil
}

// maxTable bounds a table of the user's, unpacked.
const maxTable = 1 << 30

// readTable opens a file, plain or gzip, of at most maxTable bytes. What is wrong is of
// the setting.
func readTable(setting, path string, read func(io.Reader) error) error {
	f, err := os.Open(path)
	if err != nil {
		return fault.At(fault.Invalid, setting, "%s cannot be read: %v", path, err)
	}
	defer f.Close()
	in := bufio.NewReaderSize(f, 1<<16)
	var r io.Reader = in
	if head, _ := in.Peek(2); bytes.Equal(head, []byte{0x1f, 0x8b}) {
		z, err := gzip.NewReader(in)
		if err != nil {
			return fault.At(fault.Invalid, setting, "%s is no gzip file: %v", path, err)
		}
		r = z
	}
	limited := &io.LimitedReader{R: r, N: maxTable}
	if err := read(limited); err != nil {
		return fault.At(fault.Of(err), setting, "%s: %s", path, fault.Public(err))
	}
	if limited.N <= 0 {
		return fault.At(fault.TooLarge, setting, "%s has more than %d bytes", path, maxTable)
	}
	return nil
}
