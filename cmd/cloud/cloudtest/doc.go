// Package cloudtest gives tests a cloud: servers that answer as Cinder and Nova do, in
// recorded shapes, and fail as they are told. They are for faults, and for what a real
// cloud is not needed for; realcloud_test.go of cmd/restorefs has a real one.
//
// Only tests import it. It imports nothing of the project.
package cloudtest
