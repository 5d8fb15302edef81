//go:build !purego

package inflate

import "testing"

// The place of the next note stays inside of the room for notes, also behind the last of them.
func TestThereIsRoomForANoteMoreThanAreMade(t *testing.T) {
	for behind := range windowBytes + 1000 {
		notes := 0
		for at := behind; at < windowBytes; at += 3 { // the shortest matches that can be noted
			notes++
		}
		if room := refsRoom(behind); room <= notes {
			t.Fatalf("from %d bytes behind on there is room for %d, and %d are made", behind, room,
				notes)
		}
	}
}
