package console

import (
	"bufio"
	"os"
	"testing"
	"time"
)

func TestWithoutATerminalThereIsALineEverySoOften(t *testing.T) {
	ours, its, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer ours.Close()
	s := State{Stage: "copying", Done: 3 << 30, Total: 10 << 30, Rate: 100 << 20, Healed: 32 << 10,
		LeftMin: 72, LeftMax: 72}
	stop := ShowLine(its, time.Millisecond, func() State { return s })
	lines := bufio.NewScanner(ours)
	for range 3 {
		const want = "copying   30 %  100 MiB/s  1m12s left  32 KiB healed  3 GiB of 10 GiB"
		if !lines.Scan() || lines.Text() != want {
			t.Errorf("%q, not %q", lines.Text(), want)
		}
	}
	ours.Close() // so that no line waits for space
	stop()
	its.Close()
}
