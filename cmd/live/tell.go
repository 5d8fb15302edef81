package live

import (
	"fmt"
	"time"

	"github.com/restorefs/restorefs/backupstore"
	"github.com/restorefs/restorefs/cmd/console"
	"github.com/restorefs/restorefs/cmd/report"
	"github.com/restorefs/restorefs/cmd/wording"
	"github.com/restorefs/restorefs/materialize/live"
)

// Ready is the first line of live's JSON: the volume can be used. Its fields are a contract.
type Ready struct {
	Ready   string  `json:"ready"` // the device, or the file
	Backup  string  `json:"backup"`
	Target  string  `json:"target"`
	Seconds float64 `json:"seconds"` // since the command began
}

// Result is the last line of live's JSON. Its fields are a contract.
type Result struct {
	Backup      string `json:"backup"`
	Target      string `json:"target"`
	Phase       string `json:"phase"` // complete, or incomplete if something is lost
	Size        int64  `json:"size"`
	DataBytes   int64  `json:"data_bytes"` // of the backup, that are not holes
	BytesCopied int64  `json:"bytes_copied"`
	BytesZeroed int64  `json:"bytes_zeroed"`
	BytesProven int64  `json:"bytes_proven"`
	// BytesRepaired were wrong on the device, and were written again.
	BytesRepaired int64          `json:"bytes_repaired,omitempty"`
	Healed        []report.Range `json:"healed,omitempty"`
	Lost          []report.Range `json:"lost,omitempty"`
	Seconds       float64        `json:"seconds"`
}

func shellCommand(words []string) string { return wording.ShellCommand(words) }

// progress is what the bar shows.
func (s *session) progress() console.State {
	p := s.v.Progress()
	now := console.State{Stage: p.Phase.String(), Done: p.Passed, Total: p.Data, Written: p.Copied,
		Zeroed: p.Zeroed}
	if p.Phase != live.Filling {
		now.Done = min(p.Proven, p.Data)
	}
	for _, h := range s.volume.Healed() {
		now.Healed += h.Len
	}
	return now
}

// phaseWords says in which state the device is.
func (s *session) phaseWords() string {
	p := s.v.Progress()
	how := ""
	if p.Phase == live.Filling && p.Data > 0 {
		how = fmt.Sprintf(", some %d %% of it", min(100*p.Passed/p.Data, 100))
	}
	return fmt.Sprintf("%s: %s%s, and what the guest wrote is safe there", s.target,
		p.Phase.Device(), how)
}

// finish reports a restore that came to its end. What is lost is an error.
func (s *session) finish(p live.Progress, lost []live.Range) error {
	b, healed := s.backup, s.volume.Healed()
	took := time.Since(s.began)
	if s.o.JSON {
		err := wording.WriteJSONLine(s.o.Out, Result{Backup: b.ID, Target: s.target.Path(),
			Phase: p.Phase.String(), Size: s.v.Size(), DataBytes: p.Data, BytesCopied: p.Copied,
			BytesZeroed: p.Zeroed, BytesProven: p.Proven, BytesRepaired: p.Repaired,
			Healed: report.Ranges(healed), Lost: report.Ranges(lost), Seconds: took.Seconds()})
		if err != nil {
			return err
		}
	} else {
		s.printFinished(p, len(healed), took)
	}
	if len(lost) == 0 {
		return nil
	}
	return s.lostError(lost)
}

func (s *session) printFinished(p live.Progress, healed int, took time.Duration) {
	word := "complete"
	if p.Phase == live.Incomplete {
		word = "incomplete"
	}
	fmt.Fprintf(s.o.Out, "%s: backup %s on %s\n  %s in %.1f s: %s copied, %s zero; what the guest "+
		"did not write was compared with the backup on the device\n", word, s.backup.ID, s.target,
		wording.Size(s.v.Size()), took.Seconds(), wording.Size(p.Copied), wording.Size(p.Zeroed))
	if healed > 0 {
		fmt.Fprintf(s.o.Out, "  %s taken from other backups of the volume\n",
			wording.Count(healed, "damaged range"))
	}
	if p.Repaired > 0 {
		fmt.Fprintf(s.o.Out, "  %s were not as they had been written, and were written again: "+
			"have the device looked at\n", wording.Size(p.Repaired))
	}
	if s.dm != nil {
		fmt.Fprintf(s.o.Out, "  %s shows %s itself now, and stays until it is removed (dmsetup "+
			"remove %s) or the machine is restarted; use %s by its own name only then\n",
			s.shown(), s.target, s.dm.Name, s.target)
	}
}

// lostLines bounds the lines that are printed; JSON has all.
const lostLines = 20

// lostError says what could not be had, and what to do.
func (s *session) lostError(lost []live.Range) error {
	total := int64(0)
	for i, r := range lost {
		total += r.Len
		if i < lostLines {
			fmt.Fprintf(s.o.Err, "lost    bytes %d to %d of the volume\n", r.Off, r.Off+r.Len)
		}
	}
	if n := len(lost) - lostLines; n > 0 {
		fmt.Fprintf(s.o.Err, "lost    %d more ranges\n", n)
	}
	shows := "they are zero on " + s.target.String()
	if s.dm != nil {
		shows = fmt.Sprintf("%s gives errors there, and %s has zeros", s.shown(), s.target)
	}
	return fmt.Errorf("backup %s: %s of the volume could not be had: %w: %s\n\"restorefs verify "+
		"%s\" says which objects are damaged; when they are back, this restores the rest:\n  %s",
		s.backup.ID, wording.Size(total), backupstore.ErrDamaged, shows, s.backup.ID, s.resuming())
}
