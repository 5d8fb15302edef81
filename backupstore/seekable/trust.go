package seekable

// trust is what has been found out about an object since it was opened, where what
// is stored of it, or the index that was found with it, may be wrong. Reads go by
// it. Events change it, by the tables below and in no other way. Engine.mu guards
// it.
//
//	           misled                         damaged
//	found ──────────────▶ dropped    found ─────────────▶ cleared
//	cleared ────────────▶ dropped
//
//	           sought               entered              deceived
//	unsought ───────────▶ seeking ───────────▶ entrance ──────────▶ only
//	         ◀───────────
//	           troubled
//
// INVARIANTS
//   - dropped is final. A decoder that began before may end its read, and is not
//     parked: what is read from then on owes nothing to the index that was found.
//   - cleared comes only of a decoder that met the damage on its way from the
//     object's start.
//   - entry is set in entrance and only, and nowhere else. It stays as long as the
//     object is open, whatever becomes of the index, to which it owes nothing.
//   - An entry does not change, and is used without the lock. One with an earlier
//     out may take its place, which decodes from the same place.
type trust struct {
	index  indexTrust
	behind behindTrust
	entry  *entry
}

// indexTrust is whether the index that was found with an object is believed.
type indexTrust uint8

const (
	indexFound   indexTrust = iota // nothing speaks against it
	indexCleared                   // the object is damaged; its index is right, and leads past that
	indexDropped                   // it was wrong, or nothing would show if it were
)

// behindTrust is how bytes behind damage are read that no index leads past.
type behindTrust uint8

const (
	behindUnsought behindTrust = iota // no entry was looked for
	behindSeeking                     // an entry is being looked for, or there is none
	behindEntrance                    // from the entry, or from checkpoints behind that
	// from the entry: checkpoints behind it come from a decoder that met the damage
	behindOnly
)

// event is what readers find out.
type event uint8

const (
	eventMisled   event = iota // what the index led to is wrong, or would be believed
	eventDamaged               // decoded from its start, the object is wrong as well
	eventSought                // an entry is being looked for
	eventTroubled              // the share did not let it be found; it may be looked for again
	eventEntered               // it was found
	eventDeceived              // behind it, a checkpoint led to wrong bytes
)

// indexSteps and behindSteps are all there are: an event that is not there for a
// state changes nothing.
var (
	indexSteps = map[indexTrust]map[event]indexTrust{
		indexFound:   {eventMisled: indexDropped, eventDamaged: indexCleared},
		indexCleared: {eventMisled: indexDropped},
		indexDropped: {},
	}
	behindSteps = map[behindTrust]map[event]behindTrust{
		behindUnsought: {eventSought: behindSeeking},
		behindSeeking:  {eventTroubled: behindUnsought, eventEntered: behindEntrance},
		behindEntrance: {eventDeceived: behindOnly},
		behindOnly:     {},
	}
)

// met takes notice of an event and reports whether it changes anything.
func (t *trust) met(e event) bool {
	index, changed := indexSteps[t.index][e]
	if changed {
		t.index = index
	}
	behind, also := behindSteps[t.behind][e]
	if also {
		t.behind = behind
	}
	return changed || also
}

// enter is met for eventEntered.
func (t *trust) enter(en *entry) {
	if t.met(eventEntered) {
		t.entry = en
	}
}

// at returns the entry for off, nil where it is of no use, and whether it is the
// only way there.
func (t *trust) at(off int64) (en *entry, only bool) {
	if t.entry == nil || off < t.entry.out {
		return nil, false
	}
	return t.entry, t.behind == behindOnly
}

// widen lets the entry begin at off, where damage was met before it. Only one that
// goes through the damage can: it is of use from where decoded offsets are right.
func (t *trust) widen(off int64) bool {
	if t.entry == nil || t.entry.cp != nil {
		return false
	}
	out := max(off, t.entry.shift)
	if out >= t.entry.out {
		return false
	}
	t.entry = &entry{out: out, shift: t.entry.shift}
	return true
}
