package stream

import (
	"bytes"
	"testing"
)

func TestWindowRoundTrip(t *testing.T) {
	window := []byte("0123456789abcdef")
	for name, used := range map[string][]Range{
		"nothing": nil,
		"all":     {{0, 16}},
		"ends":    {{0, 1}, {15, 1}},
		"middle":  {{3, 4}, {9, 2}},
	} {
		t.Run(name, func(t *testing.T) {
			want := make([]byte, len(window))
			for _, r := range used {
				copy(want[r.Off:], window[r.Off:r.Off+r.Len])
			}
			b := append(AppendWindow(nil, window, used), "rest"...)
			got := bytes.Repeat([]byte{0xff}, len(window))
			rest, err := ExpandWindow(got, b)
			if err != nil || string(rest) != "rest" || !bytes.Equal(got, want) {
				t.Fatalf("got %q, rest %q, err %v; want %q", got, rest, err, want)
			}
		})
	}
}

func FuzzExpandWindow(f *testing.F) {
	f.Add([]byte{2, 0, 1, 14, 1, 'a', 'b'})
	f.Add([]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1})
	f.Fuzz(func(t *testing.T, b []byte) {
		window := make([]byte, 16)
		rest, err := ExpandWindow(window, b)
		if err == nil && len(rest) >= len(b) {
			t.Fatal("nothing consumed")
		}
	})
}
