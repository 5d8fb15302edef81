package live

import (
	"fmt"
	"path/filepath"
	"text/tabwriter"
	"time"

	"github.com/restorefs/restorefs/cmd/cmdline"
	"github.com/restorefs/restorefs/cmd/wording"
	"github.com/restorefs/restorefs/materialize/live"
	"github.com/restorefs/restorefs/materialize/live/mapper"
)

// Status is one restore in the JSON of status; its fields are a contract.
type Status struct {
	Device     string    `json:"device"` // where the volume comes to lie
	Shown      string    `json:"shown,omitempty"`
	Backup     string    `json:"backup"`
	Phase      string    `json:"phase"`
	Running    bool      `json:"running"` // a process is at it
	Size       int64     `json:"size"`
	DataBytes  int64     `json:"data_bytes"`  // of the backup, that are not holes; 0: not known yet
	ValidBytes int64     `json:"valid_bytes"` // that the device has
	GuestBytes int64     `json:"guest_bytes"` // of these, that the guest wrote or may have written
	LostBytes  int64     `json:"lost_bytes"`  // that the backup cannot give
	Begun      time.Time `json:"begun"`
	State      string    `json:"state"` // the file
	Error      string    `json:"error,omitempty"`
}

func statusOf(s live.Status, file string) Status {
	out := Status{Device: s.Names.Device, Backup: s.Backup, Phase: s.Phase.String(),
		Running: s.Running, Size: s.Size, DataBytes: s.Data, ValidBytes: s.Valid,
		GuestBytes: s.Guest, LostBytes: s.Lost, Begun: s.Begun, State: file}
	if s.Mapper != "" {
		out.Shown = mapper.Path(s.Mapper)
	}
	return out
}

// String says in words what is known of a restore.
func (s Status) String() string {
	how := ""
	if s.DataBytes > 0 {
		how = fmt.Sprintf(", %d %% of the data", min(100*s.ValidBytes/s.DataBytes, 100))
	}
	return fmt.Sprintf("a live restore of backup %s, begun at %s: %s%s, %s written by the guest",
		wording.Printable(s.Backup), s.Begun.Format(time.RFC3339), s.Phase, how,
		wording.Size(s.GuestBytes))
}

// Show says what is known of the live restores of this machine.
func Show(o Options) error {
	files := o.all(filepath.Join(o.Record.Dir, stateSub))
	if o.State != "" {
		s, err := live.Inspect(o.State)
		files = []found{{s, o.State, err}}
	} else if o.Record.Dir == "" {
		return cmdline.Usagef("there is no directory of state files: give --state FILE")
	}
	list := []Status{}
	for _, f := range files {
		s := statusOf(f.Status, f.file)
		if f.err != nil {
			s.Error = f.err.Error()
		}
		list = append(list, s)
	}
	if o.JSON {
		return wording.WriteJSON(o.Out, list)
	}
	if len(list) == 0 {
		fmt.Fprintln(o.Err, "no live restores")
		return nil
	}
	w := tabwriter.NewWriter(o.Out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "DEVICE\tSHOWN AS\tBACKUP\tPHASE\tPROCESS\tDATA\tGUEST\tLOST")
	for _, s := range list {
		if s.Error != "" {
			fmt.Fprintf(w, "%s: %s\n", wording.Printable(s.State), wording.Printable(s.Error))
			continue
		}
		s.print(w)
	}
	return w.Flush()
}

func (s Status) print(w *tabwriter.Writer) {
	running, shown, data := "none", "a file", "?"
	if s.Running {
		running = "running"
	}
	if s.Shown != "" {
		shown = s.Shown
	}
	if s.DataBytes > 0 {
		data = fmt.Sprintf("%d %% of %s", min(100*s.ValidBytes/s.DataBytes, 100),
			wording.Size(s.DataBytes))
	}
	fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", wording.Printable(s.Device),
		wording.Printable(shown), wording.Printable(s.Backup), s.Phase, running, data,
		wording.Size(s.GuestBytes), wording.Size(s.LostBytes))
}
