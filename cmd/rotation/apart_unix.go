//go:build unix

package main

import (
	"os/exec"
	"syscall"
)

// apart keeps the interrupt of a terminal from a server: it ends with its input.
func apart(c *exec.Cmd) { c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }
