package api

import (
	"net/netip"
	"testing"
)

// A network that is taken is exactly what it says: it reads back as itself, has no bits
// behind its length, and holds its own address, so nobody is let in by a way of writing.
func FuzzNetworks(f *testing.F) {
	for _, s := range []string{"203.0.113.7", "203.0.113.0/24", "203.0.113.7/24", "2001:db8::/32", "::ffff:10.0.0.0/104", "fe80::1%eth0", "0.0.0.0/0", "::/0", "10.0.0.0/33", "010.0.0.1", "1.2.3", "/8", " 10.0.0.1", "10.0.0.1/08"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		list, err := networks([]string{s})
		if err != nil {
			return
		}
		p := list[0]
		if len(list) != 1 || !p.IsValid() || p != p.Masked() || !p.Contains(p.Addr()) || p.Addr().Is4In6() || p.Addr().Zone() != "" {
			t.Fatalf("%q gives %v", s, p)
		}
		if back, err := netip.ParsePrefix(p.String()); err != nil || back != p {
			t.Fatalf("%q gives %v, which reads as %v, %v", s, p, back, err)
		}
		if again, err := networks([]string{p.String()}); err != nil || again[0] != p {
			t.Fatalf("%q gives %v, which is not taken: %v", s, p, err)
		}
	})
}
