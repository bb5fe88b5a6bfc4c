package venue

import (
	"bytes"
	"compress/gzip"
	"strings"
	"testing"
)

func pack(t testing.TB, text string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// Frames come out as they went in, one after the other, whatever was between them; plain
// text passes; what is cut, spoiled, doubled or too large does not.
func TestFramesAreUnpackedWholeOrNotAtAll(t *testing.T) {
	var g Gunzip
	const limit = 1 << 10
	big := pack(t, strings.Repeat("0", 64<<20)) // 64 MB in 64 KB
	for range 2 {
		for _, text := range []string{`{"ping":1}`, "", strings.Repeat("x", limit)} {
			got, err := g.Unpack(pack(t, text), limit)
			if err != nil || string(got) != text {
				t.Fatalf("%.20q: %.20q, %v", text, got, err)
			}
		}
		if got, err := g.Unpack([]byte(`{"a":1}`), limit); err != nil || string(got) != `{"a":1}` {
			t.Errorf("plain text: %q, %v", got, err)
		}
		whole := pack(t, `{"ping":1618678073643}`)
		for n := 2; n < len(whole); n++ {
			if got, err := g.Unpack(whole[:n], limit); err == nil {
				t.Fatalf("%d bytes of %d were unpacked: %q", n, len(whole), got)
			}
		}
		spoiled := bytes.Clone(whole)
		spoiled[len(spoiled)-6] ^= 1 // its checksum
		for name, frame := range map[string][]byte{
			"a spoiled frame": spoiled, "two frames in one": append(bytes.Clone(whole), whole...), "a frame and a tail": append(bytes.Clone(whole), '{'),
			"one byte too many": pack(t, strings.Repeat("x", limit+1)), "a bomb": big,
		} {
			if got, err := g.Unpack(frame, limit); err == nil {
				t.Errorf("%s was unpacked: %.40q", name, got)
			}
		}
		if held := g.out.Cap(); held > 8*limit {
			t.Errorf("a bomb made it hold %d bytes", held)
		}
	}
}

func FuzzGunzip(f *testing.F) {
	f.Add(pack(f, `{"ping":1}`))
	f.Add([]byte(`{"ping":1}`))
	f.Fuzz(func(t *testing.T, frame []byte) {
		var g Gunzip
		if out, err := g.Unpack(frame, 1<<10); err == nil && len(out) > max(1<<10, len(frame)) {
			t.Errorf("%d bytes of %d allowed", len(out), 1<<10)
		}
	})
}

func BenchmarkGunzip(b *testing.B) {
	var g Gunzip
	frame := pack(b, strings.Repeat(`[26.5766,50],[26.5699,152],[26.5628,152],`, 100))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := g.Unpack(frame, 1<<20); err != nil {
			b.Fatal(err)
		}
	}
}
