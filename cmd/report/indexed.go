package report

import (
	"fmt"
	"time"

	"github.com/restorefs/restorefs/cmd/wording"
)

// Indexed describes how a backup was indexed: total bytes of it need an index, and built bytes
// got theirs now.
func Indexed(built, total int64, took time.Duration) string {
	switch {
	case total == 0:
		return "needs no index: it has no object that is long and compressed"
	case built == 0:
		return fmt.Sprintf("was indexed before, %s", wording.Size(total))
	case built < total:
		return fmt.Sprintf("indexed, %s in %.1f s; %s were before", wording.Size(built),
			took.Seconds(), wording.Size(total-built))
	}
	return fmt.Sprintf("indexed, %s in %.1f s", wording.Size(total), took.Seconds())
}
