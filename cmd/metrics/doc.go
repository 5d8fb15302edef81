// Package metrics is the HTTP server of a mount's metrics: the address, limits on what clients may
// ask for, and its end.
//
// What is measured is package serve's; what the metrics mean is in docs/metrics.md.
package metrics
