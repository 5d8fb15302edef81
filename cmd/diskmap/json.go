package diskmap

import "time"

// Described is a map in JSON; its fields are a contract.
type Described struct {
	Backup     string      `json:"backup"`
	Size       int64       `json:"size"`
	CellBytes  int64       `json:"cell_bytes"`
	Exact      bool        `json:"exact"` // every block was looked at; else the bytes are estimates
	ZeroBytes  int64       `json:"zero_bytes"`
	Layers     []LayerJSON `json:"layers"` // the newest first
	Runs       []Run       `json:"runs"`   // in order, all of the disk
	Partitions []PartJSON  `json:"partitions"`
}

// LayerJSON is a backup of the chain; its fields are a contract.
type LayerJSON struct {
	Backup    string    `json:"backup"`
	CreatedAt time.Time `json:"created_at"`
	DataBytes int64     `json:"data_bytes"` // of the disk that come from it
}

// Run is a number of cells of one kind; its fields are a contract.
type Run struct {
	Offset    int64  `json:"offset"`
	Length    int64  `json:"length"`
	DataBytes int64  `json:"data_bytes"`
	Layer     string `json:"layer,omitempty"` // the backup that most of it comes from; "": zero
	Mark      string `json:"mark,omitempty"`  // healed or lost
}

// PartJSON is a partition; its fields are a contract.
type PartJSON struct {
	Number int    `json:"number"` // 0: the disk as a whole
	Start  int64  `json:"start"`
	Size   int64  `json:"size"`
	Kind   string `json:"kind"` // "" if not known
	Label  string `json:"label,omitempty"`
}

// Describe returns a map for scripts.
func (m *Map) Describe(n Notes) Described {
	d := Described{Backup: m.Backup.ID, Size: m.Size, CellBytes: m.CellBytes, Exact: m.Exact,
		ZeroBytes: m.Zero, Layers: []LayerJSON{}, Runs: []Run{}, Partitions: []PartJSON{}}
	for _, l := range m.Layers {
		d.Layers = append(d.Layers, LayerJSON{l.Backup.ID, l.Backup.CreatedAt, l.Bytes})
	}
	for i, c := range m.Cells {
		off := int64(i) * m.CellBytes
		run := Run{Offset: off, Length: min(m.CellBytes, m.Size-off), DataBytes: c.Data,
			Mark: c.Mark.String()}
		if c.Layer >= 0 {
			run.Layer = m.Layers[c.Layer].Backup.ID
		}
		if k := len(d.Runs) - 1; k >= 0 && d.Runs[k].Layer == run.Layer &&
			d.Runs[k].Mark == run.Mark {
			d.Runs[k].Length += run.Length
			d.Runs[k].DataBytes += run.DataBytes
			continue
		}
		d.Runs = append(d.Runs, run)
	}
	for _, p := range n.Parts {
		d.Partitions = append(d.Partitions, PartJSON{p.Number, p.Start, p.Size, p.Kind, p.Label})
	}
	return d
}
