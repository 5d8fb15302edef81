package cinderapi

import (
	"bytes"
	"encoding/json"
	"errors"
	"io/fs"
	"math/rand/v2"
	"os/exec"
	"strings"
	"testing"

	"github.com/restorefs/restorefs/backupstore/storetest/leaktest/need"
)

// RuleCinder is compared with Cinder's own code, for random chains.
func TestRuleCinderDoesWhatCinderDoes(t *testing.T) {
	type item struct {
		Chain   []*Layer `json:"chain"`
		Source  string   `json:"source"`
		Target  string   `json:"target"`
		Backup  string   `json:"backup"`
		Present State    `json:"present"`
	}
	r := rand.New(rand.NewPCG(1, 2))
	text := func() *string {
		return []*string{nil, p(""), p("a"), p("b"), p("restore_backup_x"), p("restore_backup_")}[r.IntN(6)]
	}
	pairs := func() map[string]string {
		if r.IntN(3) == 0 {
			return nil
		}
		all := m{}
		for range r.IntN(4) {
			all[[]string{"a", "b", "ü", "src_backup_id"}[r.IntN(4)]] = []string{"1", "", "b"}[r.IntN(3)]
		}
		return all
	}
	var cases []item
	for range 2000 {
		c := item{Source: "s", Target: []string{"s", "t"}[r.IntN(2)], Backup: "b"}
		c.Present = State{Name: text(), Description: text(), Metadata: pairs(), Image: pairs(), Bootable: r.IntN(2) == 0}
		for range 1 + r.IntN(4) {
			l := &Layer{
				Version: 1 + r.IntN(2), Name: text(), Description: text(), Bootable: r.IntN(2) == 0, Metadata: pairs(), Image: pairs(),
				EncryptionKeyID: []*string{nil, nil, p("k1"), p("k2")}[r.IntN(4)],
			}
			if r.IntN(8) == 0 {
				l = nil
			}
			c.Chain = append(c.Chain, l)
		}
		cases = append(cases, c)
	}
	in, err := json.Marshal(cases)
	if err != nil {
		t.Fatal(err)
	}
	// Only Debian's python sees Debian's packages.
	cmd := exec.CommandContext(t.Context(), "/usr/bin/python3", "-W", "ignore", "testdata/cinder_put.py")
	cmd.Stdin = bytes.NewReader(in)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil && (errors.Is(err, fs.ErrNotExist) || strings.Contains(stderr.String(), "ModuleNotFoundError")) {
		need.Missing(t, "needs Debian's python3-cinder")
	}
	if err != nil {
		t.Fatalf("%v\n%s", err, stderr.String())
	}
	var want []State
	if err := json.Unmarshal(out, &want); err != nil || len(want) != len(cases) {
		t.Fatalf("%d states: %v", len(want), err)
	}
	for i, c := range cases {
		got := Origin{BackupID: c.Backup, VolumeID: c.Source, Chain: c.Chain}.Wanted(RuleCinder, c.Target, c.Present)
		if d := append(Differences(want[i], got), Differences(got, want[i])...); len(d) > 0 {
			chain, _ := json.Marshal(c)
			t.Fatalf("%s\nis not as Cinder has it: %v", chain, d)
		}
	}
}
