package webhook

import (
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/assayhq/assay/fault"
	"golang.org/x/net/idna"
)

// MaxURL is the most bytes that an endpoint's URL may have.
const MaxURL = 2048

// metadataNames are names under which clouds answer with credentials.
var metadataNames = []string{"metadata", "metadata.google.internal", "metadata.goog", "metadata.azure.internal", "instance-data", "instance-data.ec2.internal", "metadata.tencentyun.com", "metadata.packet.net", "rancher-metadata"}

// localTops are last labels that name something inside a network (RFC 6761, RFC 6762,
// RFC 8375, ICANN's name for private use, and habit).
var localTops = []string{"localhost", "localdomain", "local", "internal", "intranet", "private", "corp", "home", "lan", "arpa", "test", "invalid", "example", "onion"}

// CheckURL reads an endpoint's URL and gives the form to keep, with the host in ASCII and
// lower case. It refuses what is not plainly an address on the public internet; the host's
// addresses are checked when it is called, since a name's addresses change.
func (g *Guard) CheckURL(raw string) (string, error) {
	u, err := g.parse(raw)
	if err != nil {
		return "", err
	}
	return u.String(), nil
}

func bad(format string, args ...any) error { return fault.At(fault.Invalid, "url", format, args...) }

func (g *Guard) parse(raw string) (*url.URL, error) {
	if raw == "" || len(raw) > MaxURL {
		return nil, bad("the URL must have 1 to %d bytes", MaxURL)
	}
	if !utf8.ValidString(raw) {
		return nil, bad("the URL is not valid UTF-8")
	}
	for _, c := range []byte(raw) {
		if c <= ' ' || c == 0x7f || c == '\\' {
			return nil, bad("the URL holds a space, a control character or a backslash; percent-encode it")
		}
	}
	if strings.Contains(raw, "#") {
		return nil, bad("the URL has a fragment (#...), which is never sent; remove it")
	}
	u, err := url.Parse(raw)
	if err != nil || u.Opaque != "" || u.Host == "" {
		return nil, bad("the URL cannot be read; write it as https://host/path")
	}
	if u.Scheme != "https" && !(g.AllowHTTP && u.Scheme == "http") {
		return nil, bad("the URL must begin with https://")
	}
	// The authority as it was written: parsing undoes percent-encoding in it.
	authority := raw[strings.Index(raw, "://")+3:]
	if i := strings.IndexAny(authority, "/?"); i >= 0 {
		authority = authority[:i]
	}
	if u.User != nil || strings.Contains(authority, "@") {
		return nil, bad("the URL must not hold a user name or password; deliveries are signed instead")
	}
	if strings.Contains(authority, "%") {
		return nil, bad("the URL's host must not be percent-encoded")
	}
	if strings.HasSuffix(authority, ":") {
		return nil, bad("the URL's port is empty")
	}
	if err := g.checkPort(u.Scheme, u.Port()); err != nil {
		return nil, err
	}
	host, err := g.host(u.Hostname(), strings.HasPrefix(u.Host, "["))
	if err != nil {
		return nil, err
	}
	if p := u.Port(); p != "" {
		host += ":" + p
	}
	u.Host = host
	if out := u.String(); len(out) > MaxURL {
		return nil, bad("the URL must have at most %d bytes once it is encoded", MaxURL)
	}
	return u, nil
}

// host gives the host as ASCII, brackets included.
func (g *Guard) host(h string, brackets bool) (string, error) {
	if brackets {
		a, err := netip.ParseAddr(h)
		if err != nil || !a.Is6() || a.Zone() != "" {
			return "", bad("what stands in [] is not an IPv6 address without a zone")
		}
		if err := g.CheckAddr(a); err != nil {
			return "", bad("%s", fault.Public(err))
		}
		return "[" + a.String() + "]", nil
	}
	// Lookup mapping: full-width digits and dots become plain ones here, before the
	// check for numbers below.
	name, err := idna.Lookup.ToASCII(h)
	if err != nil {
		return "", bad("the host is not a valid domain name")
	}
	name = strings.ToLower(name)
	// What is kept must read back as itself, or the check at the time of a call would be
	// of another name.
	if again, err := idna.Lookup.ToASCII(name); err != nil || again != name {
		return "", bad("the host is not a valid domain name")
	}
	labels := strings.Split(name, ".")
	last := labels[len(labels)-1]
	if last == "" {
		return "", bad("the host ends in a full stop; remove it")
	}
	if numeric(last) {
		a, err := netip.ParseAddr(name)
		if err != nil || !a.Is4() || a.String() != name {
			return "", bad("the host is a number in an unusual form; write an IPv4 address as four decimal numbers without leading zeros")
		}
		if err := g.CheckAddr(a); err != nil {
			return "", bad("%s", fault.Public(err))
		}
		return name, nil
	}
	if !plain(labels) {
		return "", bad("the host is not a valid domain name")
	}
	if slices.Contains(metadataNames, name) {
		return "", bad("the host is a cloud metadata name, which is refused")
	}
	if !g.AllowPrivate && (len(labels) < 2 || slices.Contains(localTops, last)) {
		return "", bad("the host is a name inside a network; use a public domain name")
	}
	return name, nil
}

// numeric tells whether a last label makes resolvers of the inet_aton kind read the whole
// host as a number (WHATWG URL, "ends in a number").
func numeric(label string) bool {
	if hex, ok := strings.CutPrefix(label, "0x"); ok {
		return strings.Trim(hex, "0123456789abcdef") == ""
	}
	return strings.Trim(label, "0123456789") == ""
}

// plain tells whether every label has 1 to 63 letters, digits and inner hyphens.
func plain(labels []string) bool {
	total := 0
	for _, l := range labels {
		total += len(l) + 1
		if l == "" || len(l) > 63 || l[0] == '-' || l[len(l)-1] == '-' {
			return false
		}
		for _, c := range []byte(l) {
			if !(c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '-') {
				return false
			}
		}
	}
	return total <= 254
}

func (g *Guard) checkPort(scheme, port string) error {
	n := 443
	if scheme == "http" {
		n = 80
	}
	if port != "" {
		v, err := strconv.ParseUint(port, 10, 16)
		if err != nil || strconv.FormatUint(v, 10) != port {
			return bad("the URL's port is not a number from 1 to 65535")
		}
		n = int(v)
	}
	if !slices.Contains(g.ports(), uint16(n)) {
		return bad("port %d is refused; the ports allowed are %v", n, g.ports())
	}
	return nil
}
