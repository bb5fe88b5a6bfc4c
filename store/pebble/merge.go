package pebble

// toChunks moves the whole tail into chunks and removes its records.
//
// What holds afterwards: chunks of a series do not overlap, the last time of one
// is before the first of the next, and rows of one time are in one chunk.
func (s *series[T]) toChunks(tx *txn) error {
	s.moving.Lock()
	s.merged = true
	rows := s.unmerged()
	s.merges++
	m := &mover[T]{series: s, tx: tx, version: s.merges}
	var err error
	if s.chunks == 0 || s.time(&rows[0]) > s.last {
		err = m.behind(rows)
	} else {
		err = m.into(rows)
	}
	if err != nil {
		return err
	}
	if err := s.putSummary(tx); err != nil {
		return err
	}
	for ; s.lo < s.hi; s.lo++ {
		if err := tx.batch.SingleDelete(tailKey(s.sid, s.lo), nil); err != nil {
			return err
		}
	}
	tx.s.tails -= int64(s.counts * s.bytes)
	tx.s.count.merges.Add(1)
	s.tail, s.late, s.fresh, s.ids, s.stored, s.counts = nil, nil, nil, nil, 0, 0
	s.high, s.highs = s.number, s.numbered
	return nil
}

func (s *series[T]) putSummary(tx *txn) error {
	tx.buf = s.summary.append(tx.buf[:0])
	return tx.batch.Set(summaryOf(s.sid), tx.buf, nil)
}

// A mover writes the chunks of one merge.
type mover[T any] struct {
	*series[T]
	tx      *txn
	version uint64
	key     []byte
}

// behind adds rows after the last chunk, filling that up first if it is short.
func (m *mover[T]) behind(rows []T) error {
	if m.chunks > 0 && int(m.lastRows) <= m.chunk/2 {
		it, err := m.tx.s.chunks(m.sid)
		if err != nil {
			return err
		}
		defer it.Close()
		if !it.Last() || len(it.Key()) != chunkKeyLen {
			return m.tx.s.damaged(m.name, errCorrupt)
		}
		_, e, err := load(m.tx.s, m.series, it, false)
		if err != nil {
			return err
		}
		old := e.rows.([]T)
		joined := make([]T, 0, len(old)+len(rows))
		joined = append(append(joined, old...), rows...)
		return m.replace(chunkFirst(it.Key()), len(old), joined)
	}
	return m.put(rows)
}

// into merges rows with the chunks they fall into.
func (m *mover[T]) into(rows []T) error {
	it, err := m.tx.s.chunks(m.sid)
	if err != nil {
		return err
	}
	defer it.Close()
	for len(rows) > 0 {
		at := m.time(&rows[0])
		if !seekChunk(it, m.sid, at) {
			return m.tx.s.damaged(m.name, errCorrupt)
		}
		first := chunkFirst(it.Key())
		if at < first {
			// Many rows before the first chunk make chunks of their own.
			if before := m.between(rows, noTime, first); len(before) >= m.chunk/4 {
				if err := m.put(before); err != nil {
					return err
				}
				rows = rows[len(before):]
				continue
			}
		}
		h, err := headAt(m.tx.s, m.series, it)
		if err != nil {
			return err
		}
		var old []T
		if at <= h.last || h.rows <= m.chunk/2 {
			_, e, err := load(m.tx.s, m.series, it, false)
			if err != nil {
				return err
			}
			old = e.rows.([]T)
		}
		next := int64(forever)
		if it.Next() {
			next = chunkFirst(it.Key())
		}
		if err := it.Error(); err != nil {
			return err
		}
		mine := rows
		if next != forever {
			mine = m.between(rows, noTime, next)
		}
		rows = rows[len(mine):]
		if old == nil {
			err = m.put(mine)
		} else {
			err = m.replace(first, h.rows, m.merge(nil, old, mine))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// replace writes rows in the place of the chunk that began at first.
func (m *mover[T]) replace(first int64, had int, rows []T) error {
	if m.time(&rows[0]) != first {
		m.key = appendChunkKey(m.key, m.sid, first)
		if err := m.tx.batch.Delete(m.key, nil); err != nil {
			return err
		}
	}
	m.chunks--
	m.rows -= int64(had)
	return m.put(rows)
}

// put writes rows as chunks of about equal size.
func (m *mover[T]) put(rows []T) error {
	if len(rows) == 0 {
		return nil
	}
	pieces := max(1, (len(rows)+m.chunk/4)/m.chunk)
	size := (len(rows) + pieces - 1) / pieces
	for len(rows) > 0 {
		n := min(size, len(rows))
		for n < len(rows) && m.time(&rows[n]) == m.time(&rows[n-1]) {
			n++
		}
		if err := m.putOne(rows[:n:n]); err != nil {
			return err
		}
		rows = rows[n:]
	}
	return nil
}

func (m *mover[T]) putOne(rows []T) error {
	first, last := m.time(&rows[0]), m.time(&rows[len(rows)-1])
	m.key = appendChunkKey(m.key, m.sid, first)
	m.tx.buf = appendHead(m.tx.buf[:0], head{version: m.version, last: last, rows: len(rows)})
	m.tx.buf = m.appendRows(m.tx.code, m.tx.buf, rows)
	if err := m.tx.batch.Set(m.key, m.tx.buf, nil); err != nil {
		return err
	}
	if m.chunks == 0 || first < m.first {
		m.first = first
	}
	if m.chunks == 0 || last >= m.last {
		m.last, m.lastFirst, m.lastRows = last, first, int64(len(rows))
	}
	m.chunks++
	m.rows += int64(len(rows))
	m.tx.s.count.chunks.Add(1)
	return nil
}
