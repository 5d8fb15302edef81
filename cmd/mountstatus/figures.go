package mountstatus

import (
	"fmt"
	"time"

	"github.com/restorefs/restorefs/cmd/serve"
	"github.com/restorefs/restorefs/cmd/wording"
)

// Words returns the most important figures of a mount, in words.
func Words(f *serve.Figures) []string {
	var words []string
	if n := f.Cache.Hits + f.Cache.Misses; n > 0 {
		words = append(words, fmt.Sprintf("cache %s of %s, %d%% hits",
			wording.Size(f.Cache.UsedBytes), wording.Size(f.Cache.BudgetBytes), 100*f.Cache.Hits/n))
	}
	if d := f.DiskCache; d != nil {
		text := fmt.Sprintf("disk cache %s of %s", wording.Size(d.UsedBytes),
			wording.Size(d.BudgetBytes))
		if n := d.Hits + d.Misses; n > 0 {
			text += fmt.Sprintf(", %d%% hits", 100*d.Hits/n)
		}
		if d.Full {
			text += ", nothing is added: see the log"
		}
		words = append(words, text)
	}
	if x := f.Indexing; x != nil && x.VolumesDone < x.Volumes {
		words = append(words, fmt.Sprintf("indexing disk %d of %d, %s of %s", x.VolumesDone+1,
			x.Volumes, wording.Size(x.BytesDone), wording.Size(x.BytesTotal)))
	}
	if n := f.Errors.Waits; n > 0 {
		words = append(words, fmt.Sprintf("the share has not answered for %v",
			time.Duration(n)*time.Second))
	}
	if n := f.Damage.HealedBlocks; n > 0 {
		words = append(words, fmt.Sprintf("%d damaged blocks were taken from other backups", n))
	}
	failed := f.Errors.Reads
	n := failed[serve.ErrorDamage] + failed[serve.ErrorShare] + failed[serve.ErrorOverlay]
	if n > 0 && f.Errors.LastAt != nil {
		words = append(words, fmt.Sprintf("%d reads failed, the last at %s: %s", n,
			f.Errors.LastAt.Format(time.DateTime), f.Errors.Last))
	}
	return words
}
