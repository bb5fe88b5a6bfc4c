package pebble_test

import (
	"testing"

	"github.com/assayhq/assay/market"
	"github.com/assayhq/assay/market/markettest"
)

func TestFramesPassTheExam(t *testing.T) {
	markettest.RunFrames(t, func(t *testing.T, dir string) markettest.FrameStore { return open(t, dir) })
}

var _ markettest.FrameStore = interface {
	market.Frames
	Close() error
}(nil)
