package file_test

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/assayhq/assay/access/secret"
	"github.com/assayhq/assay/access/secret/file"
)

// Two processes write different names at once and neither loses what the other wrote.
func TestProcessesDoNotLoseEachOthersWrites(t *testing.T) {
	if me := os.Getenv("FILE_TEST_WRITER"); me != "" {
		f := create(t, file.Options{Path: os.Getenv("FILE_TEST_PATH"), Identity: os.Getenv("FILE_TEST_IDENTITY")})
		for i := range 8 {
			push(t, f, fmt.Sprintf("%s/%d", me, i), me)
		}
		return
	}
	o := place(t) // no identity yet: the processes race for that too
	var all []*exec.Cmd
	var said [3]strings.Builder
	for i := range said {
		c := exec.Command(os.Args[0], "-test.run=^TestProcessesDoNotLoseEachOthersWrites$")
		c.Env = append(os.Environ(), "FILE_TEST_WRITER=writer"+fmt.Sprint(i), "FILE_TEST_PATH="+o.Path, "FILE_TEST_IDENTITY="+o.Identity)
		c.Stdout, c.Stderr = &said[i], &said[i]
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		all = append(all, c)
	}
	for i, c := range all {
		if err := c.Wait(); err != nil {
			t.Errorf("%v: %s", err, said[i].String())
		}
	}
	f := create(t, o)
	for i := range said {
		for j := range 8 {
			if v, err := f.Read(t.Context(), fmt.Sprintf("writer%d/%d", i, j)); err != nil || v.Current.Value.Reveal() != fmt.Sprint("writer", i) {
				t.Errorf("writer%d/%d: %v", i, j, err)
			}
		}
	}
}

// A process that is killed while it holds the lock does not keep others out.
func TestADeadProcessHoldsNoLock(t *testing.T) {
	if p := os.Getenv("FILE_TEST_HOLDER"); p != "" {
		held, err := file.Lock(context.Background(), p)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Println("held")
		time.Sleep(time.Hour) // until it is killed; a mere select would be found to be a deadlock
		runtime.KeepAlive(held)
	}
	o := place(t)
	f := create(t, o)
	c := exec.Command(os.Args[0], "-test.run=^TestADeadProcessHoldsNoLock$")
	c.Env = append(os.Environ(), "FILE_TEST_HOLDER="+o.Path+".lock")
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	said := make([]byte, 5)
	if n, err := io.ReadFull(out, said); err != nil || string(said) != "held\n" {
		t.Fatalf("%q %v", said[:n], err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := f.WritePending(ctx, "pepper", secret.Of("salt")); err == nil {
		t.Error("a held lock was taken")
	}
	if _, err := file.TryLock(o.Path + ".lock"); err == nil {
		t.Error("a held lock was taken")
	}
	if err := c.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = c.Wait()
	push(t, f, "pepper", "salt")
}
