// Package cloudtest gives tests a cloud: servers that answer like Cinder and Nova, in recorded
// shapes, and fail when told to. They are for faults, and for tests that do not need a real cloud,
// which realcloud_test.go of cmd/restorefs has.
//
// Only tests import it. It imports nothing of the project.
package cloudtest
