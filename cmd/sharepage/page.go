package sharepage

import (
	"cmp"
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"slices"
	"strings"

	"github.com/restorefs/restorefs/backupstore"
	"github.com/restorefs/restorefs/cmd/report"
	"github.com/restorefs/restorefs/cmd/wording"
)

const (
	// maxBackups are on a page; of more, each volume has its newest ones.
	maxBackups = 5000
	// maxTrouble backups stand in the list of those that are not as they should be.
	maxTrouble = 100
	maxUnread  = 10
	maxWords   = 300 // characters of a problem
	maxProblem = 3   // problems of a backup
)

// page is what the template shows.
type page struct {
	Share, Version, Made  string
	Totals                []total
	Unread                []string
	Trouble               []trouble
	MoreTrouble, NotShown int
	Volumes               []volume
	Legend                []sign
}

// trouble is a backup that is not as it should be.
type trouble struct{ ID, Volume, Made, What, Next, Class string }

// volume is one with its backups.
type volume struct {
	ID, Name, Former     string
	Size, Stored, Newest string
	Count                string
	Share                int // of what is stored in all, in percent
	Worst                string
	Graph                graph
	Rows                 []row
	NotShown             int
}

// row is a backup of a volume.
type row struct {
	ID, Name, Made, Ago, Kind, Stored, State, Proven, Class string
	Percent                                                 int // of the largest backup's bytes
	Problems                                                []string
}

//go:embed page.html
var text string

// Write writes the page.
func Write(w io.Writer, in Input) error {
	t, err := template.New("page").Parse(text)
	if err != nil {
		return err
	}
	return t.Execute(w, newPage(in))
}

func newPage(in Input) page {
	p := page{
		Share: clean(in.Share, wording.MaxValue), Version: in.Version, Legend: signs[:],
		Made: in.Now.UTC().Format("2006-01-02 15:04 MST"),
	}
	for _, err := range in.Unread[:min(len(in.Unread), maxUnread)] {
		p.Unread = append(p.Unread, clean(err.Error(), maxWords))
	}
	names := report.VolumeNames(in.Backups)
	var stored int64
	for _, b := range in.Backups {
		stored += b.StoredBytes
	}
	volumes := byVolume(in.Backups)
	each := len(in.Backups)
	if each > maxBackups {
		each = max(1, maxBackups/len(volumes))
	}
	for _, all := range volumes {
		if len(p.Volumes) == maxBackups {
			p.NotShown += len(all)
			continue
		}
		v := in.volume(all, names[all[0].VolumeID], stored, each)
		p.NotShown += v.NotShown
		p.Volumes = append(p.Volumes, v)
	}
	slices.SortStableFunc(p.Volumes, func(a, b volume) int {
		return cmp.Compare(strings.ToLower(a.Name), strings.ToLower(b.Name))
	})
	p.Totals = in.totals(len(volumes), stored)
	in.addTrouble(&p)
	return p
}

// byVolume splits backups, which are in the order of their volumes.
func byVolume(all []*backupstore.Backup) (out [][]*backupstore.Backup) {
	for b := range slices.Values(all) {
		if k := len(out) - 1; k >= 0 && out[k][0].VolumeID == b.VolumeID {
			out[k] = append(out[k], b)
			continue
		}
		out = append(out, []*backupstore.Backup{b})
	}
	return out
}

// volume describes a volume, with so many of its backups, the newest.
func (in Input) volume(all []*backupstore.Backup, names []string, stored int64, most int) volume {
	newest := all[len(all)-1]
	v := volume{
		ID: clean(newest.VolumeID, wording.MaxName), Size: wording.VolumeSize(newest.Size),
		Newest: wording.Ago(newest.CreatedAt, in.Now), Count: wording.Count(len(all), "backup"),
	}
	if len(names) > 0 {
		v.Name = clean(names[0], wording.MaxName)
	}
	for i, former := range names[min(1, len(names)):] {
		if i > 0 {
			v.Former += ", "
		}
		v.Former += clean(former, wording.MaxName)
	}
	var sum, largest int64
	for _, b := range all {
		sum, largest = sum+b.StoredBytes, max(largest, b.StoredBytes)
	}
	v.Stored, v.Share = wording.Size(sum), percent(sum, stored)
	v.NotShown = max(0, len(all)-most)
	shown := all[v.NotShown:]
	v.Graph = in.graph(shown)
	worst := sign{}
	for _, b := range slices.Backward(shown) { // the newest first, as people look for it
		s := in.sign(b)
		if s.weight > worst.weight {
			worst = s
		}
		v.Rows = append(v.Rows, in.row(b, s, largest))
	}
	if worst.weight > 0 {
		v.Worst = worst.Class
	}
	return v
}

func (in Input) row(b *backupstore.Backup, s sign, largest int64) row {
	r := row{
		ID: clean(b.ID, wording.MaxName), Made: b.CreatedAt.Format("2006-01-02 15:04:05"),
		Ago: wording.Ago(b.CreatedAt, in.Now), Kind: "full", State: b.State.String(),
		Stored: wording.Size(b.StoredBytes), Percent: percent(b.StoredBytes, largest),
		Proven: report.ProvenText(in.Proven.Of(b), in.Now), Class: s.Class,
	}
	if b.Incremental() {
		r.Kind = "on " + short(b.ParentID)
	}
	if b.Name != nil {
		r.Name = clean(*b.Name, wording.MaxName)
	}
	for i, problem := range b.Problems {
		if i == maxProblem {
			r.Problems = append(r.Problems, fmt.Sprintf("and %d more", len(b.Problems)-i))
			break
		}
		r.Problems = append(r.Problems, clean(problem, maxWords))
	}
	return r
}

// addTrouble lists the backups that are not as they should be, the worst first.
func (in Input) addTrouble(p *page) {
	type bad struct {
		b *backupstore.Backup
		s sign
	}
	var all []bad
	for _, b := range in.Backups {
		if s := in.sign(b); s.weight > 0 && b.State != backupstore.Incomplete {
			all = append(all, bad{b, s})
		}
	}
	slices.SortStableFunc(all, func(x, y bad) int { return cmp.Compare(y.s.weight, x.s.weight) })
	for i, x := range all {
		if i == maxTrouble {
			p.MoreTrouble = len(all) - i
			return
		}
		t := trouble{
			ID: clean(x.b.ID, wording.MaxName), Volume: clean(x.b.VolumeName(), wording.MaxName),
			Made: x.b.CreatedAt.Format("2006-01-02 15:04"), What: x.s.What, Class: x.s.Class,
			Next: "restorefs map " + short(x.b.ID),
		}
		if bad := in.Proven.Of(x.b).Bad; bad != nil {
			t.What = wording.Size(bad.Lost) + " " + x.s.What
		}
		if t.Volume == "" {
			t.Volume = clean(x.b.VolumeID, wording.MaxName)
		}
		if x.b.State == backupstore.Broken {
			t.Next = "restorefs show " + short(x.b.ID)
			if len(x.b.Problems) > 0 {
				t.What = clean(x.b.Problems[0], maxWords)
			}
		}
		p.Trouble = append(p.Trouble, t)
	}
}
