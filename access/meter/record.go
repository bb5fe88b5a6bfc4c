package meter

import (
	"bufio"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"

	"github.com/assayhq/assay/fault"
)

// A segment is the magic and then records: length of the payload (4 bytes, little
// endian), CRC-32C of the payload (4 bytes), payload. An origin payload says of which
// run the rows after it are; a row payload is the sum so far of one counter.
const (
	magic      = "assaymt1"
	maxText    = 255
	maxPayload = 2048
	kindOrigin = 1
	kindRow    = 2
)

var (
	table     = crc32.MakeTable(crc32.Castagnoli)
	errDamage = errors.New("damaged record")
)

// frame appends a record whose payload fill appends.
func frame(b []byte, fill func([]byte) []byte) []byte {
	n := len(b)
	b = fill(append(b, 0, 0, 0, 0, 0, 0, 0, 0))
	p := b[n+8:]
	binary.LittleEndian.PutUint32(b[n:], uint32(len(p)))
	binary.LittleEndian.PutUint32(b[n+4:], crc32.Checksum(p, table))
	return b
}

func appendText(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

func appendOrigin(b []byte, o Origin) []byte {
	return binary.LittleEndian.AppendUint64(appendText(append(b, kindOrigin), o.Node), o.Boot)
}

func appendSeries(b []byte, s *series) []byte {
	b = appendText(appendText(b, s.key.App), s.key.Ring)
	b = appendText(appendText(b, s.key.Key), s.key.Class)
	return binary.AppendVarint(append(b, s.key.Status), s.hour)
}

func appendRow(b []byte, r *row) []byte {
	b = appendSeries(append(b, kindRow), &r.series)
	for _, v := range [...]uint64{r.seq, uint64(r.Requests), uint64(r.Units), uint64(r.Bytes)} {
		b = binary.AppendUvarint(b, v)
	}
	return b
}

// decoder reads a payload; bad stays set after the first mistake.
type decoder struct {
	b   []byte
	bad bool
}

func (d *decoder) fail() { d.b, d.bad = nil, true }

func (d *decoder) uvarint() uint64 {
	v, n := binary.Uvarint(d.b)
	if n <= 0 {
		d.fail()
		return 0
	}
	d.b = d.b[n:]
	return v
}

func (d *decoder) count() int64 {
	v := d.uvarint()
	if v > 1<<62 {
		d.fail()
		return 0
	}
	return int64(v)
}

func (d *decoder) byte() uint8 {
	if len(d.b) == 0 {
		d.fail()
		return 0
	}
	v := d.b[0]
	d.b = d.b[1:]
	return v
}

func (d *decoder) text() string {
	n := d.uvarint()
	if n > maxText || n > uint64(len(d.b)) {
		d.fail()
		return ""
	}
	s := string(d.b[:n])
	d.b = d.b[n:]
	return s
}

// parse reads one payload. o is the origin in force, which an origin payload changes;
// isRow tells whether r was read.
func parse(p []byte, o *Origin) (r row, isRow bool, err error) {
	d := &decoder{b: p}
	switch d.byte() {
	case kindOrigin:
		n := Origin{Node: d.text()}
		if len(d.b) != 8 || n.Node == "" {
			return r, false, errDamage
		}
		n.Boot = binary.LittleEndian.Uint64(d.b)
		*o = n
		return r, false, nil
	case kindRow:
		r.origin = *o
		r.key = Key{App: d.text(), Ring: d.text(), Key: d.text(), Class: d.text(), Status: d.byte()}
		m, n := binary.Varint(d.b)
		if n <= 0 || m < 0 || m > 1<<40 {
			return r, false, errDamage
		}
		d.b = d.b[n:]
		r.hour, r.seq = m, d.uvarint()
		r.Requests, r.Units, r.Bytes = d.count(), d.count(), d.count()
		if d.bad || len(d.b) > 0 || o.Node == "" {
			return row{}, false, errDamage
		}
		return r, true, nil
	}
	return r, false, errDamage
}

// readSegment gives the rows of a segment to put. It answers how many bytes are whole;
// the error is nil only when nothing but those is there.
func readSegment(in io.Reader, put func(row)) (int64, error) {
	r := bufio.NewReaderSize(in, 64<<10)
	var head [8]byte
	damage := func(at int64, err error) (int64, error) {
		if err != errDamage && err != io.ErrUnexpectedEOF && err != io.EOF {
			return at, fault.Wrap(fault.Unavailable, err, "the usage file cannot be read at byte %d", at)
		}
		return at, fault.Wrap(fault.Invalid, errDamage, "the usage file is damaged or cut off at byte %d", at)
	}
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return damage(0, err)
	}
	if string(head[:]) != magic {
		return damage(0, errDamage)
	}
	var o Origin
	buf := make([]byte, maxPayload)
	for at := int64(len(magic)); ; {
		if _, err := io.ReadFull(r, head[:]); err == io.EOF {
			return at, nil
		} else if err != nil {
			return damage(at, err)
		}
		n := binary.LittleEndian.Uint32(head[:])
		if n > maxPayload {
			return damage(at, errDamage)
		}
		p := buf[:n]
		if _, err := io.ReadFull(r, p); err != nil {
			return damage(at, err)
		}
		if crc32.Checksum(p, table) != binary.LittleEndian.Uint32(head[4:]) {
			return damage(at, errDamage)
		}
		v, isRow, err := parse(p, &o)
		if err != nil {
			return damage(at, err)
		}
		if isRow {
			put(v)
		}
		at += int64(len(head)) + int64(n)
	}
}
