package keys

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/restorefs/restorefs/backupstore"
	"github.com/restorefs/restorefs/fusefs/inside/luks"
	"github.com/restorefs/restorefs/materialize/cinderapi"
)

// vault is where a cloud keeps the keys of its volumes: Barbican. It logs in when the first key is
// asked for. It keeps no key. One call at a time may use it.
type vault struct {
	credentials *cinderapi.Credentials
	log         *slog.Logger
	client      *cinderapi.Client
	manager     *cinderapi.Service
}

// passphrases returns what the key of a backup's volume may mean, for the caller to close. The
// error is errNoKey (errors.Is) if neither the backup nor Cinder says which key that is.
func (v *vault) passphrases(ctx context.Context, b *backupstore.Backup) ([]*luks.Secret, error) {
	meta, err := b.ReadVolumeMeta(ctx)
	if err != nil {
		return nil, err
	}
	id := ""
	if meta != nil && meta.Base.EncryptionKeyID != nil {
		id = *meta.Base.EncryptionKeyID
	}
	if err := v.connect(ctx); err != nil {
		return nil, err
	}
	var list []*luks.Secret
	if id != "" {
		list, err = v.secret(ctx, id)
	}
	if id != "" && cinderapi.StatusOf(err) != 404 {
		return list, err
	}
	// The key of a volume is deleted with it; a backup has a copy of its own, which Cinder knows.
	record, why := v.client.GetBackup(ctx, b.ID)
	switch {
	case why != nil:
		return nil, errors.Join(err, why)
	case record.EncryptionKeyID == nil && err != nil:
		return nil, err
	case record.EncryptionKeyID == nil:
		return nil, fmt.Errorf("%w: neither the volume_meta of the backup nor Cinder has an "+
			"encryption_key_id of it", errNoKey)
	}
	return v.secret(ctx, *record.EncryptionKeyID)
}

func (v *vault) connect(ctx context.Context) (err error) {
	if v.client == nil {
		client, err := v.credentials.Connect(ctx, cinderapi.Options{Logger: v.log})
		if err != nil {
			return fmt.Errorf("get the key of an encrypted volume: %w", err)
		}
		v.client = client
	}
	if v.manager == nil {
		v.manager, err = v.client.KeyManager()
	}
	return err
}

// secret gets a secret, and returns what it may mean.
func (v *vault) secret(ctx context.Context, id string) ([]*luks.Secret, error) {
	key, err := v.manager.Secret(ctx, id)
	if err != nil {
		return nil, err
	}
	defer clear(key)
	return passphrases(key)
}

func (v *vault) close() {
	if v.client != nil {
		v.client.Close()
	}
}
