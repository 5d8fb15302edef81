package xfs

import "fmt"

// useLog looks whether the log has to be replayed.
func (f *FS) useLog(opt Options) error {
	why := ""
	l, err := f.openLog()
	if err == nil {
		var s *span
		if s, err = l.find(); err == nil && s.clean {
			f.info.Journal = "clean"
			return nil
		}
	}
	if err != nil {
		why = err.Error()
	} else if why = "it is not clean"; opt.NoReplay {
		why = "that was not wanted"
	}
	if !opt.NoReplay {
		return fmt.Errorf("%w (%s): mount a copy of the disk once, or repair it", ErrLogDirty, why)
	}
	f.info.Journal = "not replayed: " + why
	f.note("the log was not replayed: what is shown is older than the backup, and may contradict itself")
	return nil
}
