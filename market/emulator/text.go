package emulator

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"
	"time"
)

// fixed writes n×10^-scale with all its decimals: 30243.50.
func fixed(b []byte, n int64, scale int) []byte {
	if n < 0 {
		b, n = append(b, '-'), -n
	}
	s := strconv.FormatInt(n, 10)
	for len(s) <= scale {
		s = "0" + s
	}
	b = append(b, s[:len(s)-scale]...)
	if scale > 0 {
		b = append(append(b, '.'), s[len(s)-scale:]...)
	}
	return b
}

// plain writes n×10^-scale without zeros at the end: 30243.5.
func plain(b []byte, n int64, scale int) []byte {
	for scale > 0 && n%10 == 0 {
		n, scale = n/10, scale-1
	}
	return fixed(b, n, scale)
}

func fixedText(n int64, scale int) string { return string(fixed(nil, n, scale)) }
func plainText(n int64, scale int) string { return string(plain(nil, n, scale)) }

// longer writes n×10^-scale with more decimals than it has: Binance's eight.
func longer(n int64, scale, show int) string {
	for ; scale < show; scale++ {
		n *= 10
	}
	return fixedText(n, scale)
}

// ratio is a/b-1 with dp decimals, as venues state a day's change.
func ratio(a, b int64, dp int) string {
	if b == 0 {
		return "0"
	}
	return strconv.FormatFloat(float64(a)/float64(b)-1, 'f', dp, 64)
}

func ms(t time.Time) int64 { return t.UnixMilli() }
func us(t time.Time) int64 { return t.UnixMicro() }

func itoa(n int64) string { return strconv.FormatInt(n, 10) }

// micro writes a time with six decimals: 2026-08-09T21:05:48.170326Z.
func micro(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000000Z") }

// seconds writes unix seconds with six decimals.
func seconds(t time.Time) string { return fixedText(t.UnixMicro(), 6) }

// rows writes rungs as [["price","size"<tail>],…] with the given writers.
func rows(b []byte, side []rung, write func(b []byte, r rung) []byte) []byte {
	b = append(b, '[')
	for i, r := range side {
		if i > 0 {
			b = append(b, ',')
		}
		b = write(b, r)
	}
	return append(b, ']')
}

// quoted is a JSON string of plain text.
func quoted(s string) string { return strconv.Quote(s) }

// jsonText is any text as a JSON string.
func jsonText(s string) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.Encode(s)
	return bytes.TrimSpace(b.Bytes())
}

// list writes strings as a JSON array.
func list(xs []string) string {
	out := make([]string, len(xs))
	for i, x := range xs {
		out[i] = quoted(x)
	}
	return "[" + strings.Join(out, ",") + "]"
}

// reversed gives a copy, last first.
func reversed[T any](xs []T) []T {
	out := make([]T, len(xs))
	for i, x := range xs {
		out[len(xs)-1-i] = x
	}
	return out
}

// lastN gives the last n of a slice, firstN the first.
func lastN[T any](xs []T, n int) []T { return xs[max(0, len(xs)-n):] }

func firstN[T any](xs []T, n int) []T { return xs[:min(n, len(xs))] }
