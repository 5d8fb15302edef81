package backupstore

import (
	"fmt"
	"slices"
	"strings"
	"unicode"

	"github.com/restorefs/restorefs/backupstore/safetext"
)

// AmbiguousError says that a Ref could mean several backups, or volumes. It wraps ErrAmbiguous.
type AmbiguousError struct {
	Ref string // as it was given
	// Candidates are what it could mean, the newest first: all of the backups, or of each volume
	// its newest.
	Candidates []*Backup
	Volumes    bool // it could mean several volumes

	names  map[string]string // of the volumes, by id
	advice string            // on what to type
}

// What is advised where something is ambiguous.
const (
	byID     = "say which by its id"
	moreOfID = "give more characters of the id"
)

// maxCandidates are shown.
const maxCandidates = 10

// Error returns a line for each candidate, the first of many.
func (e *AmbiguousError) Error() string {
	what := "backups"
	if e.Volumes {
		what = "volumes"
	}
	text := fmt.Sprintf("%v: %s could be %d %s; %s:", ErrAmbiguous, shown(e.Ref),
		len(e.Candidates), what, e.advice)
	for i, b := range e.Candidates {
		if i == maxCandidates {
			text += fmt.Sprintf("\n  and %d more", len(e.Candidates)-i)
			break
		}
		if e.Volumes {
			text += fmt.Sprintf("\n  %s %s  newest backup %s, %s", b.VolumeID,
				shown(e.names[b.VolumeID]), clock(b.CreatedAt), b.State)
			continue
		}
		text += fmt.Sprintf("\n  %s  %s  %s  of volume %s %s", b.ID, clock(b.CreatedAt), b.State,
			b.VolumeID, shown(e.names[b.VolumeID]))
		if b.Name != nil && *b.Name != "" {
			text += ", called " + shown(*b.Name)
		}
	}
	return text
}

// Unwrap returns ErrAmbiguous.
func (e *AmbiguousError) Unwrap() error { return ErrAmbiguous }

func ambiguousVolumes(r Ref, volumes []*named) *AmbiguousError {
	e := &AmbiguousError{Ref: r.Text, Volumes: true, names: map[string]string{}, advice: byID}
	for _, v := range volumes {
		e.names[v.id] = v.name
		e.Candidates = append(e.Candidates, v.backups[len(v.backups)-1])
	}
	if hasPrefixFold(volumes[0].id, r.Name) {
		e.advice = moreOfID
	}
	return e.sorted()
}

// ambiguousBackups is the error for all these backups, some or all of which are those of volumes.
func ambiguousBackups(r Ref, volumes []*named, all []*Backup) *AmbiguousError {
	e := &AmbiguousError{Ref: r.Text, Candidates: all, names: map[string]string{}}
	for _, v := range volumes {
		e.names[v.id] = v.name
	}
	one := true
	for _, b := range all {
		one = one && b.VolumeID == all[0].VolumeID
		if e.names[b.VolumeID] == "" {
			e.names[b.VolumeID] = b.VolumeName()
		}
	}
	switch {
	case one && len(volumes) > 0 || one && r.Kind == RefName:
		e.advice = "the newest complete one is " + shown(r.Text+"@latest")
	case hasPrefixFold(all[0].ID, r.Name):
		e.advice = moreOfID
	default:
		e.advice = byID
	}
	return e.sorted()
}

// whichKind advises to say whether a name is meant or the start of an id.
func (e *AmbiguousError) whichKind(r Ref) *AmbiguousError {
	e.advice = fmt.Sprintf("%s is a name, and an id begins so as well: say name=... or id=...",
		shown(r.Name))
	return e
}

func (e *AmbiguousError) sorted() *AmbiguousError {
	slices.SortStableFunc(e.Candidates,
		func(a, b *Backup) int { return b.CreatedAt.Compare(a.CreatedAt) })
	return e
}

// notNamedError says that a Ref names nothing. It wraps ErrNoBackup.
type notNamedError struct {
	ref   Ref
	like  []string // names that it may have meant
	where string   // completed by the Catalog
}

func (e *notNamedError) Unwrap() error { return ErrNoBackup }

func (e *notNamedError) Error() string {
	r := e.ref
	text := fmt.Sprintf("%v: no volume or backup%s is called %s", ErrNoBackup, e.where,
		shown(r.Name))
	if r.volume {
		text = fmt.Sprintf("%v of volume %s: none%s is called so", ErrNoBackup,
			shown(r.Name), e.where)
	}
	switch {
	case r.Kind == RefID && len(r.Name) < minPrefix, r.Kind == RefAny && len(r.Name) < minPrefix:
		text = fmt.Sprintf("%v: %s is too short, give %d characters of its id or more, or a name",
			ErrNoBackup, shown(r.Name), minPrefix)
	case r.Kind == RefID:
		text = fmt.Sprintf("%v: no id%s begins with %s", ErrNoBackup, e.where, shown(r.Name))
	case r.Kind == RefAny && strings.Trim(r.Name, "0123456789abcdefABCDEF-") == "":
		text += ", and no id begins so"
	}
	if odd := r.oddTime(); odd != nil {
		text += "; " + odd.Error()
	}
	if len(e.like) > 0 {
		return text + "; did you mean " + strings.Join(e.like, " or ") + "?"
	}
	return text + "; \"restorefs list --all\" shows what is there"
}

// notNamed returns the error for a Ref that names nothing, with the names that are like it.
func (n naming) notNamed(r Ref) error {
	const most = 5
	e := &notNamedError{ref: r}
	text := r.Name
	if i := strings.LastIndexByte(text, '@'); i > 0 {
		text = text[:i]
	}
	wanted := letters(text)
	add := func(name string) {
		has := letters(name)
		alike := len(wanted) >= 3 && strings.Contains(has, wanted) ||
			len(has) >= 3 && strings.Contains(wanted, has)
		if quoted := shown(name); alike && len(e.like) < most && !slices.Contains(e.like, quoted) {
			e.like = append(e.like, quoted)
		}
	}
	for _, v := range n.volumes {
		add(v.name)
	}
	for _, b := range n.backups {
		if b.Name != nil && len(e.like) < most && !r.volume {
			add(*b.Name)
		}
	}
	return e
}

// letters returns the letters and digits of a name, all of them small.
func letters(name string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return unicode.ToLower(r)
		}
		return -1
	}, name)
}

// shown is a name from the share, or from the operator, in quotes, safe for a terminal and on one
// line.
func shown(name string) string { return `"` + safetext.Printable(safetext.Cut(name, 255)) + `"` }
