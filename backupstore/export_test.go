package backupstore

// ForgetFiles has the files of the share opened anew.
func (v *Volume) ForgetFiles() { v.catalog.files.forgetAll() }
