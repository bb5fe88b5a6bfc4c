package webhook

import (
	"net/netip"

	"github.com/assayhq/assay/fault"
)

type block struct {
	prefix netip.Prefix
	what   string
}

// metadata are addresses at which clouds hand out credentials to whoever asks from
// inside. They stay refused when private addresses are allowed. Some stand alone because
// no other block covers them.
var metadata = []block{
	{netip.MustParsePrefix("169.254.169.254/32"), "a cloud metadata address"}, // AWS, Azure, Google, Oracle, DigitalOcean
	{netip.MustParsePrefix("169.254.170.0/24"), "a cloud metadata address"},   // AWS container credentials
	{netip.MustParsePrefix("100.100.100.200/32"), "a cloud metadata address"}, // Alibaba
	{netip.MustParsePrefix("192.0.0.192/32"), "a cloud metadata address"},     // Oracle, older
	{netip.MustParsePrefix("168.63.129.16/32"), "a cloud metadata address"},   // Azure's platform channel, a public address
	{netip.MustParsePrefix("fd00:ec2::/32"), "a cloud metadata address"},      // AWS
	{netip.MustParsePrefix("fd20:ce::/32"), "a cloud metadata address"},       // Google
	{netip.MustParsePrefix("fd00:42::42/128"), "a cloud metadata address"},    // Scaleway
}

// inside are the blocks that AllowPrivate opens.
var inside = []block{
	{netip.MustParsePrefix("10.0.0.0/8"), "a private address"},     // RFC 1918
	{netip.MustParsePrefix("172.16.0.0/12"), "a private address"},  //
	{netip.MustParsePrefix("192.168.0.0/16"), "a private address"}, //
	{netip.MustParsePrefix("127.0.0.0/8"), "a loopback address"},
	{netip.MustParsePrefix("::1/128"), "a loopback address"},
	{netip.MustParsePrefix("100.64.0.0/10"), "a carrier NAT address"}, // RFC 6598
	{netip.MustParsePrefix("fc00::/7"), "a unique local address"},     // RFC 4193
}

// never are the blocks in which no receiver lives (IANA special-purpose registries), and
// IPv6 blocks that carry an IPv4 address inside, which a gateway may unpack behind our back.
var never = []block{
	{netip.MustParsePrefix("0.0.0.0/8"), "an unspecified address"},
	{netip.MustParsePrefix("169.254.0.0/16"), "a link-local address"},
	{netip.MustParsePrefix("192.0.0.0/24"), "a protocol address"},
	{netip.MustParsePrefix("192.0.2.0/24"), "a documentation address"},
	{netip.MustParsePrefix("192.88.99.0/24"), "a 6to4 relay address"},
	{netip.MustParsePrefix("198.18.0.0/15"), "a benchmark address"},
	{netip.MustParsePrefix("198.51.100.0/24"), "a documentation address"},
	{netip.MustParsePrefix("203.0.113.0/24"), "a documentation address"},
	{netip.MustParsePrefix("224.0.0.0/4"), "a multicast address"},
	{netip.MustParsePrefix("240.0.0.0/4"), "a reserved or broadcast address"},

	{netip.MustParsePrefix("::/128"), "an unspecified address"},
	{netip.MustParsePrefix("::ffff:0:0/96"), "an IPv4 address inside IPv6"},
	{netip.MustParsePrefix("::ffff:0:0:0/96"), "an IPv4 address inside IPv6"}, // RFC 2765
	{netip.MustParsePrefix("::/96"), "an IPv4 address inside IPv6"},           // RFC 4291, deprecated
	{netip.MustParsePrefix("64:ff9b::/96"), "a NAT64 address"},                // RFC 6052
	{netip.MustParsePrefix("64:ff9b:1::/48"), "a NAT64 address"},              // RFC 8215
	{netip.MustParsePrefix("100::/64"), "a discard address"},
	{netip.MustParsePrefix("2001::/32"), "a Teredo address"},
	{netip.MustParsePrefix("2001:2::/48"), "a benchmark address"},
	{netip.MustParsePrefix("2001:db8::/32"), "a documentation address"},
	{netip.MustParsePrefix("2001::/23"), "a protocol address"},
	{netip.MustParsePrefix("2002::/16"), "a 6to4 address"},
	{netip.MustParsePrefix("3fff::/20"), "a documentation address"},
	{netip.MustParsePrefix("fe80::/10"), "a link-local address"},
	{netip.MustParsePrefix("fec0::/10"), "a site-local address"},
	{netip.MustParsePrefix("ff00::/8"), "a multicast address"},
}

// global is the only block of IPv6 that is routed between networks.
var global = netip.MustParsePrefix("2000::/3")

func within(list []block, a netip.Addr) (what string, ok bool) {
	for _, b := range list {
		if b.prefix.Contains(a) {
			return b.what, true
		}
	}
	return "", false
}

// CheckAddr refuses addresses that are not on the public internet, with fault.Denied.
// The error says the sort of address, never the address: the owner of an endpoint must not
// learn what our resolver knows.
func (g *Guard) CheckAddr(a netip.Addr) error {
	if !a.IsValid() {
		return fault.New(fault.Denied, "the host has no valid address")
	}
	if a.Zone() != "" {
		return fault.New(fault.Denied, "the host is an address with a zone, which is refused")
	}
	if what, ok := within(metadata, a); ok {
		return refused(what)
	}
	if what, ok := within(inside, a); ok {
		if g.AllowPrivate {
			return nil
		}
		return refused(what)
	}
	if what, ok := within(never, a); ok {
		return refused(what)
	}
	if a.Is6() {
		if !global.Contains(a) {
			return refused("an address outside the public IPv6 space")
		}
		// ISATAP (RFC 5214): 0000:5efe or 0200:5efe before an IPv4 address.
		if b := a.As16(); b[8]&^2 == 0 && b[9] == 0 && b[10] == 0x5e && b[11] == 0xfe {
			return refused("an ISATAP address")
		}
	}
	return nil
}

func refused(what string) error {
	return fault.New(fault.Denied, "the host is %s, which is refused; use a public address", what)
}
