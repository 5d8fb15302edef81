package wording

import "testing"

func TestTheSizeOfAVolumeThatIsNotKnownIsNotZero(t *testing.T) {
	for n, want := range map[int64]string{0: "size not known", 1: "1 B", 1 << 30: "1 GiB"} {
		if got := VolumeSize(n); got != want {
			t.Errorf("%d: %s", n, got)
		}
	}
}
