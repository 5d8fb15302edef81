package backupstore

import "time"

// ForgetFiles has the files of the share opened anew.
func (v *Volume) ForgetFiles() { v.catalog.files.forgetAll() }

// RememberAtOnce has the catalogue remember also what was written just now: tests write, look and do
// not write again before the clock has moved on.
func (c *Catalog) RememberAtOnce() { c.known.margin = -time.Hour }

// RememberNothingYet has it remember nothing of what was written today.
func (c *Catalog) RememberNothingYet() { c.known.margin = 24 * time.Hour }
