package api

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/assayhq/assay/access"
	"github.com/assayhq/assay/access/gate"
)

// BenchmarkGateway is what a request costs a server in CPU time, over real connections
// that stay open, with a client in another process that asks with 1,000 keys in turn:
// "bare" is net/http with a handler that writes a small body; "assay" writes the same
// body after it proved the key, took from the app's limits, and before it metered the
// request; "nginx" finds the key in a map, limits by limit_req and writes the same body
// from a file that it keeps open, without a log. nginx runs as a child on a port of its
// own with one worker; where it is not installed, it is left out. The last line of the
// answer of a run tells the differences, which hold on a busy machine too.
func BenchmarkGateway(b *testing.B) {
	const keys, requests = 1000, 20_000
	body := []byte(`{"data":{"asset":"BTC","price":"64000.12","currency":"USD","as_of":"2026-01-01T00:00:00Z"}}` + "\n")
	answer := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header()["Content-Type"] = []string{"application/json"}
		w.Header()["Content-Length"] = []string{strconv.Itoa(len(body))}
		w.Write(body)
	})
	f := newFixture(b, func(o *Options) {
		o.Logger = slog.New(slog.DiscardHandler)
		o.Meter = Metered(openMeter(b), nil, o.Logger)
		o.Mounts = []Mount{{Pattern: "/small", Handler: answer, Scope: access.MarketRead, Cost: 1}}
	})
	var list []string
	for i := range keys {
		m, err := f.gate.Create(b.Context(), gate.By{Name: "bench"}, gate.Spec{Name: "bench", App: fmt.Sprint("app ", i), Rate: 100_000, Burst: 1_000_000, Scopes: []access.Scope{access.MarketRead}})
		if err != nil {
			b.Fatal(err)
		}
		list = append(list, m.Token)
	}
	dir := b.TempDir()
	names := filepath.Join(dir, "keys")
	if err := os.WriteFile(names, []byte(strings.Join(list, "\n")), 0o600); err != nil {
		b.Fatal(err)
	}
	ask := func(address string, n int) {
		client := exec.Command(os.Args[0], "-test.run=^TestAskWithManyKeys$")
		client.Env = append(os.Environ(), "ASSAY_ASK=http://"+address+"/small", "ASSAY_ASK_KEYS="+names, "ASSAY_ASK_N="+strconv.Itoa(n))
		if out, err := client.CombinedOutput(); err != nil {
			b.Fatalf("%v: %s", err, out)
		}
	}
	cost := map[string]float64{}
	measure := func(name, address string, cpu func() time.Duration) {
		b.Run(name, func(b *testing.B) {
			ask(address, requests/10) // connections, pools and files open
			start := cpu()
			n := 0
			for b.Loop() {
				ask(address, requests)
				n += requests
			}
			cost[name] = float64((cpu() - start).Nanoseconds()) / 1000 / float64(n)
			b.ReportMetric(cost[name], "cpu-us/req")
		})
	}
	for _, s := range []struct {
		name string
		h    http.Handler
	}{{"bare", answer}, {"assay", f.Server}} {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			b.Fatal(err)
		}
		srv := &http.Server{Handler: s.h}
		go srv.Serve(l)
		measure(s.name, l.Addr().String(), cpu)
		srv.Close()
	}
	if address, cpu, ok := nginx(b, dir, list, body); ok {
		measure("nginx", address, cpu)
	}
	if cost["bare"] > 0 && cost["assay"] > 0 {
		b.Logf("proving, limiting and metering add %.1f us CPU a request to the %.1f us of net/http", cost["assay"]-cost["bare"], cost["bare"])
	}
	if cost["nginx"] > 0 && cost["assay"] > 0 {
		b.Logf("%.2f times the CPU time of nginx (map, limit_req)", cost["assay"]/cost["nginx"])
	}
}

// nginx starts one as a child; cpu is the time of its worker. ok is false where there is none.
func nginx(b *testing.B, dir string, keys []string, body []byte) (address string, cpu func() time.Duration, ok bool) {
	path, err := exec.LookPath("nginx")
	if err != nil {
		b.Log("nginx is not installed: the comparison with it is left out (Debian: apt-get install nginx-light)")
		return "", nil, false
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	address = l.Addr().String()
	l.Close()
	var c bytes.Buffer
	// In one process: its CPU time is all there is.
	fmt.Fprintf(&c, "daemon off;\nmaster_process off;\npid %s/pid;\nerror_log stderr crit;\nevents { worker_connections 256; }\nhttp {\naccess_log off;\nkeepalive_requests 10000000;\nopen_file_cache max=16;\ndefault_type application/json;\n", dir)
	for _, x := range []string{"client_body", "proxy", "fastcgi", "uwsgi", "scgi"} {
		fmt.Fprintf(&c, "%s_temp_path %s/%s;\n", x, dir, x)
	}
	c.WriteString("map_hash_max_size 8192;\nmap_hash_bucket_size 256;\nmap $http_authorization $app {\ndefault \"\";\n")
	for i, k := range keys {
		fmt.Fprintf(&c, "\"Bearer %s\" app%d;\n", k, i)
	}
	fmt.Fprintf(&c, "}\nlimit_req_zone $app zone=apps:4m rate=100000r/s;\nserver {\nlisten %s;\nroot %s;\nif ($app = \"\") { return 401; }\nlocation = /small { limit_req zone=apps burst=100000 nodelay; }\n}\n}\n", address, dir)
	conf := filepath.Join(dir, "nginx.conf")
	for name, text := range map[string][]byte{conf: c.Bytes(), filepath.Join(dir, "small"): body} {
		if err := os.WriteFile(name, text, 0o644); err != nil {
			b.Fatal(err)
		}
	}
	var said bytes.Buffer
	child := exec.Command(path, "-p", dir, "-c", conf, "-e", "stderr")
	child.Stderr = &said
	if err := child.Start(); err != nil {
		b.Fatal(err)
	}
	ended := make(chan struct{})
	go func() { child.Wait(); close(ended) }()
	b.Cleanup(func() { child.Process.Kill(); <-ended })
	for {
		conn, err := net.Dial("tcp", address)
		if err == nil {
			conn.Close()
			break
		}
		select {
		case <-ended:
			b.Logf("nginx does not start, the comparison with it is left out: %s", said.String())
			return "", nil, false
		case <-time.After(20 * time.Millisecond):
		}
	}
	return address, func() time.Duration {
		// In clock ticks of 10 ms: a run takes some hundred of them.
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", child.Process.Pid))
		if err != nil {
			b.Fatal(err)
		}
		fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
		user, _ := strconv.Atoi(fields[11])
		system, _ := strconv.Atoi(fields[12])
		return time.Duration(user+system) * 10 * time.Millisecond
	}, true
}

// TestAskWithManyKeys is the client of BenchmarkGateway, in a process of its own.
func TestAskWithManyKeys(t *testing.T) {
	url := os.Getenv("ASSAY_ASK")
	if url == "" {
		return
	}
	text, err := os.ReadFile(os.Getenv("ASSAY_ASK_KEYS"))
	if err != nil {
		t.Fatal(err)
	}
	keys := strings.Split(string(text), "\n")
	n, _ := strconv.Atoi(os.Getenv("ASSAY_ASK_N"))
	const connections = 8
	var all sync.WaitGroup
	for c := range connections {
		all.Go(func() {
			host := strings.TrimSuffix(strings.TrimPrefix(url, "http://"), "/small")
			conn, err := net.Dial("tcp", host)
			if err != nil {
				t.Error(err)
				return
			}
			defer conn.Close()
			in := bufio.NewReader(conn)
			for i := range n / connections {
				fmt.Fprintf(conn, "GET /small HTTP/1.1\r\nHost: %s\r\nUser-Agent: bench/1.0\r\nAuthorization: Bearer %s\r\n\r\n", host, keys[(i*connections+c)%len(keys)])
				res, err := http.ReadResponse(in, nil)
				if err != nil || res.StatusCode != 200 {
					t.Error(err, res)
					return
				}
				io.Copy(io.Discard, res.Body)
			}
		})
	}
	all.Wait()
}
