// Package records prepares the records of backups for a Cinder that has lost its database: which
// backups, what Cinder could not do with them, and how they get there, as commands, as a script, or
// through Cinder's API by package cloud.
//
// It reads no flags, though its errors name them. The fields of its JSON are contracts and only
// grow.
package records
