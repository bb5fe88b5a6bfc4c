package capture

import (
	"encoding/base64"
	"encoding/json"
	"strconv"
	"time"
	"unicode/utf8"
)

// AppendHeader appends the first line of a recording.
func AppendHeader(b []byte, exchange string, at time.Time) []byte {
	b = append(b, `{"t":"header","format":2,"exchange":`...)
	b = text(b, exchange)
	b = append(b, `,"recorded":`...)
	b = clock(b, at)
	return append(b, '}', '\n')
}

// Append appends one record as a line. kind is "recv", "send", "connect",
// "disconnect" or "http"; addr is the address of a stream, or the URL of an HTTP
// answer. Data that is no UTF-8 is written as base64.
func Append(b []byte, kind, conn, addr string, data []byte, at time.Time) []byte {
	b = append(b, `{"t":`...)
	b = text(b, kind)
	b = append(b, `,"conn":`...)
	b = text(b, conn)
	b = append(b, `,"ts":`...)
	b = clock(b, at)
	if addr != "" {
		name := `,"addr":`
		if kind == "http" {
			name = `,"url":`
		}
		b = text(append(b, name...), addr)
	}
	if len(data) > 0 {
		if utf8.Valid(data) {
			b = text(append(b, `,"data":`...), string(data))
		} else {
			b = append(b, `,"b64":"`...)
			b = base64.StdEncoding.AppendEncode(b, data)
			b = append(b, '"')
		}
	}
	return append(b, '}', '\n')
}

func text(b []byte, s string) []byte {
	q, err := json.Marshal(s)
	if err != nil { // a string always can be
		return append(b, `""`...)
	}
	return append(b, q...)
}

// clock writes seconds with six decimals.
func clock(b []byte, at time.Time) []byte {
	us := at.UnixMicro()
	b = strconv.AppendInt(b, us/1e6, 10)
	b = append(b, '.')
	f := strconv.FormatInt(us%1e6+1e6, 10)
	return append(b, f[1:]...)
}
