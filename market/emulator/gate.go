package emulator

import (
	"bufio"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
)

// gate is a connection that can go half-open: from then on what we write vanishes and
// what the peer writes is swallowed, while neither side sees an end.
type gate struct {
	net.Conn
	dead   atomic.Bool
	closed chan struct{}
	once   sync.Once
}

func newGate(c net.Conn) *gate { return &gate{Conn: c, closed: make(chan struct{})} }

// Write writes, or pretends to.
func (g *gate) Write(b []byte) (int, error) {
	if g.dead.Load() {
		return len(b), nil
	}
	return g.Conn.Write(b)
}

// Read reads, or swallows until the connection is closed on our side.
func (g *gate) Read(b []byte) (int, error) {
	for {
		n, err := g.Conn.Read(b)
		if !g.dead.Load() {
			return n, err
		}
		if err != nil {
			<-g.closed
			return 0, net.ErrClosed
		}
	}
}

// Close closes.
func (g *gate) Close() error {
	g.once.Do(func() { close(g.closed) })
	return g.Conn.Close()
}

// lock is a ResponseWriter whose Hijack puts a gate between.
type lock struct {
	http.ResponseWriter
	gate *gate
}

// Hijack hands out the gated connection.
func (l *lock) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	c, rw, err := http.NewResponseController(l.ResponseWriter).Hijack()
	if err != nil {
		return nil, nil, err
	}
	l.gate = newGate(c)
	r := bufio.NewReader(l.gate)
	if n := rw.Reader.Buffered(); n > 0 {
		b, _ := rw.Reader.Peek(n)
		r = bufio.NewReader(&leftover{append([]byte(nil), b...), l.gate})
		r.Peek(n)
	}
	return l.gate, bufio.NewReadWriter(r, bufio.NewWriter(l.gate)), nil
}

// leftover reads what the HTTP server had read too far, then the connection.
type leftover struct {
	b []byte
	c net.Conn
}

func (l *leftover) Read(b []byte) (int, error) {
	if len(l.b) > 0 {
		n := copy(b, l.b)
		l.b = l.b[n:]
		return n, nil
	}
	return l.c.Read(b)
}
