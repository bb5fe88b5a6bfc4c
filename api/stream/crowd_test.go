package stream

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/assayhq/assay/market"
)

// crowdEnv tells the test binary to be the crowd: "address readers messages".
const crowdEnv = "ASSAY_STREAM_CROWD"

// result is what the crowd's process says about its readers.
type result struct {
	Complete, Lost, Failed int
	P50, P99, Max          float64 // ms from publishing to reading
}

// TestACrowdOnLoopback opens many subscribers of one topic from another process, so
// that the figures are the server's alone: memory per connection and processor time
// per message. One of them reads nothing; the others must not miss anything.
func TestACrowdOnLoopback(t *testing.T) {
	if os.Getenv(crowdEnv) != "" {
		t.Skip("this process is the crowd")
	}
	const messages = 100
	readers := 1000
	if testing.Short() {
		readers = 200
	}
	h := &house{t: t, stage: newStage(), door: &doorman{revoked: map[string]bool{}}}
	hub, err := New(Options{Board: h.stage, Bus: h.stage.bus, Auth: h.door, Limits: Limits{PerKey: readers + 1}})
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	srv := &http.Server{Handler: hub.Handler()}
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() { srv.Serve(l) })
	wg.Go(func() { hub.Run(ctx) })
	defer wg.Wait()
	defer srv.Close()
	defer cancel()

	before, routines := resident(), runtime.NumGoroutine()
	cmd := exec.Command(os.Args[0], "-test.run=^TestCrowdProcess$", "-test.v")
	cmd.Env = append(os.Environ(), fmt.Sprintf("%s=%s %d %d", crowdEnv, l.Addr(), readers, messages))
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Process.Kill()
	for start := time.Now(); hub.Stats().Subscriptions < readers+1; time.Sleep(20 * time.Millisecond) {
		if time.Since(start) > time.Minute {
			t.Fatalf("after a minute: %+v", hub.Stats())
		}
	}
	time.Sleep(200 * time.Millisecond)
	t.Logf("%d connections: %.1f KB and %.2f goroutines each", readers+1,
		float64(resident()-before)/1024/float64(readers+1), float64(runtime.NumGoroutine()-routines)/float64(readers+1))

	cpu := spent()
	for i := range messages {
		h.stage.trade("kraken", "BTC-USD", strconv.Itoa(i), "64000.12", "0.015", market.Buy)
		time.Sleep(55 * time.Millisecond)
	}
	var res result
	sc := bufio.NewScanner(out)
	for sc.Scan() {
		if j, ok := strings.CutPrefix(sc.Text(), "crowd: "); ok {
			if err := json.Unmarshal([]byte(j), &res); err != nil {
				t.Fatal(err)
			}
			break
		}
	}
	cpu = spent() - cpu
	io.Copy(io.Discard, out)
	cmd.Wait()
	st := hub.Stats()
	t.Logf("%d messages encoded once, %d sent: %.1f µs of processor each; %.0f ms median, %.0f ms p99, %.0f ms at most to the reader",
		st.Encoded, st.Sent, float64(cpu.Microseconds())/float64(readers*messages), res.P50, res.P99, res.Max)
	if res.Complete != readers || res.Lost != 0 {
		t.Errorf("%d of %d readers got everything; %d lost, %d failed", res.Complete, readers, res.Lost, res.Failed)
	}
}

// TestCrowdProcess is the crowd; it runs in a process of its own.
func TestCrowdProcess(t *testing.T) {
	var addr string
	var readers, messages int
	if n, _ := fmt.Sscan(os.Getenv(crowdEnv), &addr, &readers, &messages); n != 3 {
		t.Skip("only as a part of TestACrowdOnLoopback")
	}
	stalled := subscribed(t, addr) // and never read
	defer stalled.Close()
	var wg sync.WaitGroup
	var complete, lost, failed atomic.Int64
	lags := make([][]float64, readers)
	for i := range readers {
		c := subscribed(t, addr)
		wg.Go(func() {
			defer c.Close()
			r := bufio.NewReaderSize(c, 1024)
			for got := 0; got < messages; {
				msg, err := frameOf(r)
				if err != nil {
					failed.Add(1)
					return
				}
				var e struct {
					Type string
					TS   int64
					Lost int64
					Data []struct{ Received int64 }
				}
				if json.Unmarshal(msg, &e); e.Type != "update" {
					continue
				}
				lost.Add(e.Lost)
				got += len(e.Data) + int(e.Lost)
				for _, d := range e.Data {
					lags[i] = append(lags[i], float64(time.Now().UnixMilli()-d.Received))
				}
			}
			complete.Add(1)
		})
	}
	wg.Wait()
	all := slices.Concat(lags...)
	slices.Sort(all)
	res := result{Complete: int(complete.Load()), Lost: int(lost.Load()), Failed: int(failed.Load())}
	if n := len(all); n > 0 {
		res.P50, res.P99, res.Max = all[n/2], all[n*99/100], all[n-1]
	}
	j, _ := json.Marshal(res)
	fmt.Printf("\ncrowd: %s\n", j)
}

// subscribed opens a WebSocket by hand, as lean as can be.
func subscribed(t *testing.T, addr string) net.Conn {
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(c, "GET /v1/stream HTTP/1.1\r\nHost: assay\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nAuthorization: Bearer good\r\n\r\n")
	head := make([]byte, 0, 512)
	for one := make([]byte, 1); !strings.HasSuffix(string(head), "\r\n\r\n"); {
		if _, err := c.Read(one); err != nil {
			t.Fatal(err)
		}
		head = append(head, one[0])
	}
	msg := `{"op":"subscribe","topics":[{"ch":"trades","pair":"BTC-USD"}]}`
	c.Write(append([]byte{0x81, 0x80 | byte(len(msg)), 0, 0, 0, 0}, msg...)) // masked with zeros
	return c
}

// frameOf reads one unfragmented message.
func frameOf(r *bufio.Reader) ([]byte, error) {
	var h [8]byte
	if _, err := io.ReadFull(r, h[:2]); err != nil {
		return nil, err
	}
	n := int(h[1])
	switch n {
	case 126:
		if _, err := io.ReadFull(r, h[:2]); err != nil {
			return nil, err
		}
		n = int(h[0])<<8 | int(h[1])
	case 127:
		return nil, io.ErrShortBuffer
	}
	msg := make([]byte, n)
	_, err := io.ReadFull(r, msg)
	return msg, err
}

// resident is the memory of this process in RAM, in bytes.
func resident() int64 {
	debug.FreeOSMemory()
	b, _ := os.ReadFile("/proc/self/statm")
	var size, rss int64
	fmt.Sscan(string(b), &size, &rss)
	return rss * int64(os.Getpagesize())
}

// spent is the processor time of this process.
func spent() time.Duration {
	var u syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
