package webhook

import (
	"net/netip"
	"net/url"
	"strings"
	"testing"

	"github.com/assayhq/assay/fault"
)

func TestGoodURLsAreKeptInOneForm(t *testing.T) {
	var g Guard
	for in, want := range map[string]string{
		"https://hooks.acme.com/in?token=a%20b":                "https://hooks.acme.com/in?token=a%20b",
		"https://HOOKS.Acme.COM/In":                            "https://hooks.acme.com/In",
		"HTTPS://hooks.acme.com:8443":                          "https://hooks.acme.com:8443",
		"https://hooks.acme.com:443/":                          "https://hooks.acme.com:443/",
		"https://bücher.de/":                                   "https://xn--bcher-kva.de/",
		"https://xn--bcher-kva.de/":                            "https://xn--bcher-kva.de/",
		"https://93.184.215.14/x":                              "https://93.184.215.14/x",
		"https://[2606:2800:21f:cb07:6820:80da:af6b:8b2c]/":    "https://[2606:2800:21f:cb07:6820:80da:af6b:8b2c]/",
		"https://[2606:2800:21F::1]:8443/":                     "https://[2606:2800:21f::1]:8443/",
		"https://1.acme.com/":                                  "https://1.acme.com/",
		"https://hooks.slack.com/services/T0/B0/x?u=http://a@": "https://hooks.slack.com/services/T0/B0/x?u=http://a@",
	} {
		got, err := g.CheckURL(in)
		if err != nil || got != want {
			t.Errorf("%s: got %s, %v", in, got, err)
		}
	}
}

// hostile are URLs that must never be registered: the corpus of what has fooled others.
var hostile = []string{
	// not https
	"", "http://acme.com/", "ftp://acme.com/", "file:///etc/passwd", "gopher://acme.com:25/_x", "//acme.com/", "acme.com", "https:acme.com", "https:///x", "javascript:alert(1)", "https://",
	// parts that do not belong
	"https://user@acme.com/", "https://user:pw@acme.com/", "https://@acme.com/", "https://acme.com#f", "https://acme.com/#", "https://acme.com:/", "https://acme.com@127.0.0.1/", "https://127.0.0.1#@acme.com/",
	`https://acme.com\@127.0.0.1/`, `https://acme.com/a\b`, "https://acme.com\t/", "https://acme.com/a b", "https://acme.com/\r\nX: y", " https://acme.com", "https://acme.com/\x00",
	// ports
	"https://acme.com:22/", "https://acme.com:80/", "https://acme.com:6379/", "https://acme.com:0443/", "https://acme.com:65979/", "https://acme.com:-1/", "https://acme.com:x/", "https://acme.com:443:443/",
	// inside, plainly
	"https://127.0.0.1/", "https://127.8.8.8/", "https://10.1.2.3/", "https://172.16.0.1/", "https://172.31.255.255/", "https://192.168.1.1/", "https://100.64.0.1/", "https://100.127.255.254/", "https://169.254.1.1/", "https://0.0.0.0/", "https://0.1.2.3/",
	"https://192.0.0.8/", "https://192.0.2.1/", "https://198.18.0.1/", "https://198.19.255.255/", "https://198.51.100.7/", "https://203.0.113.9/", "https://224.0.0.1/", "https://239.255.255.250/", "https://240.0.0.1/", "https://255.255.255.255/", "https://192.88.99.1/",
	// numbers in other clothes
	"https://2130706433/", "https://017700000001/", "https://0x7f000001/", "https://0X7F000001/", "https://0x7f.1/", "https://127.1/", "https://127.0.1/", "https://0177.0.0.1/", "https://0177.0.0.01/", "https://0x7f.0x0.0x0.0x1/", "https://127.0.0.0x1/", "https://0x/", "https://1.1.1.1.1/", "https://256.1.1.1/", "https://0/", "https://00/",
	"https://127.0.0.1./", "https://3232235777/", "https://127.000.000.001/", "https://１２７.0.0.1/", "https://127。0。0。1/", "https://①②⑦.0.0.1/", "https://%31%32%37.0.0.1/", "https://127%2e0%2e0%2e1/", "https://%EF%BC%91.1.1.1/",
	"https://93.184.215.014/", "https://0x5d.184.215.14/",
	// IPv6, and IPv4 inside it
	"https://[::]/", "https://[::1]/", "https://[0:0:0:0:0:0:0:1]/", "https://[::127.0.0.1]/", "https://[::ffff:127.0.0.1]/", "https://[::ffff:7f00:1]/", "https://[::ffff:8.8.8.8]/", "https://[::ffff:0:127.0.0.1]/", "https://[64:ff9b::127.0.0.1]/", "https://[64:ff9b::a9fe:a9fe]/", "https://[64:ff9b:1::a00:1]/",
	"https://[2002:7f00:1::]/", "https://[2002:a9fe:a9fe::1]/", "https://[2001::1]/", "https://[2001:0:4136:e378:8000:63bf:3fff:fdd2]/", "https://[2001:db8::1]/", "https://[2001:2::1]/", "https://[3fff::1]/", "https://[fc00::1]/", "https://[fd12:3456::1]/", "https://[fe80::1]/", "https://[fe80::1%25eth0]/", "https://[fec0::1]/", "https://[ff02::1]/", "https://[100::1]/", "https://[4000::1]/", "https://[2606:2800::5efe:7f00:1]/", "https://[2606:2800::200:5efe:10.0.0.1]/",
	"https://[::1/", "https://::1/", "https://[127.0.0.1]/", "https://[acme.com]/", "https://[]/",
	// metadata
	"https://169.254.169.254/latest/meta-data/", "https://169.254.170.2/", "https://100.100.100.200/", "https://192.0.0.192/", "https://168.63.129.16/", "https://[fd00:ec2::254]/", "https://[fd20:ce::254]/", "https://metadata.google.internal/", "https://METADATA.google.internal/", "https://metadata/", "https://instance-data/", "https://metadata.tencentyun.com/", "https://metadata.goog/", "https://2852039166/", "https://0xa9fea9fe/", "https://[::ffff:a9fe:a9fe]/", "https://metadata.google.internal./",
	// names inside
	"https://localhost/", "https://LOCALHOST/", "https://foo.localhost/", "https://localhost./", "https://db/", "https://printer.local/", "https://vault.internal/", "https://1.0.0.127.in-addr.arpa/", "https://router.lan/", "https://x.home.arpa/", "https://ⓛocalhost/", "https://acme.test/",
	// names that are none
	"https://-acme.com/", "https://acme..com/", "https://.acme.com/", "https://acme.com./", "https://a_b.acme.com/", "https://acme!.com/", "https://acme.com,127.0.0.1/", "https://ac me.com/", "https://*/", "https://xn--a/", "https://0.\xad", "https://" + strings.Repeat("a", 64) + ".com/", "https://" + strings.Repeat("a.", 127) + "com/",
	"https://acme.com/" + strings.Repeat("a", MaxURL),
}

func TestHostileURLsAreRefused(t *testing.T) {
	var g Guard
	for _, s := range hostile {
		if got, err := g.CheckURL(s); fault.Of(err) != fault.Invalid || fault.Field(err) != "url" {
			t.Errorf("%.80q became %q, %v", s, got, err)
		}
	}
}

func TestWhatAnOperatorMayAllow(t *testing.T) {
	g := Guard{AllowHTTP: true, AllowPrivate: true}
	for _, s := range []string{"http://127.0.0.1/", "http://db/", "https://vault.internal:8443/", "https://10.0.0.1/", "https://[::1]/", "https://[fd12::1]/", "http://localhost/"} {
		if _, err := g.CheckURL(s); err != nil {
			t.Errorf("%s: %v", s, err)
		}
	}
	for _, s := range []string{"http://169.254.169.254/", "http://metadata/", "http://metadata.google.internal/", "http://[fd00:ec2::254]/", "http://100.100.100.200/", "http://[fe80::1]/", "http://0.0.0.0/", "http://127.1/", "http://[::ffff:127.0.0.1]/", "http://127.0.0.1:22/", "http://user@db/"} {
		if _, err := g.CheckURL(s); err == nil {
			t.Errorf("%s is allowed", s)
		}
	}
}

func TestAddressesAtTheEdgesOfBlocks(t *testing.T) {
	var g Guard
	for a, ok := range map[string]bool{
		"9.255.255.255": true, "10.0.0.0": false, "10.255.255.255": false, "11.0.0.0": true,
		"100.63.255.255": true, "100.64.0.0": false, "100.127.255.255": false, "100.128.0.0": true,
		"172.15.255.255": true, "172.16.0.0": false, "172.31.255.255": false, "172.32.0.0": true,
		"192.167.255.255": true, "192.168.0.0": false, "192.169.0.0": true, "198.17.255.255": true, "198.20.0.0": true,
		"223.255.255.255": true, "224.0.0.0": false, "126.255.255.255": true, "128.0.0.0": true, "169.253.255.255": true, "169.255.0.0": true,
		"168.63.129.15": true, "168.63.129.16": false,
		"1fff:ffff::1": false, "2001:200::1": true, "2001:1ff::1": false, "2001:db7::1": true, "2001:db9::1": true, "2003::1": true, "3ffe::1": true, "3fff:1000::1": true,
		"::ffff:8.8.8.8": false, "fe80::1%eth0": false, "2606::1%x": false,
	} {
		if err := g.CheckAddr(netip.MustParseAddr(a)); (err == nil) != ok {
			t.Errorf("%s: %v", a, err)
		} else if err != nil && (fault.Of(err) != fault.Denied || strings.Contains(err.Error(), a)) {
			t.Errorf("%s: kind or text of %v", a, err)
		}
	}
	if g.CheckAddr(netip.Addr{}) == nil {
		t.Error("no address is allowed")
	}
}

func FuzzCheckURL(f *testing.F) {
	for _, s := range hostile {
		f.Add(s)
	}
	f.Add("https://hooks.acme.com:8443/in?a=b")
	f.Add("https://bücher.de/ü?ü")
	f.Fuzz(func(t *testing.T, s string) {
		var g Guard
		got, err := g.CheckURL(s)
		if err != nil {
			return
		}
		again, err := g.CheckURL(got)
		if err != nil || again != got {
			t.Fatalf("%q became %q, then %q, %v", s, got, again, err)
		}
		u, err := url.Parse(got)
		if err != nil || u.Scheme != "https" || u.User != nil || u.Fragment != "" || u.Port() != "" && u.Port() != "443" && u.Port() != "8443" {
			t.Fatalf("%q became %q", s, got)
		}
		if a, err := netip.ParseAddr(u.Hostname()); err == nil && g.CheckAddr(a) != nil {
			t.Fatalf("%q is %v", s, a)
		} else if err != nil && !strings.Contains(u.Hostname(), ".") {
			t.Fatalf("%q is a local name", s)
		}
		for _, c := range []byte(u.Host) {
			if c >= 0x80 {
				t.Fatalf("host %q is not ASCII", u.Host)
			}
		}
	})
}
