package serve

import "time"

// Status is what a mount reports about itself, as JSON (fusefs.StatusFile) and as metrics, with
// tags like those of Figures. Its JSON fields are a contract.
type Status struct {
	PID     int       `json:"pid"`
	Version string    `json:"version"`
	Started time.Time `json:"started"`
	Share   string    `json:"share"`
	// directory for writes; without it disks are read-only
	Overlay string `json:"overlay,omitempty"`
	Backups int    `json:"backups"`
	// finished backups that cannot be read completely
	Problems int      `json:"problems"`
	Problem  []string `json:"problem_backups,omitempty"` // ids of the first 20
	// backups that Cinder is writing, or has given up
	Incomplete  int       `json:"incomplete"`
	OpenVolumes int       `json:"open_volumes" metric:"open_volumes"`
	Looked      time.Time `json:"looked"` // when the share was last looked at successfully
	LookError   string    `json:"look_error,omitempty"`
	Figures

	States      StateFigures `json:"-"`
	LookedAt    float64      `json:"-" metric:"share_look_timestamp_seconds"`
	LookFailing bool         `json:"-" metric:"share_look_failing"`
}

// StateFigures are the backups that are served, by state.
type StateFigures struct {
	Complete   int `metric:"backups{state=complete}"`
	Incomplete int `metric:"backups{state=incomplete}"`
	Broken     int `metric:"backups{state=broken}"`
}
