package capture

import (
	"bytes"
	"errors"
	"io"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"
)

func TestWhatIsWrittenIsReadBack(t *testing.T) {
	at := time.Date(2026, 8, 9, 21, 5, 48, 228568000, time.UTC)
	var b []byte
	b = AppendHeader(b, "KRAKEN", at)
	b = Append(b, "connect", "k#1", "wss://ws.kraken.com/v2", nil, at)
	b = Append(b, "recv", "k#1", "", []byte(`{"a":"\\\"é\n<&>"}`), at.Add(time.Microsecond))
	b = Append(b, "recv", "k#1", "", []byte{0xff, 0x00, 0x1f}, at)
	b = Append(b, "http", "h", "https://api.kraken.com/0/public/AssetPairs", []byte(`{}`), at)
	var z bytes.Buffer
	w, err := zstd.NewWriter(&z)
	if err != nil {
		t.Fatal(err)
	}
	w.Write(b)
	w.Close()
	for name, in := range map[string][]byte{"plain": b, "zstd": z.Bytes()} {
		r, err := NewReader(bytes.NewReader(in))
		if err != nil {
			t.Fatal(err)
		}
		var rec Record
		var got []Record
		for {
			err := r.Next(&rec)
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatal(name, err)
			}
			c := rec
			c.Data = bytes.Clone(rec.Data)
			got = append(got, c)
		}
		if len(got) != 5 || got[0].Exchange != "KRAKEN" || got[1].Kind != Connect || string(got[2].Data) != `{"a":"\\\"é\n<&>"}` ||
			got[2].Addr != "wss://ws.kraken.com/v2" || !got[2].At.Equal(at.Add(time.Microsecond)) || !bytes.Equal(got[3].Data, []byte{0xff, 0x00, 0x1f}) || got[4].URL == "" || got[4].Line != 5 {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

// FuzzReader: no bytes make it panic or loop.
func FuzzReader(f *testing.F) {
	f.Add([]byte(`{"t":"recv","conn":"x","ts":1.5,"data":"a\u00e9"}` + "\n{}\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := NewReader(bytes.NewReader(b))
		if err != nil {
			return
		}
		var rec Record
		for range 1000 {
			if err := r.Next(&rec); errors.Is(err, io.EOF) {
				return
			}
		}
	})
}
