package api

import (
	"encoding"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/assayhq/assay/money"
)

// A shape knows how values of one Go type are written in every format, so that no
// format says anything the others do not. It is worked out once per operation. Names
// come from json tags, order from the order of the fields. Hot answers write JSON and
// CSV themselves and are compared with their shape in the tests.
type shape struct {
	kind   kind
	elem   *shape      // of a pointer, list or dict
	fields []shapeLeaf // of an object or pair
	table  []cell      // what a row of this has in CSV and columns
	rows   *shape      // of Answer: the shape of data
}

type kind uint8

const (
	aString kind = iota
	aBool
	anInt
	aUint
	aFloat
	aDecimal
	aTime
	aText // encoding.TextMarshaler
	aPointer
	aList
	aDict // map[string]T
	anObject
	aPair // an object written as [a, b] in JSON
)

// shapeLeaf is one field.
type shapeLeaf struct {
	name  string
	key   string // "name":
	index int
	omit  bool // when empty
	*shape
}

// cell is one column of a table: the way from the row to the value, and its shape.
type cell struct {
	name string
	way  []int
	*shape
}

// paired marks the types that are written as a pair.
type paired interface{ pair() }

func shapeOf[T any]() *shape { return newShape(reflect.TypeFor[T]()) }

func newShape(t reflect.Type) *shape {
	s := &shape{}
	switch {
	case t == reflect.TypeFor[money.Decimal](), t == reflect.TypeFor[money.Price](), t == reflect.TypeFor[money.Qty]():
		s.kind = aDecimal
		return s
	case t == reflect.TypeFor[time.Time]():
		s.kind = aTime
		return s
	case t.Implements(reflect.TypeFor[encoding.TextMarshaler]()) && t.Kind() != reflect.Pointer:
		s.kind = aText
		return s
	}
	switch t.Kind() {
	case reflect.String:
		s.kind = aString
	case reflect.Bool:
		s.kind = aBool
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		s.kind = anInt
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		s.kind = aUint
	case reflect.Float64:
		s.kind = aFloat
	case reflect.Pointer:
		s.kind, s.elem = aPointer, newShape(t.Elem())
	case reflect.Slice:
		s.kind, s.elem = aList, newShape(t.Elem())
	case reflect.Map:
		s.kind, s.elem = aDict, newShape(t.Elem())
	case reflect.Struct:
		s.kind = anObject
		if t.Implements(reflect.TypeFor[paired]()) {
			s.kind = aPair
		}
		for i := range t.NumField() {
			f := t.Field(i)
			name, flags, _ := strings.Cut(f.Tag.Get("json"), ",")
			if !f.IsExported() || name == "-" {
				continue
			}
			if f.Anonymous && name == "" { // its fields are ours
				for _, x := range newShape(f.Type).fields {
					x.shape = &shape{kind: x.kind, elem: x.elem, fields: x.fields}
					s.fields = append(s.fields, shapeLeaf{x.name, x.key, (i+1)<<8 | x.index, x.omit, x.shape})
				}
				continue
			}
			s.fields = append(s.fields, shapeLeaf{name, `"` + name + `":`, i, strings.Contains(flags, "omit"), newShape(f.Type)})
		}
	default:
		panic(fmt.Sprintf("api: a %s cannot be answered", t)) // when the registry is made, not later
	}
	if s.kind == anObject && len(s.fields) == 2 && s.fields[0].name == "data" && s.fields[1].name == "meta" {
		s.rows = s.fields[0].shape
		row := s.rows
		for row.kind == aList || row.kind == aPointer {
			row = row.elem
		}
		row.table = row.cells("", nil)
	}
	return s
}

// of gives a field of v. An embedded field's index has two parts.
func (l *shapeLeaf) of(v reflect.Value) reflect.Value { return field(v, l.index) }

func field(v reflect.Value, i int) reflect.Value {
	if i < 1<<8 {
		return v.Field(i)
	}
	return v.Field(i>>8 - 1).Field(i & 0xff)
}

// cells lists the columns of an object, those of objects inside it with a dot.
func (s *shape) cells(prefix string, way []int) (out []cell) {
	switch s.kind {
	case anObject:
		for _, f := range s.fields {
			inner := f.shape
			if inner.kind == aPointer {
				inner = inner.elem
			}
			w := append(slices.Clone(way), f.index)
			if inner.kind == anObject {
				out = append(out, inner.cells(prefix+f.name+".", w)...)
			} else {
				out = append(out, cell{prefix + f.name, w, f.shape})
			}
		}
	default:
		out = append(out, cell{"value", nil, s})
	}
	return out
}

// at follows a cell's way; the result is invalid where a pointer on it is nil.
func (c *cell) at(v reflect.Value) reflect.Value {
	for _, i := range c.way {
		for v.Kind() == reflect.Pointer {
			if v.IsNil() {
				return reflect.Value{}
			}
			v = v.Elem()
		}
		v = field(v, i)
	}
	return v
}

func empty(v reflect.Value) bool {
	switch v.Kind() {
	case reflect.Slice, reflect.Map:
		return v.Len() == 0
	}
	return v.IsZero()
}

// scalar appends what is one word in any format. ok is false for the rest.
func (s *shape) scalar(b []byte, v reflect.Value) (_ []byte, ok bool) {
	switch s.kind {
	case aString:
		return append(b, v.String()...), true
	case aBool:
		return strconv.AppendBool(b, v.Bool()), true
	case anInt:
		return strconv.AppendInt(b, v.Int(), 10), true
	case aUint:
		return strconv.AppendUint(b, v.Uint(), 10), true
	case aFloat:
		return strconv.AppendFloat(b, v.Float(), 'f', -1, 64), true
	case aDecimal:
		d := v
		if d.Type() != reflect.TypeFor[money.Decimal]() {
			d = d.Field(0)
		}
		return d.Interface().(money.Decimal).Append(b), true
	case aTime:
		return v.Interface().(time.Time).UTC().AppendFormat(b, timeForm), true
	case aText:
		t, err := v.Interface().(encoding.TextMarshaler).MarshalText()
		return append(b, t...), err == nil
	}
	return b, false
}

// timeForm is RFC 3339 with milliseconds, which is how exact our sources are.
const timeForm = "2006-01-02T15:04:05.000Z07:00"

func (s *shape) json(b []byte, v reflect.Value, number bool) []byte {
	switch s.kind {
	case aString:
		return appendJSON(b, v.String())
	case aBool, anInt, aUint, aFloat:
		b, _ = s.scalar(b, v)
		return b
	case aDecimal:
		if number {
			b, _ = s.scalar(b, v)
			return b
		}
		b = append(b, '"')
		b, _ = s.scalar(b, v)
		return append(b, '"')
	case aTime:
		if v.IsZero() {
			return append(b, "null"...)
		}
		b = append(b, '"')
		b, _ = s.scalar(b, v)
		return append(b, '"')
	case aText:
		t, _ := s.scalar(nil, v)
		return appendJSON(b, string(t))
	case aPointer:
		if v.IsNil() {
			return append(b, "null"...)
		}
		return s.elem.json(b, v.Elem(), number)
	case aList:
		b = append(b, '[')
		for i := range v.Len() {
			if i > 0 {
				b = append(b, ',')
			}
			b = s.elem.json(b, v.Index(i), number)
		}
		return append(b, ']')
	case aDict:
		b = append(b, '{')
		for i, k := range sortedKeys(v) {
			if i > 0 {
				b = append(b, ',')
			}
			b = append(appendJSON(b, k), ':')
			b = s.elem.json(b, v.MapIndex(reflect.ValueOf(k)), number)
		}
		return append(b, '}')
	case aPair:
		b = append(b, '[')
		for i := range s.fields {
			if i > 0 {
				b = append(b, ',')
			}
			b = s.fields[i].json(b, s.fields[i].of(v), number)
		}
		return append(b, ']')
	}
	b = append(b, '{')
	first := true
	for i := range s.fields {
		f := &s.fields[i]
		fv := f.of(v)
		if f.omit && empty(fv) {
			continue
		}
		if !first {
			b = append(b, ',')
		}
		first = false
		b = f.json(append(b, f.key...), fv, number)
	}
	return append(b, '}')
}

func sortedKeys(v reflect.Value) []string {
	keys := make([]string, 0, v.Len())
	for _, k := range v.MapKeys() {
		keys = append(keys, k.String())
	}
	slices.Sort(keys)
	return keys
}

// xml appends an element of the name. What is null says so with xsi:nil.
func (s *shape) xml(b []byte, name string, v reflect.Value) []byte {
	if s.kind == aPointer {
		if v.IsNil() {
			return append(append(append(b, '<'), name...), ` xsi:nil="true"/>`...)
		}
		return s.elem.xml(b, name, v.Elem())
	}
	if s.kind == aTime && v.IsZero() {
		return append(append(append(b, '<'), name...), ` xsi:nil="true"/>`...)
	}
	b = append(append(b, '<'), name...)
	if s.kind == aPair {
		for i := range s.fields {
			b = append(append(append(b, ' '), s.fields[i].name...), `="`...)
			b, _ = s.fields[i].scalar(b, s.fields[i].of(v))
			b = append(b, '"')
		}
		return append(b, "/>"...)
	}
	b = append(b, '>')
	switch s.kind {
	case aList:
		for i := range v.Len() {
			b = s.elem.xml(b, "item", v.Index(i))
		}
	case aDict:
		for _, k := range sortedKeys(v) {
			b = appendXML(append(b, `<entry key="`...), k)
			elem, ev := s.elem, v.MapIndex(reflect.ValueOf(k))
			if elem.kind == aPointer {
				if ev.IsNil() {
					b = append(b, `" xsi:nil="true"/>`...)
					continue
				}
				elem, ev = elem.elem, ev.Elem()
			}
			b = append(b, `">`...)
			t, _ := elem.scalar(nil, ev)
			b = append(appendXML(b, string(t)), "</entry>"...)
		}
	case anObject:
		for i := range s.fields {
			f := &s.fields[i]
			if fv := f.of(v); !f.omit || !empty(fv) {
				b = f.xml(b, f.name, fv)
			}
		}
	case aString, aText:
		t, _ := s.scalar(nil, v)
		b = appendXML(b, string(t))
	default:
		b, _ = s.scalar(b, v)
	}
	return append(append(append(b, "</"...), name...), '>')
}

// csv appends one cell. Lists of words are joined by semicolons; lists of objects are
// JSON in the cell.
func (s *shape) csv(b []byte, v reflect.Value) []byte {
	if !v.IsValid() {
		return b
	}
	switch s.kind {
	case aPointer:
		if v.IsNil() {
			return b
		}
		return s.elem.csv(b, v.Elem())
	case aTime:
		if v.IsZero() {
			return b
		}
	case aString, aText:
		t, _ := s.scalar(nil, v)
		return appendCSV(b, string(t))
	case aList:
		if k := s.elem.kind; k == aString || k == aText {
			words := make([]string, v.Len())
			for i := range words {
				t, _ := s.elem.scalar(nil, v.Index(i))
				words[i] = string(t)
			}
			return appendCSV(b, strings.Join(words, ";"))
		}
		return appendCSV(b, string(s.json(nil, v, false)))
	case aDict, aPair, anObject:
		return appendCSV(b, string(s.json(nil, v, false)))
	}
	b, _ = s.scalar(b, v)
	return b
}

// row gives the shape of the rows of an answer and the rows themselves: a single value
// is one row.
func (s *shape) row(data reflect.Value) (row *shape, rows []reflect.Value) {
	row = s.rows
	for row.kind == aPointer && !data.IsNil() {
		row, data = row.elem, data.Elem()
	}
	if row.kind != aList {
		return row, []reflect.Value{data}
	}
	rows = make([]reflect.Value, data.Len())
	for i := range rows {
		rows[i] = data.Index(i)
	}
	return row.elem, rows
}

// cold is an answer written by its shape.
type cold[T any] struct {
	a     *Answer[T]
	shape *shape
}

func (c *cold[T]) append(b []byte, f format, number bool) []byte {
	v := reflect.ValueOf(c.a).Elem()
	return c.shape.answer(b, v, f, number)
}

func (s *shape) answer(b []byte, v reflect.Value, f format, number bool) []byte {
	switch f {
	case inXML:
		b = append(b, xmlHead...)
		b = append(b, `<answer xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">`...)
		b = s.fields[0].xml(b, "data", s.fields[0].of(v))
		b = s.fields[1].xml(b, "meta", s.fields[1].of(v))
		return append(b, "</answer>\n"...)
	case inLines:
		row, rows := s.row(v.Field(0))
		for _, r := range rows {
			b = append(row.json(b, r, number), '\n')
		}
		return b
	case inCSV:
		row, rows := s.row(v.Field(0))
		for i, c := range row.table {
			if i > 0 {
				b = append(b, ',')
			}
			b = append(b, c.name...)
		}
		b = append(b, '\r', '\n')
		for _, r := range rows {
			for i := range row.table {
				if i > 0 {
					b = append(b, ',')
				}
				b = row.table[i].csv(b, row.table[i].at(r))
			}
			b = append(b, '\r', '\n')
		}
		return b
	case inColumns:
		row, rows := s.row(v.Field(0))
		b = append(b, `{"columns":[`...)
		for i, c := range row.table {
			if i > 0 {
				b = append(b, ',')
			}
			b = appendJSON(b, c.name)
		}
		b = append(b, `],"data":{`...)
		for i := range row.table {
			c := &row.table[i]
			if i > 0 {
				b = append(b, ',')
			}
			b = append(appendJSON(b, c.name), ':', '[')
			for j, r := range rows {
				if j > 0 {
					b = append(b, ',')
				}
				if x := c.at(r); x.IsValid() {
					b = c.json(b, x, number)
				} else {
					b = append(b, "null"...)
				}
			}
			b = append(b, ']')
		}
		b = append(b, `},`...)
		b = append(b, s.fields[1].key...)
		return append(s.fields[1].json(b, s.fields[1].of(v), number), "}\n"...)
	}
	return append(s.json(b, v, number), '\n')
}

const xmlHead = `<?xml version="1.0" encoding="UTF-8"?>` + "\n"
