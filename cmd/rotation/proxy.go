package main

import (
	"net"
	"sync"
)

// wire is a TCP proxy between one server and the database that can be cut: while it is,
// nothing passes in either direction and nobody is told, as when a network drops
// everything.
type wire struct {
	listener net.Listener
	to       string

	mu    sync.Mutex
	whole chan struct{} // closed while it is whole
	conns map[net.Conn]bool
}

func newWire(to string) (*wire, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	w := &wire{listener: l, to: to, whole: make(chan struct{}), conns: map[net.Conn]bool{}}
	close(w.whole)
	go w.run()
	return w, nil
}

func (w *wire) addr() string { return w.listener.Addr().String() }

func (w *wire) run() {
	for {
		in, err := w.listener.Accept()
		if err != nil {
			return
		}
		go func() {
			<-w.passing()
			out, err := net.Dial("tcp", w.to)
			if err != nil {
				_ = in.Close()
				return
			}
			w.keep(in, out)
			go w.pump(in, out)
			w.pump(out, in)
		}()
	}
}

func (w *wire) keep(list ...net.Conn) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, c := range list {
		w.conns[c] = true
	}
}

// pump copies until one side ends, then ends both.
func (w *wire) pump(from, to net.Conn) {
	b := make([]byte, 32<<10)
	for {
		n, err := from.Read(b)
		<-w.passing()
		if n > 0 {
			if _, werr := to.Write(b[:n]); werr != nil {
				err = werr
			}
		}
		if err != nil {
			break
		}
	}
	_, _ = from.Close(), to.Close()
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.conns, from)
	delete(w.conns, to)
}

func (w *wire) passing() <-chan struct{} {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.whole
}

func (w *wire) cut() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.whole = make(chan struct{})
}

func (w *wire) mend() {
	w.mu.Lock()
	defer w.mu.Unlock()
	close(w.whole)
}

func (w *wire) close() {
	_ = w.listener.Close()
	w.mu.Lock()
	defer w.mu.Unlock()
	for c := range w.conns {
		_ = c.Close()
	}
}
