package indicator

// window holds the last values of a series, and their sum. The sum is made anew each
// time the window has gone round, so that rounding does not pile up over a long series.
type window struct {
	buf   []float64
	at    int     // where the next value goes
	count int     // values in it
	sum   float64 // of those in it
	fresh float64 // sum of what was put in since the window last went round
}

func newWindow(n int) window { return window{buf: make([]float64, n)} }

// push puts x in the place of the oldest value and gives that; 0 while it fills.
func (w *window) push(x float64) (old float64) {
	old = w.buf[w.at]
	w.buf[w.at] = x
	w.sum += x - old
	w.fresh += x
	w.at++
	if w.count < len(w.buf) {
		w.count++
	}
	if w.at == len(w.buf) {
		w.at = 0
		w.sum, w.fresh = w.fresh, 0
	}
	return old
}

// full tells whether there are as many values as it holds.
func (w *window) full() bool { return w.count == len(w.buf) }

// ago is the value i steps back; 0 is the newest. i is less than its length.
func (w *window) ago(i int) float64 {
	j := w.at - 1 - i
	if j < 0 {
		j += len(w.buf)
	}
	return w.buf[j]
}

// take becomes equal to from.
func (w *window) take(from *window) {
	buf := w.buf
	*w = *from
	w.buf = buf
	copy(w.buf, from.buf)
}

// total is a window for sums of what is never negative. When all in it are zero so is
// its sum, to the bit: what is divided by it can be asked first.
type total struct {
	window
	live int // values that are not 0
}

func newTotal(n int) total { return total{window: newWindow(n)} }

func (w *total) push(x float64) (old float64) {
	old = w.window.push(x)
	if x != 0 {
		w.live++
	}
	if old != 0 {
		w.live--
	}
	if w.live == 0 {
		w.sum, w.fresh = 0, 0
	}
	return old
}

func (w *total) take(from *total) {
	w.window.take(&from.window)
	w.live = from.live
}
