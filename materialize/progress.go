package materialize

import "sync/atomic"

// Stage is what a run is doing.
type Stage int32

// The stages of a run, in order.
const (
	StageStarting  Stage = iota
	StageCopying         // copying, and comparing when it continues or updates
	StageFlushing        // waiting for stable storage
	StageVerifying       // reading the target back
	StageDone
)

// String returns the stage as one word.
func (s Stage) String() string {
	return [...]string{"starting", "copying", "flushing", "verifying", "done"}[s]
}

// Progress counts what a run has done. The zero value is ready for use. A
// caller passes one to Run or Compare and polls Counts from any goroutine.
type Progress struct {
	stage                    atomic.Int32
	total                    atomic.Int64
	written, zeroed, skipped atomic.Int64
	verified                 atomic.Int64
}

// Counts is what a run has done so far, in bytes of the volume.
type Counts struct {
	Stage    Stage
	Total    int64 // size of the volume
	Done     int64 // Written + Zeroed + Skipped, or what has been verified while verifying
	Written  int64
	Zeroed   int64
	Skipped  int64
	Verified int64 // read back from the target and compared
}

// Counts returns the current counters. They are read one after another, so they
// are consistent only when the run has ended.
func (p *Progress) Counts() Counts {
	s := Counts{
		Stage: Stage(p.stage.Load()), Total: p.total.Load(), Written: p.written.Load(),
		Zeroed: p.zeroed.Load(), Skipped: p.skipped.Load(), Verified: p.verified.Load(),
	}
	s.Done = s.Written + s.Zeroed + s.Skipped
	if s.Stage == StageVerifying {
		s.Done = s.Verified
	}
	return s
}
