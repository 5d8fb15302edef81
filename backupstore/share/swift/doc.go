// Package swift reads the backups of Cinder's Swift driver from their container, by Swift's own
// protocol.
//
// It owns what a URL of a container says, how to log in (Keystone with the settings of the
// OpenStack clients, or auth version 1 with those of the swift client), and which requests list and
// read it. How a container becomes a share, and what is believed of its answers, is the business of
// package objects. Secrets are in no URL, no message and no log.
//
// Hazards: an object of parts (SLO, DLO) has another ETag in a listing than in answers, and one may
// be listed with no bytes, so those are looked at; times are rounded up in answers, and not in
// listings.
package swift
