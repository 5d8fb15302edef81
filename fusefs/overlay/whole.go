package overlay

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
)

// This file finds out whether the two files of an overlay exist, are complete,
// and belong together. The data file ends with a seal, two copies of the map's
// header: the first is written before the header, the second after it. So a
// data file with the second copy had a map.

// readHeader reads the header of a map file: nil if there is none yet, because
// nothing was written or because of a crash. If the rest of the map is missing
// it returns the header and the error.
func readHeader(index file) (*header, error) {
	size, err := index.Size()
	if err != nil || size == 0 {
		return nil, err
	}
	h, err := eitherHeader(index, 0)
	switch {
	case errors.Is(err, ErrDamaged):
		// Pages are written only after the header is safe.
		start, stop, err2 := index.NextData(headerBytes, max(size, headerBytes))
		if err2 != nil {
			return nil, err2
		}
		if start >= stop {
			return nil, nil
		}
		return nil, fmt.Errorf("%w: put the whole map back, or discard the overlay", err)
	case err != nil:
		return nil, err
	case size != h.key.mapBytes():
		return h, cutMap(h.key, size)
	}
	return h, nil
}

// cut says that the map is shorter than it was.
func (o *Overlay) cut() error {
	size, err := o.index.Size()
	if err != nil {
		return err
	}
	return cutMap(o.key, size)
}

func cutMap(key Key, size int64) error {
	return damaged("its map %s has %d bytes, not %d: it was cut, or a copy of it was not "+
		"finished; put the whole map back, or discard the overlay",
		mapName(key.Backup), size, key.mapBytes())
}

// eitherHeader reads the better of two copies of a header. The error is
// ErrDamaged if neither is valid, or the file is too short.
func eitherHeader(f file, off int64) (*header, error) {
	b := make([]byte, headerBytes)
	n, err := f.ReadAt(b, off)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	clear(b[n:])
	h, err := decodeHeader(b)
	if err != nil {
		if again, err2 := decodeHeader(b[slotBytes:]); err2 == nil || errors.Is(err2, ErrVersion) {
			return again, err2
		}
	}
	return h, err
}

// openData opens the data file of the map that has this header.
func openData(dir storage, h *header) (file, error) {
	name := dataName(h.key.Backup)
	data, err := dir.open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, damaged("its data file %s is missing: put it back beside the map, "+
			"or discard the overlay", name)
	}
	if err != nil {
		return nil, err
	}
	if err := belongs(data, h); err != nil {
		data.Close()
		return nil, err
	}
	return data, nil
}

func belongs(data file, h *header) error {
	name := dataName(h.key.Backup)
	size, err := data.Size()
	if err != nil {
		return err
	}
	if want := h.key.dataBytes(); size != want {
		return damaged("its data file %s has %d bytes, not %d: it was cut, or a copy of it was "+
			"not finished; put the whole file back, or discard the overlay",
			name, size, want)
	}
	seal, err := eitherHeader(data, h.key.sealOffset())
	switch {
	case errors.Is(err, ErrDamaged):
		return damaged("the end of its data file %s is not as it was made: put the whole file "+
			"back, or discard the overlay", name)
	case err != nil:
		return err
	case seal.nonce != h.nonce:
		return damaged("its data file %s belongs to another map, as if only one of the two had "+
			"been copied: put both back, or discard the overlay", name)
	}
	return nil
}

func writeSeal(data file, h *header, second int64) error {
	_, err := data.WriteAt(h.encode(), h.key.sealOffset()+second*slotBytes)
	return err
}

// mend rewrites a copy of the seal that is damaged, or that a crash kept from
// being written. Like the first seal it is safe before the map gets more bits.
func mend(data file, h *header) error {
	b := make([]byte, slotBytes)
	for i := range int64(2) {
		if _, err := data.ReadAt(b, h.key.sealOffset()+i*slotBytes); err != nil {
			return err
		}
		if _, err := decodeHeader(b); errors.Is(err, ErrDamaged) {
			if err := writeSeal(data, h, i); err != nil {
				return err
			}
		}
	}
	return nil
}

// lost says whether written data exists without the map that says which of it
// counts, as after a copy that was not finished. A crash cannot leave that, as
// the header is safe before anything is written. The next first write must not
// destroy such data.
func lost(dir storage, backup string) error {
	data, err := dir.open(dataName(backup))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer data.Close()
	had, err := hadMap(data)
	if err == nil && had {
		err = damaged("its map %s is missing or cut off, and there is something in its data "+
			"file %s: put the map back, or discard the overlay",
			mapName(backup), dataName(backup))
	}
	return err
}

// hadMap says whether a data file once had a map.
func hadMap(data file) (bool, error) {
	end, err := data.Size()
	if err != nil {
		return false, err
	}
	if end >= headerBytes {
		b := make([]byte, headerBytes)
		if _, err := data.ReadAt(b, end-headerBytes); err != nil {
			return false, err
		}
		if _, err := decodeHeader(b[slotBytes:]); err == nil {
			return true, nil
		}
		if _, err := decodeHeader(b); err == nil {
			end -= headerBytes
		}
	}
	start, stop, err := data.NextData(0, end)
	return start < stop, err
}
