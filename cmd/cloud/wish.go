package cloud

// Wish is what a new volume should be. Fields that are "" or 0 keep what the backup's volume had,
// or are left to the cloud.
type Wish struct {
	Name string
	Type string // volume type, by name or id
	Zone string
	// SizeGiB is the least size. It is raised to the size that the backup needs.
	SizeGiB int64
}
