package exitcode

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"testing"

	"github.com/restorefs/restorefs/backupstore"
	"github.com/restorefs/restorefs/cmd/cmdline"
)

func TestAnErrorAsJSONIsOneLineWithItsExitCode(t *testing.T) {
	two := []*backupstore.Backup{
		{Scanned: backupstore.Scanned{Facts: &backupstore.Facts{ID: "b1", VolumeID: "v1"}}},
		{Scanned: backupstore.Scanned{Facts: &backupstore.Facts{ID: "b2", VolumeID: "v2"}}},
	}
	for _, c := range []struct {
		err  error
		want Reported
	}{
		{errors.New("it broke\x1b"), Reported{Error: "it broke�", Exit: Failed}},
		{cmdline.Usagef("no such flag\nsee \"help\""),
			Reported{Error: "no such flag", Hint: "see \"help\"", Exit: Usage}},
		{fmt.Errorf("read it: %w", backupstore.ErrDamaged),
			Reported{Error: "read it", Exit: Damaged}},
	} {
		var out bytes.Buffer
		if err := WriteJSON(&out, c.err); err != nil {
			t.Fatal(err)
		}
		var got Reported
		if err := json.Unmarshal(out.Bytes(), &got); err != nil ||
			!reflect.DeepEqual(got, c.want) ||
			bytes.Count(out.Bytes(), []byte("\n")) != 1 {
			t.Errorf("%v: %v, %s", c.err, err, out.Bytes())
		}
	}
	for _, volumes := range []bool{false, true} {
		var out bytes.Buffer
		err := &backupstore.AmbiguousError{Ref: "db", Candidates: two, Volumes: volumes}
		want := []string{"b1", "b2"}
		if volumes {
			want = []string{"v1", "v2"}
		}
		var got Reported
		if err := errors.Join(WriteJSON(&out, err),
			json.Unmarshal(out.Bytes(), &got)); err != nil ||
			got.Exit != Usage || !reflect.DeepEqual(got.Candidates, want) {
			t.Errorf("%v, %s", err, out.Bytes())
		}
	}
}
