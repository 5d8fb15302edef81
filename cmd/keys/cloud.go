package keys

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/restorefs/restorefs/backupstore"
	"github.com/restorefs/restorefs/fusefs/inside/luks"
	"github.com/restorefs/restorefs/materialize/cinderapi"
)

// vault is where a cloud keeps the keys of its volumes: Barbican. It logs in when the first key is
// asked for.
type vault struct {
	options cinderapi.Options

	mu      sync.Mutex // is held while the cloud is asked
	client  *cinderapi.Client
	manager *cinderapi.Service
	secrets map[string][]*luks.Secret // what they may mean, by their ids
}

func newVault(o cinderapi.Options) *vault {
	return &vault{options: o, secrets: map[string][]*luks.Secret{}}
}

// passphrases returns what the key of a backup's volume may mean.
func (v *vault) passphrases(ctx context.Context, b *backupstore.Backup) ([]*luks.Secret, error) {
	meta, err := b.ReadVolumeMeta(ctx)
	if err != nil {
		return nil, err
	}
	id := ""
	if meta != nil && meta.Base.EncryptionKeyID != nil {
		id = *meta.Base.EncryptionKeyID
	}
	v.mu.Lock()
	defer v.mu.Unlock()
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
		return nil, fmt.Errorf("no key is known of the volume of backup %s: neither its "+
			"volume_meta nor Cinder has an encryption_key_id of it", b.ID)
	}
	return v.secret(ctx, *record.EncryptionKeyID)
}

func (v *vault) connect(ctx context.Context) (err error) {
	if v.client == nil {
		client, err := cinderapi.Connect(ctx, v.options)
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

// secret gets a secret, once.
func (v *vault) secret(ctx context.Context, id string) ([]*luks.Secret, error) {
	if list, ok := v.secrets[id]; ok {
		return list, nil
	}
	key, err := v.manager.Secret(ctx, id)
	if err != nil {
		return nil, err
	}
	defer clear(key)
	list, err := passphrases(key)
	if err == nil {
		v.secrets[id] = list
	}
	return list, err
}

func (v *vault) close() {
	for _, list := range v.secrets {
		closeAll(list)
	}
	if v.client != nil {
		v.client.Close()
	}
}
