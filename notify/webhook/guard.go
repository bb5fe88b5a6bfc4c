package webhook

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"syscall"
	"time"

	"github.com/assayhq/assay/fault"
)

// Resolver gives the addresses of a host; *net.Resolver is one. network is "ip".
type Resolver interface {
	LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error)
}

// Guard decides what may be called: it keeps customers' URLs from reaching what only this
// machine can reach (server-side request forgery). Its zero value is the strict one.
//
// A host is resolved once per connection, every answer is checked, and the address that
// was checked is the one dialled; the socket's address is checked once more before it
// connects. So a name that answers differently the second time gains nothing.
type Guard struct {
	// AllowHTTP lets endpoints be http://, and with Ports empty on port 80 too. What is
	// sent can then be read on the way. Off by default; for tests and closed networks.
	AllowHTTP bool
	// AllowPrivate lets endpoints be on loopback, private (RFC 1918), carrier NAT and unique
	// local addresses, and have local names. Whoever may register an endpoint can then call
	// any service there on an allowed port and read 4 kB of its answer. Off by default; for
	// an operator whose receivers are inside. Metadata and link-local stay refused.
	AllowPrivate bool
	// Ports are those allowed; empty is 443 and 8443, and 80 with AllowHTTP.
	Ports []uint16
	// Resolver is asked for addresses; nil is the system's.
	Resolver Resolver
	// Roots are the authorities that receivers' certificates may be signed by; nil is
	// the system's.
	Roots *x509.CertPool
}

// maxAddrs is the most addresses of a host that are considered: more is refused, since
// an answer that long only serves to tire the check.
const maxAddrs = 32

func (g *Guard) ports() []uint16 {
	switch {
	case len(g.Ports) > 0:
		return g.Ports
	case g.AllowHTTP:
		return []uint16{80, 443, 8443}
	}
	return []uint16{443, 8443}
}

// resolve gives the host's addresses. One refused address refuses the host: a mixed
// answer is an attempt to get past.
func (g *Guard) resolve(ctx context.Context, host string) ([]netip.Addr, error) {
	if a, err := netip.ParseAddr(host); err == nil {
		return []netip.Addr{a}, g.CheckAddr(a)
	}
	var r Resolver = net.DefaultResolver
	if g.Resolver != nil {
		r = g.Resolver
	}
	as, err := r.LookupNetIP(ctx, "ip", host)
	if err != nil {
		return nil, fault.Wrap(fault.Unavailable, err, "the host's name cannot be resolved")
	}
	if len(as) == 0 || len(as) > maxAddrs {
		return nil, fault.New(fault.Denied, "the host has %d addresses; 1 to %d are allowed", len(as), maxAddrs)
	}
	as = slices.Clone(as)
	for i := range as {
		// Resolvers give IPv4 addresses in either form; both connect to the same place.
		as[i] = as[i].Unmap()
		if err := g.CheckAddr(as[i]); err != nil {
			return nil, err
		}
	}
	return as, nil
}

// DialContext connects to a host and port after checking both.
func (g *Guard) DialContext(ctx context.Context, network, addr string) (net.Conn, error) {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, fault.Wrap(fault.Invalid, err, "the host cannot be dialled")
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil || !slices.Contains(g.ports(), uint16(n)) {
		return nil, fault.New(fault.Denied, "the port is refused")
	}
	as, err := g.resolve(ctx, host)
	if err != nil {
		return nil, err
	}
	for _, a := range as {
		want := netip.AddrPortFrom(a, uint16(n))
		// No fallback between families: that would race a second socket past this loop.
		d := net.Dialer{Timeout: 5 * time.Second, FallbackDelay: -1, ControlContext: g.control(want)}
		var c net.Conn
		if c, err = d.DialContext(ctx, "tcp", want.String()); err == nil {
			return c, nil
		}
	}
	return nil, fault.Wrap(fault.Unavailable, err, "the host does not accept connections")
}

// control looks at the address a socket is about to connect to: it must be the one that
// was checked, and pass the check again.
func (g *Guard) control(want netip.AddrPort) func(context.Context, string, string, syscall.RawConn) error {
	return func(_ context.Context, _, addr string, _ syscall.RawConn) error {
		got, err := netip.ParseAddrPort(addr)
		if err != nil || got != want {
			return fault.New(fault.Denied, "the socket's address is not the one that was checked")
		}
		return g.CheckAddr(got.Addr())
	}
}

// Transport calls only what the guard allows. It has no proxy, asks for no compression
// (a small answer could unpack to a large one) and bounds connections, waits and headers.
func (g *Guard) Transport() *http.Transport {
	var p http.Protocols
	p.SetHTTP1(true)
	return &http.Transport{
		Proxy:                  nil,
		DialContext:            g.DialContext,
		TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: g.Roots},
		TLSHandshakeTimeout:    5 * time.Second,
		ResponseHeaderTimeout:  Timeout,
		DisableCompression:     true,
		MaxIdleConns:           64,
		MaxIdleConnsPerHost:    2,
		MaxConnsPerHost:        16,
		IdleConnTimeout:        30 * time.Second,
		MaxResponseHeaderBytes: 16 << 10,
		Protocols:              &p,
	}
}
