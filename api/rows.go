package api

import "reflect"

// rows is a long answer: rows of R as the lower floors give them, written straight into
// the buffer. R never becomes anything else on the way to JSON and CSV; for XML and
// columns, which are asked for seldom, convert makes what the shape describes.
type rows[R, T any] struct {
	list []R
	m    Meta
	*rowForm[R, T]
	back func([]R)
}

// rowForm is how rows of R are written.
type rowForm[R, T any] struct {
	shape   *shape // of Answer[[]T]
	head    string // of the CSV
	json    func(b []byte, r *R, number bool) []byte
	csv     func(b []byte, r *R) []byte
	convert func(r *R) T
}

func (a *rows[R, T]) meta() *Meta { return &a.m }

func (a *rows[R, T]) free() {
	if a.back != nil {
		a.back(a.list)
	}
}

func (a *rows[R, T]) append(b []byte, f format, number bool) []byte {
	switch f {
	case inJSON:
		b = append(b, `{"data":[`...)
		for i := range a.list {
			if i > 0 {
				b = append(b, ',')
			}
			b = a.json(b, &a.list[i], number)
		}
		b = append(b, `],"meta":`...)
		b = appendMeta(a.shape, b, &a.m)
		return append(b, "}\n"...)
	case inLines:
		for i := range a.list {
			b = append(a.json(b, &a.list[i], number), '\n')
		}
		return b
	case inCSV:
		b = append(append(b, a.head...), "\r\n"...)
		for i := range a.list {
			b = append(a.csv(b, &a.list[i]), "\r\n"...)
		}
		return b
	}
	c := cold[[]T]{&Answer[[]T]{Data: make([]T, len(a.list)), Meta: a.m}, a.shape}
	for i := range a.list {
		c.a.Data[i] = a.convert(&a.list[i])
	}
	return c.append(b, f, number)
}

// appendMeta writes the meta of an answer by the answer's shape.
func appendMeta(answer *shape, b []byte, m *Meta) []byte {
	return answer.fields[1].json(b, reflect.ValueOf(m).Elem(), false)
}
