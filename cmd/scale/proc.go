package main

import (
	"fmt"
	"os"
	"strconv"
	"strings"
)

// usage reads a process's processor seconds and resident bytes from /proc; zero where
// there is none.
func usage(pid int) (cpu float64, rss int64) {
	b, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if _, after, ok := strings.Cut(string(b), ") "); ok {
		f := strings.Fields(after)
		user, _ := strconv.ParseFloat(f[11], 64)
		system, _ := strconv.ParseFloat(f[12], 64)
		cpu = (user + system) / 100
	}
	b, _ = os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
	if f := strings.Fields(string(b)); len(f) > 1 {
		n, _ := strconv.ParseInt(f[1], 10, 64)
		rss = n * int64(os.Getpagesize())
	}
	return cpu, rss
}

// load is the machine's load averages.
func load() string {
	b, _ := os.ReadFile("/proc/loadavg")
	return strings.Join(strings.Fields(string(b))[:min(3, len(strings.Fields(string(b))))], " ")
}
