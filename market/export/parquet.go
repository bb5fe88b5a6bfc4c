package export

import (
	"cmp"
	"encoding/binary"
	"io"
	"maps"
	"math/bits"
	"slices"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/compress/zstd"

	"github.com/assayhq/assay/money"
)

// groupRows is how many rows a row group has; the compressed ones of one group are in
// memory until it is whole.
const groupRows = 16 * batchRows

// rowGroups is a Parquet file. Exact columns are DECIMAL(38,19) in 16 bytes, times are
// TIMESTAMP(MILLIS, UTC), text of few values has a dictionary; notes are key-value metadata.
type rowGroups struct {
	w       *parquet.GenericWriter[any]
	columns []*parquet.ColumnWriter
	values  []parquet.Value
	bytes   []byte
	rows    int
}

// ordered is a group with its fields in our order; parquet sorts them by name.
type ordered struct {
	parquet.Group
	at map[string]int
}

// Fields gives the columns.
func (o ordered) Fields() []parquet.Field {
	f := o.Group.Fields()
	slices.SortFunc(f, func(a, b parquet.Field) int { return cmp.Compare(o.at[a.Name()], o.at[b.Name()]) })
	return f
}

func newParquet(w io.Writer, t table, notes map[string]string) (file, error) {
	root := ordered{parquet.Group{}, map[string]int{}}
	for i, c := range t {
		var n parquet.Node
		switch c.kind {
		case text:
			n = parquet.String()
			if c.few {
				n = parquet.Encoded(n, &parquet.RLEDictionary)
			}
		case stamp:
			n = parquet.Encoded(parquet.Timestamp(parquet.Millisecond), &parquet.DeltaBinaryPacked)
		case amount:
			n = parquet.Decimal(decimals, digits, parquet.FixedLenByteArrayType(16))
		case count:
			n = parquet.Encoded(parquet.Int(64), &parquet.DeltaBinaryPacked)
		case real:
			n = parquet.Leaf(parquet.DoubleType)
		case flag:
			n = parquet.Leaf(parquet.BooleanType)
		}
		if c.null {
			n = parquet.Optional(n)
		}
		root.Group[c.name], root.at[c.name] = n, i
	}
	f := &rowGroups{w: parquet.NewGenericWriter[any](w,
		parquet.NewSchema("assay", root),
		parquet.Compression(&zstd.Codec{Level: zstd.SpeedFastest}),
		parquet.CreatedBy("assay", "", ""),
		parquet.DataPageStatistics(false),
		parquet.PageBufferSize(1<<20),
	)}
	for _, k := range slices.Sorted(maps.Keys(notes)) {
		f.w.SetKeyValueMetadata(k, notes[k])
	}
	f.columns = f.w.ColumnWriters()
	return f, nil
}

func (f *rowGroups) write(b *batch) error {
	for i := range b.cols {
		f.fill(&b.cols[i], i, b.rows)
		if _, err := f.columns[i].WriteRowValues(f.values); err != nil {
			return err
		}
	}
	if f.rows += b.rows; f.rows >= groupRows {
		f.rows = 0
		return f.w.Flush()
	}
	return nil
}

// fill makes parquet's values of a column.
func (f *rowGroups) fill(v *vector, column, rows int) {
	f.values = slices.Grow(f.values[:0], rows)[:rows]
	if v.kind == amount {
		f.bytes = slices.Grow(f.bytes[:0], 16*rows)[:16*rows]
	}
	present := 0
	if v.null {
		present = 1
	}
	set := func(row int, x parquet.Value) { f.values[row] = x.Level(0, present, column) }
	switch v.kind {
	case text:
		for row, s := range v.text {
			if row > 0 && s == v.text[row-1] {
				f.values[row] = f.values[row-1] // the usual case, of venue and pair at least
				continue
			}
			set(row, parquet.ByteArrayValue([]byte(s)))
		}
	case stamp, count:
		for row, n := range v.num {
			set(row, parquet.Int64Value(n))
		}
	case amount:
		for row := range v.dec {
			hi, lo := wide(v.dec[row])
			to := f.bytes[16*row : 16*row+16]
			binary.BigEndian.PutUint64(to, uint64(hi))
			binary.BigEndian.PutUint64(to[8:], lo)
			set(row, parquet.FixedLenByteArrayValue(to))
		}
	case real:
		for row, x := range v.real {
			set(row, parquet.DoubleValue(x))
		}
	case flag:
		for row, x := range v.flags {
			set(row, parquet.BooleanValue(x))
		}
	}
	for row, has := range v.has {
		if !has {
			f.values[row] = parquet.NullValue().Level(0, 0, column)
		}
	}
}

// close writes the last row group and the footer.
func (f *rowGroups) close() error { return f.w.Close() }

// wide is d times 10^19 as a 128-bit integer in two's complement.
func wide(d money.Decimal) (hi int64, lo uint64) {
	h, l := bits.Mul64(d.Coef(), tens[decimals-d.Scale()])
	if d.IsNeg() {
		var borrow uint64
		l, borrow = bits.Sub64(0, l, 0)
		h, _ = bits.Sub64(0, h, borrow)
	}
	return int64(h), l
}

var tens = [...]uint64{1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19}
