package emulator

import (
	"context"
	"net"
	"net/http"
	"sync"
)

// Memory is a network of one listener inside the process, made of net.Pipe: it works
// in a synctest bubble, where sockets do not. Make it in the bubble that uses it.
type Memory struct {
	queue  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

// NewMemory makes one.
func NewMemory() *Memory {
	return &Memory{queue: make(chan net.Conn), closed: make(chan struct{})}
}

// Accept waits for a Dial.
func (m *Memory) Accept() (net.Conn, error) {
	select {
	case c := <-m.queue:
		return c, nil
	case <-m.closed:
		return nil, net.ErrClosed
	}
}

// Close ends Accept and refuses further Dials.
func (m *Memory) Close() error {
	m.once.Do(func() { close(m.closed) })
	return nil
}

// Addr is "memory".
func (m *Memory) Addr() net.Addr { return memoryAddr{} }

// Dial connects; the address does not matter. It fits http.Transport.DialContext.
func (m *Memory) Dial(ctx context.Context, _, _ string) (net.Conn, error) {
	ours, theirs := net.Pipe()
	select {
	case m.queue <- theirs:
		return ours, nil
	case <-m.closed:
		return nil, net.ErrClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// Client is an HTTP client whose every request goes to the listener.
func (m *Memory) Client() *http.Client {
	return &http.Client{Transport: &http.Transport{DialContext: m.Dial}}
}

type memoryAddr struct{}

func (memoryAddr) Network() string { return "memory" }
func (memoryAddr) String() string  { return "memory" }
