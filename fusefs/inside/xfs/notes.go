package xfs

// note adds a note for an operator, see Info.
func (f *FS) note(what string, args ...any) { f.notes.Add(what, args...) }

// Info returns what the file system says of itself.
func (f *FS) Info() Info {
	i := f.info
	i.Notes = f.notes.List()
	return i
}
