package webhook

import (
	"context"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/assayhq/assay/fault"
)

// names is a resolver that answers from a list: one entry per question, the last for ever.
type names struct {
	answers [][]string
	asked   atomic.Int32
}

func (n *names) LookupNetIP(context.Context, string, string) ([]netip.Addr, error) {
	i := min(int(n.asked.Add(1))-1, len(n.answers)-1)
	var out []netip.Addr
	for _, s := range n.answers[i] {
		out = append(out, netip.MustParseAddr(s))
	}
	return out, nil
}

func port(t *testing.T, raw string) uint16 {
	t.Helper()
	u, err := url.Parse(raw)
	if err != nil {
		t.Fatal(err)
	}
	n, err := strconv.ParseUint(u.Port(), 10, 16)
	if err != nil {
		t.Fatal(err)
	}
	return uint16(n)
}

func TestANameThatPointsInsideIsNotCalled(t *testing.T) {
	var hits atomic.Int32
	srv := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { hits.Add(1) }))
	defer srv.Close()
	p := port(t, srv.URL)
	for name, answer := range map[string][]string{
		"loopback": {"127.0.0.1"}, "mapped": {"::ffff:127.0.0.1"}, "IPv6 loopback": {"::1"}, "private": {"10.0.0.1"},
		"public first": {"93.184.215.14", "127.0.0.1"}, "metadata": {"169.254.169.254"}, "unspecified": {"0.0.0.0"},
		"NAT64": {"64:ff9b::7f00:1"}, "6to4": {"2002:7f00:1::"}, "Teredo": {"2001::1"}, "ULA": {"fd00::1"}, "none": {},
	} {
		g := &Guard{AllowHTTP: true, Ports: []uint16{p}, Resolver: &names{answers: [][]string{answer}}}
		resp, err := (&http.Client{Transport: g.Transport()}).Get("http://hooks.acme.com:" + strconv.Itoa(int(p)))
		if err == nil {
			_ = resp.Body.Close()
		}
		if fault.Of(err) != fault.Denied {
			t.Errorf("%s: %v", name, err)
		}
	}
	if n := hits.Load(); n != 0 {
		t.Errorf("the inside was called %d times", n)
	}
}

// The name answers with one address when it is checked and would answer with another when
// it is dialled: it is asked once, and what was checked is dialled.
func TestARebindingNameIsAskedOnce(t *testing.T) {
	var hits atomic.Int32
	srv := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { hits.Add(1) }))
	defer srv.Close()
	p := port(t, srv.URL)
	// Loopback is allowed here, so that there is something to connect to; metadata never is.
	n := &names{answers: [][]string{{"127.0.0.1"}, {"169.254.169.254"}}}
	g := &Guard{AllowHTTP: true, AllowPrivate: true, Ports: []uint16{p}, Resolver: n}
	c, err := g.DialContext(t.Context(), "tcp", net.JoinHostPort("hooks.acme.com", strconv.Itoa(int(p))))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if got := c.RemoteAddr().String(); got != srv.Listener.Addr().String() || n.asked.Load() != 1 {
		t.Errorf("connected to %s after %d questions", got, n.asked.Load())
	}
	// The next connection is a new question with a new check.
	if _, err := g.DialContext(t.Context(), "tcp", net.JoinHostPort("hooks.acme.com", strconv.Itoa(int(p)))); fault.Of(err) != fault.Denied {
		t.Errorf("the second answer was accepted: %v", err)
	}
}

// A resolver may write an IPv4 address as IPv6: it is judged and dialled as IPv4.
func TestAnAnswerInIPv6FormIsTheIPv4Address(t *testing.T) {
	srv := httptest.NewServer(http.NotFoundHandler())
	defer srv.Close()
	p := port(t, srv.URL)
	g := &Guard{AllowPrivate: true, Ports: []uint16{p}, Resolver: &names{answers: [][]string{{"::ffff:127.0.0.1"}}}}
	c, err := g.DialContext(t.Context(), "tcp", net.JoinHostPort("hooks.acme.com", strconv.Itoa(int(p))))
	if err != nil {
		t.Fatal(err)
	}
	_ = c.Close()
}

func TestTheSocketsAddressIsCheckedAgain(t *testing.T) {
	var g Guard
	want := netip.MustParseAddrPort("93.184.215.14:443")
	for addr, ok := range map[string]bool{
		"93.184.215.14:443": true, "93.184.215.14:22": false, "127.0.0.1:443": false, "93.184.215.15:443": false, "[::ffff:93.184.215.14]:443": false, "": false,
	} {
		if err := g.control(want)(t.Context(), "tcp", addr, nil); (err == nil) != ok {
			t.Errorf("%s: %v", addr, err)
		}
	}
	inside := netip.MustParseAddrPort("127.0.0.1:443")
	if err := g.control(inside)(t.Context(), "tcp", "127.0.0.1:443", nil); fault.Of(err) != fault.Denied {
		t.Errorf("the expected address was not checked: %v", err)
	}
}

func TestLiteralsAndPortsAreCheckedWhenDialling(t *testing.T) {
	g := &Guard{Resolver: &names{answers: [][]string{{"127.0.0.1"}}}}
	for _, addr := range []string{"127.0.0.1:443", "[::1]:443", "[::ffff:127.0.0.1]:443", "93.184.215.14:22", "acme.com:25", "acme.com:0", "127.1:443", "2130706433:443"} {
		c, err := g.DialContext(t.Context(), "tcp", addr)
		if err == nil {
			_ = c.Close()
		}
		if fault.Of(err) != fault.Denied {
			t.Errorf("%s: %v", addr, err)
		}
	}
}

func TestProxiesOfTheEnvironmentAreNotUsed(t *testing.T) {
	if (&Guard{}).Transport().Proxy != nil {
		t.Error("the transport has a proxy")
	}
}

func TestCertificatesAreChecked(t *testing.T) {
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(204) }))
	srv.Config.ErrorLog = log.New(io.Discard, "", 0) // refused handshakes are the point
	srv.StartTLS()
	defer srv.Close()
	p := port(t, srv.URL)
	to := "https://example.com:" + strconv.Itoa(int(p)) // httptest's certificate is for this name
	g := &Guard{AllowPrivate: true, Ports: []uint16{p}, Resolver: &names{answers: [][]string{{"127.0.0.1"}}}}
	_, err := (&http.Client{Transport: g.Transport()}).Get(to)
	if err == nil || !strings.Contains(reason(err), "certificate") {
		t.Errorf("an unknown authority: %v", err)
	}
	g.Roots = srv.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs
	c := &http.Client{Transport: g.Transport()}
	defer c.CloseIdleConnections()
	resp, err := c.Get(to)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if _, err := c.Get(strings.Replace(to, "example.com", "acme.org", 1)); err == nil || !strings.Contains(reason(err), "certificate") {
		t.Errorf("another name: %v", err)
	}
}
