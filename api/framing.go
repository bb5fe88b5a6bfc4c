package api

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/assayhq/assay/fault"
)

// framed refuses bodies that are packed, which would be larger than what was sent, and
// lets nothing follow a body of chunks: net/http drops a Content-Length beside chunks
// without a word, so a proxy in front that goes by the length would see the rest of such
// a connection as other requests than we do.
func (x *exchange) framed() (done bool) {
	if x.keyInPath() {
		return true
	}
	if len(x.r.TransferEncoding) > 0 {
		x.Header()["Connection"] = []string{"close"}
	}
	for _, v := range x.r.Header["Content-Encoding"] {
		if v = strings.TrimSpace(v); v != "" && !strings.EqualFold(v, "identity") {
			x.fail(&problemError{status: http.StatusUnsupportedMediaType, error: fault.At(fault.Invalid, "header.Content-Encoding", "bodies are taken as they are: send it without the encoding %q", clip(v, 40))})
			return true
		}
	}
	return false
}

// keyInPath refuses paths that hold a key, and forgets them: a path is logged and told in
// problems.
func (x *exchange) keyInPath() (done bool) {
	p := x.r.URL.Path
	if !strings.Contains(p, "asy_live_") && !strings.Contains(p, "asy_test_") {
		return false
	}
	r := *x.r
	r.URL = &url.URL{Path: "/a-key-was-here"}
	r.RequestURI = r.URL.Path
	x.r = &r
	x.fail(fault.At(fault.Invalid, "path", "a key in the address ends up in logs and histories: send it as `Authorization: Bearer asy_...`, name keys by their id, and replace this one"))
	return true
}
