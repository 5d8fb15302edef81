package serve

import "testing"

func TestTheLastHoleAnswersForItself(t *testing.T) {
	type answer struct {
		start, stop int64
		ok          bool
	}
	for _, tt := range []struct {
		name     string
		kept     [3]int64
		off, end int64
		want     answer
	}{
		{"nothing is known", [3]int64{}, 0, 10, answer{}},
		{"the same question", [3]int64{10, 20, 30}, 10, 100, answer{20, 30, true}},
		{"from within the hole", [3]int64{10, 20, 30}, 15, 100, answer{20, 30, true}},
		{"from where the data begins", [3]int64{10, 20, 30}, 20, 100, answer{20, 30, true}},
		{"from within the data", [3]int64{10, 20, 30}, 25, 100, answer{25, 30, true}},
		{"from where the data ends", [3]int64{10, 20, 30}, 30, 100, answer{}},
		{"from before the hole", [3]int64{10, 20, 30}, 9, 100, answer{}},
		{"up to within the hole", [3]int64{10, 20, 30}, 12, 15, answer{15, 15, true}},
		{"up to where the data begins", [3]int64{10, 20, 30}, 12, 20, answer{20, 20, true}},
		{"up to within the data", [3]int64{10, 20, 30}, 12, 25, answer{20, 25, true}},
		{"no data was found", [3]int64{10, 30, 30}, 15, 30, answer{30, 30, true}},
		{"nor before", [3]int64{10, 30, 30}, 15, 20, answer{20, 20, true}},
		{"but perhaps there is some behind", [3]int64{10, 30, 30}, 15, 31, answer{}},
		{"nothing was asked for", [3]int64{10, 20, 30}, 15, 15, answer{}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var h holes
			h.keep(tt.kept[0], tt.kept[1], tt.kept[2])
			start, stop, ok := h.answer(tt.off, tt.end)
			if got := (answer{start, stop, ok}); got != tt.want {
				t.Errorf("%+v, want %+v", got, tt.want)
			}
		})
	}
}
