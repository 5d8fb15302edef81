package cinderapi

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// Backup is what Cinder shows of the record of a backup.
type Backup struct {
	ID          string  `json:"id"`
	Name        *string `json:"name"`
	Status      string  `json:"status"` // available, creating, error, restoring, deleting, ...
	FailReason  *string `json:"fail_reason"`
	VolumeID    string  `json:"volume_id"`
	Container   *string `json:"container"`
	SizeGiB     int64   `json:"size"`
	ObjectCount int     `json:"object_count"`
	Incremental bool    `json:"is_incremental"`
	// EncryptionKeyID is the secret of its own that a backup of an encrypted volume has; nil for
	// others, and before microversion 3.64.
	EncryptionKeyID *string `json:"encryption_key_id"`
}

// FailedImport reports whether the record is only the remains of an import that
// failed: Cinder knows no files of it, so that deleting the record deletes no
// files. A record that was deleted, and that a failed import brought back, is
// different: it still has its container. (_get_import_backup in
// cinder/backup/api.py makes the record with this volume id; import_record in
// manager.py sets container and driver last, and delete_backup calls no driver
// if the record has none.)
func (b *Backup) FailedImport() bool {
	return b.Status == "error" && b.VolumeID == "00000000-0000-0000-0000-000000000000" &&
		b.Container == nil
}

func backupPath(id string) (path, on string) {
	return "backups/" + url.PathEscape(id), "backup " + id
}

// GetBackup gets the record of a backup by its id. If Cinder has none, or shows
// none to this user, the error is an *Error with status 404.
func (c *Client) GetBackup(ctx context.Context, id string) (*Backup, error) {
	path, on := backupPath(id)
	var answer struct {
		Backup *Backup `json:"backup"`
	}
	call := Call{Op: "get the record", On: on, Method: http.MethodGet, Path: path, Into: &answer}
	if err := c.Do(ctx, call); err != nil {
		return nil, err
	}
	if answer.Backup == nil || !strings.EqualFold(answer.Backup.ID, id) {
		return nil, &Error{Op: call.Op, On: on,
			Err: errAnswer{fmt.Errorf("the answer is not about that backup")}}
	}
	return answer.Backup, nil
}

// ImportBackup has Cinder make a record, as `openstack volume backup record
// import` does; id is for messages. It returns before the record is complete:
// until then the backup is "creating". If the answer is lost (Lost) the record
// may exist.
func (c *Client) ImportBackup(ctx context.Context, id, service, recordURL string) error {
	_, on := backupPath(id)
	body := map[string]any{"backup-record": map[string]string{"backup_service": service,
		"backup_url": recordURL}}
	return c.Do(ctx, Call{Op: "import the record", On: on, Method: http.MethodPost,
		Path: "backups/import_record", Body: body})
}

// DeleteFailedImport deletes the record b, which must be a FailedImport, and
// waits until it is gone.
func (c *Client) DeleteFailedImport(ctx context.Context, b *Backup) error {
	if !b.FailedImport() {
		return fmt.Errorf("backup %s is not deleted: its record is not that of a failed import",
			b.ID)
	}
	path, on := backupPath(b.ID)
	err := c.Do(ctx, Call{Op: "delete the record of a failed import", On: on,
		Method: http.MethodDelete, Path: path})
	if err != nil && StatusOf(err) != http.StatusNotFound {
		return err
	}
	left, err := c.WaitBackup(ctx, b.ID, func(b *Backup) bool { return b.Status != "deleting" })
	switch {
	case StatusOf(err) == http.StatusNotFound:
		return nil
	case err != nil:
		return err
	}
	return fmt.Errorf("backup %s: Cinder did not delete the record of a failed import, it is %s",
		b.ID, left.Status)
}

// WaitBackup gets the record repeatedly until done returns true or ctx ends.
func (c *Client) WaitBackup(ctx context.Context, id string,
	done func(*Backup) bool) (*Backup, error) {
	for pause := 50 * time.Millisecond; ; pause = min(2*pause, 2*time.Second) {
		b, err := c.GetBackup(ctx, id)
		if err != nil || done(b) {
			return b, err
		}
		select {
		case <-ctx.Done():
			return b, fmt.Errorf("wait for backup %s, which is %s: %w", id, b.Status, ctx.Err())
		case <-time.After(pause):
		}
	}
}
