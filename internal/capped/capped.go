// Package capped ends the body of every HTTP answer after a number of bytes with an
// error, so that a server that never stops talking costs bounded memory. It reads
// nothing by itself. The secret providers put it under their clients.
package capped

import (
	"errors"
	"io"
	"net/http"
)

// Transport gives next with every answer's body limited to most bytes.
func Transport(next http.RoundTripper, most int) http.RoundTripper { return transport{next, most} }

type transport struct {
	next http.RoundTripper
	most int
}

func (t transport) RoundTrip(r *http.Request) (*http.Response, error) {
	w, err := t.next.RoundTrip(r)
	if err == nil {
		w.Body = &body{ReadCloser: w.Body, left: t.most}
	}
	return w, err
}

type body struct {
	io.ReadCloser
	left int
}

func (b *body) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, errors.New("the answer is too long")
	}
	n, err := b.ReadCloser.Read(p[:min(len(p), b.left)])
	b.left -= n
	return n, err
}
