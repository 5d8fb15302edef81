package console

// State is how far something has got. With --progress=json it is a line of stderr; its fields are a
// contract. Other lines of stderr do not begin with {.
type State struct {
	Stage   string `json:"stage"`
	Done    int64  `json:"done"` // bytes of the volume, in this stage
	Total   int64  `json:"total"`
	Written int64  `json:"written"`
	Zeroed  int64  `json:"zeroed"`
	Skipped int64  `json:"skipped"` // found right on the target
	Healed  int64  `json:"healed"`  // damaged and read from siblings so far
	Rate    int64  `json:"rate"`    // of Done, in bytes a second, over the last seconds
	// LeftMin and LeftMax are the least and the most seconds that this stage may still take; not
	// there while that cannot be said.
	LeftMin float64 `json:"left_min,omitempty"`
	LeftMax float64 `json:"left_max,omitempty"`
}
