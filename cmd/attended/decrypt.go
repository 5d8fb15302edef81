package attended

import (
	"context"
	"fmt"

	"github.com/restorefs/restorefs/cmd/cmdline"
	"github.com/restorefs/restorefs/cmd/keys"
	"github.com/restorefs/restorefs/cmd/wording"
)

// notWithDecrypt lists the flags of materialize that are about the volume as it is, encrypted.
var notWithDecrypt = []string{"volume", "new-volume", "metadata-only", "attach", "device-path",
	"reflink", "salvage"}

// checkDecrypt refuses flags that do not go with a plain disk.
func (o Options) checkDecrypt() error {
	switch {
	case !o.Decrypt && o.Keys.Given():
		return cmdline.Usagef("a key is given and not used: with --decrypt the plain disk is " +
			"restored, without a key the volume as it is, encrypted")
	case !o.Decrypt:
		return nil
	case !o.Keys.Given():
		return cmdline.Usagef("--decrypt needs the key: --luks-key-file FILE, " +
			"--luks-passphrase-fd N or --luks-from-cloud")
	case o.qcow2:
		return cmdline.Usagef("--decrypt does not go with --format qcow2: restore into a raw " +
			"file and convert that, or convert volume.plain.raw of a mount")
	}
	for _, flag := range notWithDecrypt {
		if o.Given.Has(flag) {
			return cmdline.Usagef("--decrypt does not go with --%s: the plain disk goes to a "+
				"device or a file, or to stdout", flag)
		}
	}
	return nil
}

// openKeys reads the keys, and has the engine decrypt with them.
func (r *restoring) openKeys(ctx context.Context) (err error) {
	if !r.o.Decrypt {
		return nil
	}
	total, err := r.o.Memory.Total()
	if err != nil {
		return err
	}
	if r.keys, err = keys.Open(ctx, r.o.Keys, keys.Memory(total), r.o.Source.Logger); err != nil {
		return err
	}
	r.o.Engine.Unlock = r.keys.Unlock
	return nil
}

// tellDecrypted says what is restored.
func (r *restoring) tellDecrypted() {
	if h := r.engine.Encryption(); h != nil {
		fmt.Fprintf(r.o.Err, "note    the volume is decrypted (LUKS%d, %s): the target will hold "+
			"its plain disk, of %s\n", h.Version, wording.Printable(h.Cipher), wording.Size(h.Size))
	}
}
