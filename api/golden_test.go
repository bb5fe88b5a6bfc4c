package api

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"encoding/xml"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/danielgtaylor/huma/v2"

	"github.com/assayhq/assay/access"
)

var update = flag.Bool("update", false, "write the answers into testdata")

// section is one file of a txtar archive.
type section struct{ name, text string }

func readArchive(t *testing.T, path string) (comment string, out []section) {
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.SplitAfterSeq(string(b), "\n") {
		if name, ok := strings.CutPrefix(line, "-- "); ok && strings.HasSuffix(line, " --\n") {
			out = append(out, section{name: strings.TrimSuffix(name, " --\n")})
		} else if len(out) == 0 {
			comment += line
		} else {
			out[len(out)-1].text += line
		}
	}
	return comment, out
}

// TestGolden asks what testdata asks and compares what is answered. A file is one
// story; a section "request" holds a method, a target and perhaps a body, the
// section after it the whole answer. Random parts of keys are written as x.
func TestGolden(t *testing.T) {
	files, _ := filepath.Glob("testdata/*.txtar")
	if len(files) == 0 {
		t.Fatal("no golden files")
	}
	seen := map[string]bool{}
	for _, path := range files {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txtar"), func(t *testing.T) {
			comment, sections := readArchive(t, path)
			if len(comment) < 20 {
				t.Error("the file does not say what it shows")
			}
			synctest.Test(t, func(t *testing.T) { // keys are made in 2000, always at the same moment
				f := newFixture(t, func(o *Options) {
					o.Ready = func() []Check { return []Check{{"store", true, ""}, {"venue", false, "no venue is live"}} }
				})
				if strings.Contains(path, "alerts") {
					f.alert(t)
				}
				var out strings.Builder
				sent := ""  // id of the last export
				admin := "" // a key with admin:all, made for the first who asks as admin
				out.WriteString(comment)
				for _, s := range sections {
					if !strings.HasPrefix(s.name, "request") {
						continue
					}
					fmt.Fprintf(&out, "-- %s --\n%s", s.name, s.text)
					head, body, _ := strings.Cut(s.text, "\n")
					method, target, _ := strings.Cut(head, " ")
					target = strings.ReplaceAll(target, "{own}", f.own.ID)
					target = strings.ReplaceAll(target, "{hook}", f.hook)
					target = strings.ReplaceAll(target, "{export}", sent)
					kv := []string{"X-Request-Id", "golden"}
					sign := ""
					for h := header.FindStringSubmatch(body); h != nil; h = header.FindStringSubmatch(body) {
						if body = body[len(h[0]):]; h[1] == "Sign" {
							sign = h[2]
						} else {
							kv = append(kv, h[1], h[2])
						}
					}
					if rest, ok := strings.CutPrefix(body, "As: admin\n"); ok {
						if admin == "" {
							admin = f.create(t, access.Admin)
						}
						body, kv = rest, append(kv, "Authorization", "Bearer "+admin)
					}
					w := f.signedAsk(t, sign, method, target, strings.TrimSpace(body), kv...)
					if id := w.Header().Get("Assay-Export"); id != "" {
						sent = id
					}
					if w.Code >= 500 && w.Code != 503 {
						t.Errorf("%s: %d %s", head, w.Code, w.Body)
					}
					checkSyntax(t, head, w.Header().Get("Content-Type"), w.Body.Bytes())
					f.checkSchema(t, method, target, w.Code, w.Header().Get("Content-Type"), w.Body.Bytes(), seen)
					fmt.Fprintf(&out, "-- answer%s --\n%d %s\n", strings.TrimPrefix(s.name, "request"), w.Code, w.Header().Get("Content-Type"))
					for _, h := range []string{"Assay-As-Of", "Assay-Sources", "Assay-Quality", "Assay-Next-Cursor", "Link", "Allow", "WWW-Authenticate", "RateLimit-Policy", "Retry-After", "Idempotency-Replayed"} {
						if v := w.Header().Get(h); v != "" {
							fmt.Fprintf(&out, "%s: %s\n", h, v)
						}
					}
					out.WriteString("\n" + strings.ReplaceAll(pretty(w.Header().Get("Content-Type"), w.Body.String()), "\r\n", "\n"))
				}
				got := hide(t, out.String(), f)
				if *update {
					if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
						t.Fatal(err)
					}
					return
				}
				want, _ := os.ReadFile(path)
				if got != string(want) {
					t.Errorf("answers differ; run `go test ./api -update` and read the diff\n%s", firstDiff(string(want), got))
				}
			})
		})
	}
	if t.Failed() {
		return
	}
	f := newFixture(t, nil)
	for _, op := range f.Operations() {
		if !seen[op.ID] {
			t.Errorf("no golden file asks %s", op.ID)
		}
	}
}

// header is one that a file may send. Sign is none: it says by whom and how the request
// is signed; see signedAsk.
var header = regexp.MustCompile(`^(Assay-Session|Idempotency-Key|Sign): (.*)\n`)

var secret = regexp.MustCompile(`asy_live_[0-9A-Za-z]{60}|"ticket":"[^"]+"|ticket=[0-9A-Za-z_-]{22}|<ticket>[^<]+|<id>[0-9A-Za-z]{11}<|"(id|key_id)":\s?"[0-9A-Za-z]{11}"`)

func hide(t *testing.T, s string, f *fixture) string {
	s = secret.ReplaceAllStringFunc(s, func(m string) string {
		for _, p := range []string{"asy_live_", `"ticket":"`, "ticket=", "<ticket>"} {
			if strings.HasPrefix(m, p) {
				return p + "x" + map[bool]string{true: `"`}[p == `"ticket":"`]
			}
		}
		return regexp.MustCompile(`[0-9A-Za-z]{11}`).ReplaceAllString(m, "x")
	})
	for _, id := range f.ids(t) {
		s = strings.ReplaceAll(s, id, "x")
	}
	s = regexp.MustCompile(`(ring|rot)_[0-9A-Za-z]{12}`).ReplaceAllString(s, "${1}_x")
	s = regexp.MustCompile(`exp_[0-9a-z]{12,}`).ReplaceAllString(s, "exp_x")
	s = regexp.MustCompile(`(hook|msg)_[a-z2-7]{26}`).ReplaceAllString(s, "${1}_x")
	s = regexp.MustCompile(`asyh_[0-9A-Za-z]{43}`).ReplaceAllString(s, "asyh_x")
	s = regexp.MustCompile(`\b[0-9a-f]{64}\b`).ReplaceAllString(s, "sha256")
	s = regexp.MustCompile(`whsec_[0-9A-Za-z+/]{43}=`).ReplaceAllString(s, "whsec_x")
	s = regexp.MustCompile(`"(note|public_key)":"[^"]*"`).ReplaceAllString(s, `"${1}":"x"`)
	s = regexp.MustCompile(`"path":\[[^\]]*\]`).ReplaceAllString(s, `"path":["x"]`)
	s = strings.ReplaceAll(s, runtime.Version(), "goX")
	return regexp.MustCompile(`(?m)^'?[0-9A-Za-z_-]{22},2000`).ReplaceAllString(s, `x,2000`)
}

// pretty breaks long answers into lines, so that a diff can be read.
func pretty(media, s string) string {
	switch {
	case strings.Contains(media, "ndjson"):
		return s
	case strings.Contains(media, "json"):
		s = strings.ReplaceAll(s, `},{"`, "},\n {\"")
		s = strings.ReplaceAll(s, `"data":[{`, "\"data\":[\n {")
		return strings.ReplaceAll(s, `,"meta":{`, ",\n\"meta\":{")
	case strings.Contains(media, "xml"):
		s = strings.ReplaceAll(s, "<item><", "\n <item><")
		return strings.ReplaceAll(s, "<meta>", "\n<meta>")
	}
	return s
}

func firstDiff(want, got string) string {
	w, g := strings.Split(want, "\n"), strings.Split(got, "\n")
	for i := range w {
		if i >= len(g) || w[i] != g[i] {
			return fmt.Sprintf("line %d\nwant %s\ngot  %s", i+1, w[i], append(g, "(end)")[min(i, len(g))])
		}
	}
	return "got more: " + strings.Join(g[len(w):], "\n")
}

// checkSyntax reads an answer with the standard library's reader of its format.
func checkSyntax(t *testing.T, what, media string, b []byte) {
	t.Helper()
	var err error
	switch {
	case len(b) == 0:
	case strings.Contains(media, "ndjson"):
		for line := range bytes.Lines(b) {
			if !json.Valid(line) {
				err = fmt.Errorf("%s", line)
			}
		}
	case strings.Contains(media, "json"):
		if !json.Valid(b) {
			err = fmt.Errorf("not JSON: %s", b)
		}
	case strings.Contains(media, "xml"):
		d := xml.NewDecoder(bytes.NewReader(b))
		for err == nil {
			_, err = d.Token()
		}
		if err == io.EOF {
			err = nil
		}
	case strings.Contains(media, "csv"):
		_, err = csv.NewReader(bytes.NewReader(b)).ReadAll()
	}
	if err != nil {
		t.Errorf("%s: %s: %v", what, media, err)
	}
}

// checkSchema holds an answer against the schema that the document promises.
func (f *fixture) checkSchema(t *testing.T, method, target string, status int, media string, b []byte, seen map[string]bool) {
	t.Helper()
	media, _, _ = strings.Cut(media, ";")
	path, _, _ := strings.Cut(target, "?")
	for _, op := range f.ops {
		if op.Method != method || !matches(op.Path, path) {
			continue
		}
		if status < 400 || status == 503 || status == 409 && op.ID == "undo-key" { // who suspended its own key cannot ask for more
			seen[op.ID] = true
		}
		doc := f.huma.OpenAPI()
		item := doc.Paths[op.Path]
		h := map[string]*huma.Operation{"GET": item.Get, "POST": item.Post, "DELETE": item.Delete}[method]
		r := h.Responses[fmt.Sprint(status)]
		if r == nil || r.Content[media] == nil {
			t.Errorf("%s %s answered %d %s, which the document does not know", method, target, status, media)
			return
		}
		if strings.Contains(target, "decimal=number") { // the document describes the default
			return
		}
		if media != "application/json" && media != "application/problem+json" {
			return
		}
		var v any
		if err := json.Unmarshal(b, &v); err != nil {
			t.Errorf("%s: %v", target, err)
			return
		}
		res := &huma.ValidateResult{}
		huma.Validate(doc.Components.Schemas, r.Content[media].Schema, huma.NewPathBuffer(nil, 0), huma.ModeReadFromServer, v, res)
		for _, e := range res.Errors {
			t.Errorf("%s %s: the answer is not as the document says: %v", method, target, e)
		}
		return
	}
}

func matches(pattern, path string) bool {
	p, q := strings.Split(pattern, "/"), strings.Split(path, "/")
	return len(p) == len(q) && !slices.ContainsFunc(p, func(s string) bool {
		i := slices.Index(p, s)
		return !strings.HasPrefix(s, "{") && q[i] != s
	})
}
