package export

import (
	"io"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/decimal128"
	"github.com/apache/arrow-go/v18/arrow/ipc"
	"github.com/apache/arrow-go/v18/arrow/memory"
)

// records is an Arrow IPC file. Exact columns are decimal128(38,19), times are
// timestamp[ms, UTC]. Notes are the schema's metadata.
type records struct {
	w *ipc.FileWriter
	b *array.RecordBuilder
}

func newArrow(w io.Writer, t table, notes map[string]string) (file, error) {
	fields := make([]arrow.Field, len(t))
	for i, c := range t {
		f := arrow.Field{Name: c.name, Nullable: c.null}
		switch c.kind {
		case text:
			f.Type = arrow.BinaryTypes.String
		case stamp:
			f.Type = arrow.FixedWidthTypes.Timestamp_ms
		case amount:
			f.Type = &arrow.Decimal128Type{Precision: digits, Scale: decimals}
		case count:
			f.Type = arrow.PrimitiveTypes.Int64
		case real:
			f.Type = arrow.PrimitiveTypes.Float64
		case flag:
			f.Type = arrow.FixedWidthTypes.Boolean
		}
		fields[i] = f
	}
	about := arrow.MetadataFrom(notes)
	schema := arrow.NewSchema(fields, &about)
	out, err := ipc.NewFileWriter(w, ipc.WithSchema(schema), ipc.WithZstd())
	if err != nil {
		return nil, err
	}
	return &records{w: out, b: array.NewRecordBuilder(memory.DefaultAllocator, schema)}, nil
}

func (f *records) write(b *batch) error {
	for i := range b.cols {
		v := &b.cols[i]
		switch to := f.b.Field(i).(type) {
		case *array.StringBuilder:
			to.AppendValues(v.text, v.has)
		case *array.TimestampBuilder:
			to.Reserve(b.rows)
			for row, n := range v.num {
				if v.null && !v.has[row] {
					to.UnsafeAppendBoolToBitmap(false)
					continue
				}
				to.UnsafeAppend(arrow.Timestamp(n))
			}
		case *array.Decimal128Builder:
			to.Reserve(b.rows)
			for row, d := range v.dec {
				if v.null && !v.has[row] {
					to.UnsafeAppendBoolToBitmap(false)
					continue
				}
				hi, lo := wide(d)
				to.UnsafeAppend(decimal128.New(hi, lo))
			}
		case *array.Int64Builder:
			to.AppendValues(v.num, v.has)
		case *array.Float64Builder:
			to.AppendValues(v.real, v.has)
		case *array.BooleanBuilder:
			to.AppendValues(v.flags, v.has)
		}
	}
	rec := f.b.NewRecordBatch()
	defer rec.Release()
	return f.w.Write(rec)
}

func (f *records) close() error {
	f.b.Release()
	return f.w.Close()
}
