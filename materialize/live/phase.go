package live

import "fmt"

// Phase is how far a live restore has got. It is kept in the state file, so that a later process
// goes on from there. What is true in each phase:
//
//	phase       blocks not valid       the guest's writes      the device itself
//	Filling     read from the backup   through the Volume      parts of the volume, not usable
//	Proving     are lost               through the Volume      all of it, but what is lost
//	HandingOver are lost               wherever they come in   all of it, but what is lost
//	Complete    there are none         wherever they come in   the volume
//	Incomplete  read as errors         wherever they come in   the volume, zeros where it is lost
//
// Lost are blocks that the backup could not give because it is damaged, and that the guest has not
// written.
type Phase uint32

// The phases, in order.
const (
	Filling     Phase = iota + 1 // what the guest has not written is copied
	Proving                      // what was copied is compared with the backup's digests
	HandingOver                  // the guest is given the device itself
	Complete                     // nothing is left to do
	Incomplete                   // nothing is left to do but what the backup could not give
)

var phaseNames = [...]string{Filling: "filling", Proving: "proving", HandingOver: "handing-over",
	Complete: "complete", Incomplete: "incomplete"}

// String returns the phase as one word, as status and JSON have it.
func (p Phase) String() string {
	if p.known() {
		return phaseNames[p]
	}
	return fmt.Sprintf("phase %d", uint32(p))
}

func (p Phase) known() bool { return p >= Filling && p <= Incomplete }

// Ended says that no process serves the volume any more.
func (p Phase) Ended() bool { return p == Complete || p == Incomplete }

// Device says what the device is in this phase to whoever uses it by its own name.
func (p Phase) Device() string {
	switch p {
	case Filling:
		return "it has parts of the volume only: not a disk to use"
	case Proving, HandingOver:
		return "it has all of the volume that could be read"
	case Complete:
		return "it is the volume"
	}
	return "it is the volume, but for what the backup could not give: zeros are there"
}

// Event is something that moves a restore from one phase to another.
type Event uint32

// The events.
const (
	Filled     Event = iota + 1 // every block is valid or lost
	Proven                      // every block that the guest did not write was compared
	HandedOver                  // the guest has the device itself, or nobody uses the volume
	Reopened                    // a process goes on with the restore
)

var eventNames = [...]string{Filled: "filled", Proven: "proven", HandedOver: "handed over",
	Reopened: "reopened"}

// String names the event.
func (e Event) String() string {
	if e >= Filled && e <= Reopened {
		return eventNames[e]
	}
	return fmt.Sprintf("event %d", uint32(e))
}

// After returns the phase after an event; lost says that there are lost blocks. An event that
// cannot happen in the phase is an error, and a bug.
//
// Going on begins with filling in every phase but those at the end of which the guest may have
// written past the Volume: filling finds nothing to do where nothing is missing, and what was
// proven is proven again. After Incomplete what was lost is tried again.
func (p Phase) After(e Event, lost bool) (Phase, error) {
	switch {
	case p == Filling && e == Filled:
		return Proving, nil
	case p == Proving && e == Proven:
		return HandingOver, nil
	case p == HandingOver && e == HandedOver && lost:
		return Incomplete, nil
	case p == HandingOver && e == HandedOver:
		return Complete, nil
	case e == Reopened && (p == Filling || p == Proving || p == Incomplete):
		return Filling, nil
	case e == Reopened && p == HandingOver:
		return HandingOver, nil
	}
	return p, fmt.Errorf("a live restore that is %v cannot be %v: a bug of restorefs, please "+
		"report it", p, e)
}
