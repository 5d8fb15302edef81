package serve

// help says what each metric of a Status is: its name without "restorefs_", and the words.
var help = [][2]string{
	{"open_volumes", "Disks that somebody has open."},
	{"share_look_timestamp_seconds", "When the share was last looked at with success."},
	{"share_look_failing", "1 while not all of the share can be looked at."},
	{"backups", "Backups that are mounted, by state."},
	{"cache_limit_bytes", "Memory that the cache of decoded data may take."},
	{"cache_bytes", "Memory of the cache of decoded data, by state."},
	{"cache_hits_total", "Spans that readers found in memory."},
	{"cache_misses_total", "Spans that readers did not find in memory."},
	{"cache_zeros_total", "Spans known to be zero, for which nothing was needed."},
	{"cache_evictions_total", "Spans that made room for others."},
	{"cache_read_ahead_spans_total", "Spans loaded ahead of readers."},
	{"cache_read_ahead_wasted_spans_total",
		"Spans loaded ahead of readers and evicted before they were read."},
	{"cache_loads_total",
		"Times that the cache had something loaded, from the disk cache or by decoding."},
	{"cache_load_errors_total", "Times that this failed."},
	{"cache_loaded_bytes_total", "Bytes loaded into the cache."},
	{"cache_memory_waits_total", "Reads that had to wait for memory of the cache."},
	{"disk_cache_limit_bytes", "Size that the disk cache may have."},
	{"disk_cache_bytes", "Decoded data in the disk cache."},
	{"disk_cache_entries", "Entries of the disk cache."},
	{"disk_cache_hits_total", "Entries found in the disk cache."},
	{"disk_cache_hit_bytes_total", "Bytes read from the disk cache."},
	{"disk_cache_misses_total", "Entries not found in the disk cache."},
	{"disk_cache_stored_total", "Entries written to the disk cache."},
	{"disk_cache_dropped_total",
		"Entries not written to the disk cache because it could not keep up."},
	{"disk_cache_evictions_total", "Entries of the disk cache that made room for others."},
	{"disk_cache_corrupt_total",
		"Entries of the disk cache that could not be read or had another digest."},
	{"disk_cache_full",
		"1 when nothing more is written to the disk cache: its disk is full, or failed."},
	{"decoder_memory_limit_bytes", "Memory that decoders may hold."},
	{"decoder_memory_bytes", "Memory that decoders hold."},
	{"decoder_uses_total",
		"Decoders put to use, by how: start at an object's start, resume at a checkpoint, " +
			"continue where they stood."},
	{"decoders_parked", "Decoders that wait for the next read."},
	{"decoder_memory_waiters", "Reads that wait for memory of decoders."},
	{"indexing_volumes", "Disks to be indexed in the background, since the mount began, by state."},
	{"indexing_done_bytes", "Bytes indexed of the disk that is being indexed, or was last."},
	{"indexing_wanted_bytes", "Bytes to be indexed of it."},
	{"verification_failures_total",
		"Decoded blocks and objects that did not have their digest, those included that were " +
			"right when read again."},
	{"healed_blocks_total", "Damaged blocks that were taken from other backups."},
	{"damaged_blocks_total", "Damaged blocks that could not be had at all."},
	{"share_errors_total", "Files and directories of the share that could not be opened or read."},
	{"share_waiting_seconds", "For how long the share has not answered; 0 while it does."},
}

// helpOf returns what the metric of that name is.
func helpOf(name string) string {
	for _, h := range help {
		if h[0] == name {
			return h[1]
		}
	}
	return ""
}
