// Package capture reads recorded exchange sessions: JSON lines, plain or zstd,
// where the first line is a header and each further line is one request, answer,
// connection or message with our time of it. It is also how Assay's own recordings
// are written. It knows nothing of what the messages mean. normalize, replay, bench
// and the raw-frame export use it.
package capture

import (
	"bufio"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"time"

	"github.com/klauspost/compress/zstd"

	"github.com/assayhq/assay/internal/scan"
)

// Kind is what a record is of.
type Kind byte

// The kinds of record.
const (
	Other      Kind = iota
	Header          // what was recorded and when
	HTTP            // a request and its answer
	Connect         // a stream was opened to Addr
	Disconnect      // it was closed
	Send            // we sent Data
	Recv            // the venue sent Data
)

// Record is one line.
type Record struct {
	Kind     Kind
	Line     int64 // 1-based, the header included
	Conn     string
	URL      string // of an HTTP request
	Addr     string // of a stream
	Exchange string // of a header
	At       time.Time
	Data     []byte // valid until the next record unless the reader was told to keep
}

// maxLine bounds one record: the largest real one seen is a book of 5 MB.
const maxLine = 256 << 20

// Reader reads records in file order.
type Reader struct {
	r     *bufio.Reader
	zr    *zstd.Decoder
	f     io.Closer
	line  int64
	buf   []byte
	data  []byte
	addrs map[string]string // conn to address, for records that do not repeat it
	words map[string]string
}

// Open opens a file; zstd is recognized by its content.
func Open(path string) (*Reader, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	r, err := NewReader(f)
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	r.f = f
	return r, nil
}

// NewReader reads from r.
func NewReader(r io.Reader) (*Reader, error) {
	br := bufio.NewReaderSize(r, 1<<16)
	out := &Reader{addrs: map[string]string{}, words: map[string]string{}}
	head, err := br.Peek(4)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	if len(head) == 4 && head[0] == 0x28 && head[1] == 0xb5 && head[2] == 0x2f && head[3] == 0xfd {
		zr, err := zstd.NewReader(br, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(1<<30))
		if err != nil {
			return nil, err
		}
		out.zr = zr
		br = bufio.NewReaderSize(zr, 1<<18)
	}
	out.r = br
	return out, nil
}

// Close closes the file.
func (r *Reader) Close() error {
	if r.zr != nil {
		r.zr.Close()
	}
	if r.f != nil {
		return r.f.Close()
	}
	return nil
}

// Next reads the next record into rec; io.EOF at the end. A line that is no record
// is an error with its number; reading can go on after it.
func (r *Reader) Next(rec *Record) error {
	for {
		line, err := r.readLine()
		if err != nil {
			return err
		}
		r.line++
		if len(line) == 0 {
			continue
		}
		*rec = Record{Line: r.line}
		if err := r.parse(line, rec); err != nil {
			return fmt.Errorf("line %d: %w", r.line, err)
		}
		return nil
	}
}

func (r *Reader) readLine() ([]byte, error) {
	r.buf = r.buf[:0]
	for {
		part, err := r.r.ReadSlice('\n')
		if err == nil && len(r.buf) == 0 {
			return trim(part), nil
		}
		r.buf = append(r.buf, part...)
		switch {
		case err == nil:
			return trim(r.buf), nil
		case errors.Is(err, bufio.ErrBufferFull):
			if len(r.buf) > maxLine {
				return nil, fmt.Errorf("line %d is longer than %d MB", r.line+1, maxLine>>20)
			}
		case errors.Is(err, io.EOF) && len(r.buf) > 0:
			return trim(r.buf), nil
		default:
			return nil, err
		}
	}
}

func trim(b []byte) []byte {
	for len(b) > 0 && (b[len(b)-1] == '\n' || b[len(b)-1] == '\r') {
		b = b[:len(b)-1]
	}
	return b
}

func (r *Reader) word(b []byte) string {
	if s, ok := r.words[string(b)]; ok {
		return s
	}
	s := string(b)
	if len(r.words) < 4096 {
		r.words[s] = s
	}
	return s
}

func (r *Reader) parse(line []byte, rec *Record) error {
	c := scan.New(line)
	var inside []byte
	b64 := false
	for ok := c.Obj(); ok && c.NextKey(); {
		switch string(c.K) {
		case "t":
			switch string(c.Str()) {
			case "header":
				rec.Kind = Header
			case "http":
				rec.Kind = HTTP
			case "connect":
				rec.Kind = Connect
			case "disconnect":
				rec.Kind = Disconnect
			case "send":
				rec.Kind = Send
			case "recv":
				rec.Kind = Recv
			}
		case "conn":
			rec.Conn = r.word(c.Str())
		case "url":
			rec.URL = r.word(c.Str())
		case "addr":
			rec.Addr = r.word(c.Str())
		case "exchange":
			rec.Exchange = r.word(c.Str())
		case "ts", "recorded":
			rec.At = seconds(&c)
		case "data":
			if c.Peek() == '"' {
				inside = c.Inside()
			} else {
				c.Skip()
			}
		case "b64":
			inside, b64 = c.Inside(), true
		default:
			c.Skip()
		}
	}
	if err := c.End(); err != nil {
		return err
	}
	r.data = r.data[:0]
	if b64 {
		buf := grow(r.data, base64.StdEncoding.DecodedLen(len(inside)))
		n, err := base64.StdEncoding.Decode(buf, inside)
		if err != nil {
			return fmt.Errorf("b64: %w", err)
		}
		r.data = buf[:n]
	} else if inside != nil {
		ok := true
		if r.data, ok = scan.Unescape(r.data, inside); !ok {
			return errors.New("data: bad escape in string")
		}
	}
	rec.Data = r.data
	if rec.Addr != "" {
		r.addrs[rec.Conn] = rec.Addr
	} else {
		rec.Addr = r.addrs[rec.Conn]
	}
	return nil
}

func grow(b []byte, n int) []byte {
	if cap(b) < n {
		return make([]byte, n)
	}
	return b[:n]
}

// seconds reads our time of a record; it was written as a float of seconds, so it
// is good to the microsecond.
func seconds(c *scan.Cursor) time.Time {
	d := c.Decimal()
	f := d.Float64()
	if math.IsNaN(f) || f <= 0 || f > 1e11 {
		return time.Time{}
	}
	if n, err := d.Round(6).Rescale(6); err == nil {
		return time.UnixMicro(int64(n.Coef())).UTC()
	}
	return time.Time{}
}
