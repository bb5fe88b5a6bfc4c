package venue

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/gzip"
)

// Gunzip unpacks the frames of one connection, for venues that pack each in gzip. The
// reader and the memory are used again for every frame. The zero value is ready. Not
// safe for concurrent use.
type Gunzip struct {
	in   bytes.Reader
	read gzip.Reader
	most io.LimitedReader
	out  bytes.Buffer
}

// errTrailing says that more than one packed message stood in a frame.
var errTrailing = errors.New("gzip: bytes after the end of the message")

// Unpack gives what a frame holds, valid until the next call. A frame that does not begin
// as gzip does is given back as it is: recordings may hold it unpacked. What would be
// larger than limit is an error, however small the frame: nothing beyond limit is unpacked.
func (g *Gunzip) Unpack(frame []byte, limit int) ([]byte, error) {
	if len(frame) < 2 || frame[0] != 0x1f || frame[1] != 0x8b {
		return frame, nil
	}
	g.in.Reset(frame)
	if err := g.read.Reset(&g.in); err != nil {
		return nil, fmt.Errorf("gzip: %w", err)
	}
	g.read.Multistream(false)
	g.out.Reset()
	g.most = io.LimitedReader{R: &g.read, N: int64(limit) + 1}
	if _, err := g.out.ReadFrom(&g.most); err != nil {
		return nil, fmt.Errorf("gzip: %w", err)
	}
	if g.out.Len() > limit {
		return nil, fmt.Errorf("gzip: the message is larger than %d bytes", limit)
	}
	if g.in.Len() > 0 {
		return nil, errTrailing
	}
	return g.out.Bytes(), nil
}
