package backupstore

import (
	"fmt"
	"strings"
	"time"
)

// Ref is how people name a backup or a volume: [ParseRef] takes it apart, [Select] and
// [SelectVolume] find what it names.
type Ref struct {
	Text string // all of it
	Name string // an id, the start of one, or a name
	Kind RefKind
	// Moment says which backup of several is meant; nil if the Ref does not say it.
	Moment *Moment

	now    time.Time
	volume bool // a volume is named
	broken bool // a broken backup does where a Moment has no complete one
}

// RefKind says what the Name of a Ref may be.
type RefKind int

// The kinds of a Ref.
const (
	RefAny  RefKind = iota // an id or a name
	RefID                  // id=...
	RefName                // name=...
)

// Moment is what stands behind the @ of a Ref: the newest complete backup at or before Until is
// meant.
type Moment struct {
	Text   string
	Latest bool // the newest one there is
	Span
}

// ParseRef takes apart how a backup is named: NAME, NAME@latest, or NAME@TIME, with a time for
// [ParseTime] and now. The last @ counts, and only where latest or a time stands behind it: other
// ones belong to NAME. Before NAME may stand id= or name=, which says what it is.
//
// The error wraps ErrNoBackup: there is nothing that a backup or a volume could be called.
func ParseRef(text string, now time.Time) (Ref, error) {
	r := Ref{Text: strings.TrimSpace(text), now: now}
	r.Name, r.Kind = cutKind(r.Text)
	if i := strings.LastIndexByte(r.Name, '@'); i >= 0 {
		when := strings.TrimSpace(r.Name[i+1:])
		switch span, err := ParseTime(when, now); {
		case when == "latest":
			r.Moment = &Moment{Text: when, Latest: true}
		case err == nil:
			r.Moment = &Moment{Text: when, Span: span}
		}
		if r.Moment != nil {
			r.Name = strings.TrimSpace(r.Name[:i])
		}
	}
	if r.Name == "" {
		return r, fmt.Errorf("%w: %q names nothing", ErrNoBackup, text)
	}
	return r, nil
}

// ParseVolumeRef takes apart how a volume is named: by an id, the start of one, or a name, which
// may have id= or name= before it. An @ is part of the name. The error is that of ParseRef.
func ParseVolumeRef(text string) (Ref, error) {
	r := Ref{Text: strings.TrimSpace(text), volume: true}
	r.Name, r.Kind = cutKind(r.Text)
	if r.Name == "" {
		return r, fmt.Errorf("%w: %q names no volume", ErrNoBackup, text)
	}
	return r, nil
}

// cutKind takes what says the kind from the beginning.
func cutKind(text string) (string, RefKind) {
	for prefix, kind := range map[string]RefKind{"id=": RefID, "name=": RefName} {
		if rest, ok := strings.CutPrefix(text, prefix); ok {
			return strings.TrimSpace(rest), kind
		}
	}
	return text, RefAny
}

// oddTime returns why what stands behind the last @ of a Ref says no time, nil if there is no @.
func (r Ref) oddTime() error {
	i := strings.LastIndexByte(r.Name, '@')
	if i < 0 || r.Moment != nil {
		return nil
	}
	when := r.Name[i+1:]
	_, err := ParseTime(when, r.now)
	if err == nil || when == "latest" { // the Moment was taken from what remained
		return nil
	}
	return fmt.Errorf("what stands behind the @ is neither \"latest\" nor a time: %w", err)
}

// whole returns r as one name without a Moment, for the case that the text with @latest or @TIME is
// itself a name.
func (r Ref) whole() Ref {
	r.Name, _ = cutKind(r.Text)
	r.Moment = nil
	return r
}
