package console

import "time"

// rateWindow is the time over which a rate is measured: zeros and data have very different speeds,
// so that an average over the whole run says little.
const rateWindow = 5 * time.Second

// window keeps the last samples of a counter, of one stage only.
type window struct {
	span    time.Duration
	stage   string
	samples []mark
}

type mark struct {
	at   time.Time
	done int64
}

func newWindow(span time.Duration) *window {
	return &window{span: span, samples: []mark{{at: time.Now()}}}
}

// rate adds a sample and returns bytes a second since the oldest sample that the window needs.
func (w *window) rate(now time.Time, stage string, done int64) int64 {
	if last := w.samples[len(w.samples)-1]; done < last.done || stage != w.stage && w.stage != "" {
		w.samples = w.samples[:0]
	}
	w.stage = stage
	w.samples = append(w.samples, mark{now, done})
	for len(w.samples) > 2 && now.Sub(w.samples[1].at) >= w.span {
		w.samples = w.samples[1:]
	}
	first := w.samples[0]
	passed := now.Sub(first.at).Seconds()
	if passed <= 0 {
		return 0
	}
	return int64(float64(done-first.done) / passed)
}
