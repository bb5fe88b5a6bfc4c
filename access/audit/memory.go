package audit

import (
	"bufio"
	"io"

	"github.com/assayhq/assay/fault"
)

// Memory is a log in memory, for tests and for tools that work on an export. The zero
// value is an empty log. It is not for several goroutines at once.
type Memory struct {
	leaves [][]byte
	hashes []Hash
}

// Append adds an entry at the end and gives what it added.
func (m *Memory) Append(e Entry) (Addition, error) {
	a, err := Append(m.Size(), e, m)
	if err != nil {
		return Addition{}, err
	}
	m.leaves = append(m.leaves, a.Leaf)
	m.hashes = append(m.hashes, a.Hashes...)
	return a, nil
}

// Size is the number of entries.
func (m *Memory) Size() int64 { return int64(len(m.leaves)) }

// Leaf gives the leaf at seq.
func (m *Memory) Leaf(seq int64) ([]byte, error) {
	if seq < 0 || seq >= m.Size() {
		return nil, fault.At(fault.Unknown, "seq", "the log has no entry %d; it has %d", seq, m.Size())
	}
	return m.leaves[seq], nil
}

// ReadHashes implements Hashes.
func (m *Memory) ReadHashes(indexes []int64) ([]Hash, error) {
	out := make([]Hash, len(indexes))
	for i, x := range indexes {
		if x < 0 || x >= int64(len(m.hashes)) {
			return nil, fault.New(fault.Unknown, "the log has no hash %d; it has %d", x, len(m.hashes))
		}
		out[i] = m.hashes[x]
	}
	return out, nil
}

// Export writes the whole log as VerifyExport reads it.
func (m *Memory) Export(w io.Writer) error {
	b := bufio.NewWriter(w)
	var line []byte
	for seq, leaf := range m.leaves {
		line = AppendLine(line[:0], int64(seq), leaf, m.hashes[FirstHash(int64(seq))])
		if _, err := b.Write(line); err != nil {
			return err
		}
	}
	return b.Flush()
}
