// Package s3 reads the backups of Cinder's S3 driver from their bucket: by the S3 protocol, of any
// server that speaks it, Google's included.
//
// It owns what a URL of a bucket says, where credentials come from, and which requests list and
// read it. How a bucket becomes a share, what is believed of its answers and how patient to be with
// a server is the business of package objects. Secrets are in no URL, no message and no log: they
// come from the environment, from the files of the AWS clients, or from Cinder's configuration.
//
// Hazards: some servers answer an access key that they do not know with 404, as if the bucket did
// not exist; some ignore the key of SSE-C, which is told.
package s3
