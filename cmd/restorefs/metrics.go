package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/urfave/cli/v2"

	"github.com/restorefs/restorefs/backupstore"
)

func metricsFlag() cli.Flag {
	return &cli.StringFlag{Name: "metrics-listen", Usage: "serve Prometheus metrics at http://`ADDRESS`/metrics; PORT alone is on 127.0.0.1"}
}

// metricsAddress completes an address: without a host it is the loopback.
func metricsAddress(s string) (string, error) {
	if !strings.Contains(s, ":") {
		s = ":" + s
	}
	host, port, err := net.SplitHostPort(s)
	if err == nil && port == "" {
		err = errors.New("it has no port")
	}
	if err != nil {
		return "", usagef("--metrics-listen %s is no address such as 9100, 127.0.0.1:9100 or [::]:9100: %v", s, err)
	}
	if host == "" {
		host = "127.0.0.1"
	}
	return net.JoinHostPort(host, port), nil
}

// metricsServer serves the metrics of a mount.
type metricsServer struct {
	listener net.Listener
	server   *http.Server
	done     chan struct{}
}

// listenForMetrics takes the address, before anything is mounted; nil if none is
// given.
func listenForMetrics(c *cli.Context) (net.Listener, error) {
	if c.String("metrics-listen") == "" {
		return nil, nil
	}
	address, err := metricsAddress(c.String("metrics-listen"))
	if err != nil {
		return nil, err
	}
	l, err := new(net.ListenConfig).Listen(c.Context, "tcp", address)
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, fmt.Errorf("serve metrics: %s is in use by another process: choose another port with --metrics-listen", address)
	}
	if err != nil {
		return nil, fmt.Errorf("serve metrics: %w", err)
	}
	return l, nil
}

// serveMetrics serves what g gathers until close is called.
func serveMetrics(l net.Listener, g prometheus.Gatherer, log *slog.Logger) *metricsServer {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(g, promhttp.HandlerOpts{MaxRequestsInFlight: 4, Timeout: 10 * time.Second, ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelWarn)}))
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		io.WriteString(w, "restorefs: metrics are at /metrics\n")
	})
	m := &metricsServer{listener: l, done: make(chan struct{}), server: &http.Server{
		Handler: mux, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second, WriteTimeout: 30 * time.Second, IdleTimeout: time.Minute,
		MaxHeaderBytes: 16 << 10, ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}}
	go func() {
		defer close(m.done)
		if err := m.server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			log.Warn("metrics are not served any more", "err", err)
		}
	}()
	return m
}

// close ends the server. Who is just being answered gets a moment.
func (m *metricsServer) close() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	if m.server.Shutdown(ctx) != nil {
		m.server.Close()
	}
	<-m.done
}

// collector gives what a mount knows of itself as metrics, when they are asked
// for.
type collector struct{ s *served }

// newRegistry returns a registry with the process's own metrics, for newMeter and
// collector to be registered with.
func newRegistry() *prometheus.Registry {
	r := prometheus.NewRegistry()
	r.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return r
}

// Describe implements prometheus.Collector. That there are no descriptions makes
// it unchecked: the disk cache may not be there.
func (collector) Describe(chan<- *prometheus.Desc) {}

// Collect implements prometheus.Collector. docs/metrics.md has the table.
func (c collector) Collect(out chan<- prometheus.Metric) {
	metric := func(kind prometheus.ValueType, name, help string, v float64, labels ...string) {
		var names, values []string
		for i := 0; i < len(labels); i += 2 {
			names, values = append(names, labels[i]), append(values, labels[i+1])
		}
		out <- prometheus.MustNewConstMetric(prometheus.NewDesc("restorefs_"+name, help, names, nil), kind, v, values...)
	}
	counter := func(name, help string, v uint64, labels ...string) {
		metric(prometheus.CounterValue, name, help, float64(v), labels...)
	}
	gauge := func(name, help string, v int64, labels ...string) {
		metric(prometheus.GaugeValue, name, help, float64(v), labels...)
	}
	s := c.s
	gauge("build_info", "1, with the version.", 1, "version", buildVersion())

	s.mu.Lock()
	open, looked, lookErr := len(s.open), s.looked, s.lookErr
	states := map[backupstore.State]int64{backupstore.Complete: 0, backupstore.Incomplete: 0, backupstore.Broken: 0}
	for _, b := range s.byID {
		states[b.State]++
	}
	s.mu.Unlock()
	for state, n := range states {
		gauge("backups", "Backups that are mounted, by state.", n, "state", state.String())
	}
	gauge("open_volumes", "Disks that somebody has open.", int64(open))
	metric(prometheus.GaugeValue, "share_look_timestamp_seconds", "When the share was last looked at with success.", float64(looked.UnixMilli())/1000)
	failing := int64(0)
	if lookErr != nil {
		failing = 1
	}
	gauge("share_look_failing", "1 while not all of the share can be looked at.", failing)

	b := s.catalog.Stats()
	counter("share_errors_total", "Files and directories of the share that could not be opened or read.", b.ShareErrors)
	gauge("share_waiting_seconds", "For how long the share has not answered; 0 while it does.", int64(b.ShareWaiting.Seconds()))
	counter("verification_failures_total", "Decoded blocks and objects that did not have their digest, those included that were right when read again.", b.VerificationFailures)
	counter("healed_blocks_total", "Damaged blocks that were taken from other backups.", b.HealedBlocks)
	counter("damaged_blocks_total", "Damaged blocks that could not be had at all.", b.DamagedBlocks)

	d := b.Decoders
	const uses = "Decoders put to use, by how: start at an object's start, resume at a checkpoint, continue where they stood."
	counter("decoder_uses_total", uses, d.Starts, "how", "start")
	counter("decoder_uses_total", uses, d.Resumes, "how", "resume")
	counter("decoder_uses_total", uses, d.Continuations, "how", "continue")
	gauge("decoder_memory_bytes", "Memory that decoders hold.", d.HeldBytes)
	gauge("decoder_memory_limit_bytes", "Memory that decoders may hold.", d.MemoryBytes)
	gauge("decoders_parked", "Decoders that wait for the next read.", int64(d.Parked))
	gauge("decoder_memory_waiters", "Reads that wait for memory of decoders.", int64(d.Waiting))

	m := s.cache.Stats()
	gauge("cache_bytes", "Memory of the cache of decoded data, by state.", m.UsedBytes, "state", "used")
	gauge("cache_bytes", "Memory of the cache of decoded data, by state.", m.SpareBytes, "state", "spare")
	gauge("cache_limit_bytes", "Memory that the cache of decoded data may take.", m.MemoryBytes)
	counter("cache_hits_total", "Spans that readers found in memory.", m.Hits)
	counter("cache_misses_total", "Spans that readers did not find in memory.", m.Misses)
	counter("cache_zeros_total", "Spans known to be zero, for which nothing was needed.", m.Zeros)
	counter("cache_evictions_total", "Spans that made room for others.", m.Evictions)
	counter("cache_loads_total", "Times that the cache had something loaded, from the disk cache or by decoding.", m.Loads)
	counter("cache_load_errors_total", "Times that this failed.", m.LoadErrors)
	counter("cache_loaded_bytes_total", "Bytes loaded into the cache.", m.LoadedBytes)
	counter("cache_read_ahead_spans_total", "Spans loaded ahead of readers.", m.Prefetched)
	counter("cache_read_ahead_wasted_spans_total", "Spans loaded ahead of readers and evicted before they were read.", m.PrefetchWasted)
	counter("cache_memory_waits_total", "Reads that had to wait for memory of the cache.", m.MemoryWaits)

	if s.disk != nil {
		k := s.disk.Stats()
		gauge("disk_cache_bytes", "Decoded data in the disk cache.", k.UsedBytes)
		gauge("disk_cache_entries", "Entries of the disk cache.", k.Entries)
		gauge("disk_cache_limit_bytes", "Size that the disk cache may have.", k.Limit)
		counter("disk_cache_hits_total", "Entries found in the disk cache.", k.Hits)
		counter("disk_cache_hit_bytes_total", "Bytes read from the disk cache.", k.HitBytes)
		counter("disk_cache_misses_total", "Entries not found in the disk cache.", k.Misses)
		counter("disk_cache_stored_total", "Entries written to the disk cache.", k.Stored)
		counter("disk_cache_dropped_total", "Entries not written to the disk cache because it could not keep up.", k.Dropped)
		counter("disk_cache_evictions_total", "Entries of the disk cache that made room for others.", k.Evictions)
		counter("disk_cache_corrupt_total", "Entries of the disk cache that could not be read or had another digest.", k.Corrupt)
		full := int64(0)
		if k.Full {
			full = 1
		}
		gauge("disk_cache_full", "1 when nothing more is written to the disk cache: its disk is full, or failed.", full)
	}
	if s.indexer != nil {
		x := s.indexer.progress()
		gauge("indexing_volumes", "Disks to be indexed in the background, since the mount began, by state.", int64(x.VolumesDone), "state", "done")
		gauge("indexing_volumes", "Disks to be indexed in the background, since the mount began, by state.", int64(x.Volumes-x.VolumesDone), "state", "waiting")
		gauge("indexing_done_bytes", "Bytes indexed of the disk that is being indexed, or was last.", x.BytesDone)
		gauge("indexing_wanted_bytes", "Bytes to be indexed of it.", x.BytesTotal)
	}
}
