package cinderapi

import (
	"reflect"
	"strings"
	"testing"
)

func p(s string) *string { return &s }

type m = map[string]string

func TestRulesOfWhatARestoredVolumeBecomes(t *testing.T) {
	full := &Layer{Version: 2, Name: p("full"), Description: p("of the full"), Metadata: m{"a": "1", "old": "x"}, Image: m{"os": "debian"}}
	incr := &Layer{Version: 2, Name: p("incr"), Metadata: m{"a": "2"}, Bootable: true}
	bare := &Layer{Version: 2, Name: p("bare")}
	nameless := &Layer{Version: 2, Description: p("d")}
	key, kind := p("key"), p("type")
	encrypted := &Layer{Version: 2, Name: p("e"), EncryptionKeyID: key, VolumeTypeID: kind}
	src := m{"src_backup_id": "b"}
	for name, test := range map[string]struct {
		chain   []*Layer
		same    bool // the target is the volume that was backed up
		present State
		backup  State // RuleBackup
		cinder  State
	}{
		"a new volume without a name": {
			chain: []*Layer{full}, present: State{},
			backup: State{Name: p("full"), Description: p("of the full"), Metadata: m{"a": "1", "old": "x", "src_backup_id": "b"}, Image: m{"os": "debian"}},
			cinder: State{Name: p("full"), Description: p("of the full"), Metadata: m{"a": "1", "old": "x", "src_backup_id": "b"}, Image: m{"os": "debian"}, Bootable: true},
		},
		"Cinder's own name counts as none": {
			chain: []*Layer{bare}, present: State{Name: p("restore_backup_x"), Description: p("auto-created_from_restore_from_backup")},
			backup: State{Name: p("bare"), Metadata: src},
			cinder: State{Name: p("bare"), Metadata: src},
		},
		"a named volume keeps name and description": {
			chain: []*Layer{full}, present: State{Name: p("mine"), Description: p("too")},
			backup: State{Name: p("mine"), Description: p("too"), Metadata: m{"a": "1", "old": "x", "src_backup_id": "b"}, Image: m{"os": "debian"}},
			cinder: State{Name: p("mine"), Description: p("too"), Metadata: m{"a": "1", "old": "x", "src_backup_id": "b"}, Image: m{"os": "debian"}, Bootable: true},
		},
		"metadata that the backup has none of": {
			chain: []*Layer{bare}, present: State{Metadata: m{"own": "x"}, Image: m{"own_img": "y"}, Bootable: true},
			backup: State{Name: p("bare"), Metadata: src},
			cinder: State{Name: p("bare"), Metadata: m{"own": "x", "src_backup_id": "b"}, Image: m{"own_img": "y"}, Bootable: true},
		},
		"the mark of an unfinished run goes": {
			chain: []*Layer{bare}, present: State{Metadata: m{RunKey: "r", "own": "x"}},
			backup: State{Name: p("bare"), Metadata: src},
			cinder: State{Name: p("bare"), Metadata: m{"own": "x", "src_backup_id": "b"}},
		},
		"bootable without image metadata": {
			chain: []*Layer{incr}, present: State{},
			backup: State{Name: p("incr"), Metadata: m{"a": "2", "src_backup_id": "b"}, Bootable: true},
			cinder: State{Name: p("incr"), Metadata: m{"a": "2", "src_backup_id": "b"}},
		},
		"a chain: Cinder takes the oldest name and the newest of what any layer has": {
			chain: []*Layer{bare, incr, full}, present: State{},
			backup: State{Name: p("bare"), Metadata: src},
			cinder: State{Name: p("full"), Description: p("of the full"), Metadata: m{"a": "2", "src_backup_id": "b"}, Image: m{"os": "debian"}, Bootable: true},
		},
		"a source without a name, but with a description": {
			chain: []*Layer{nameless}, present: State{Name: p("restore_backup_x")},
			backup: State{Description: p("d"), Metadata: src},
			cinder: State{Name: p("restore_backup_x"), Metadata: src},
		},
		"a source with neither": {
			chain: []*Layer{{Version: 2}}, present: State{Description: p("mine")},
			backup: State{Description: p("mine"), Metadata: src},
			cinder: State{Description: p("mine"), Metadata: src},
		},
		"onto the volume itself": {
			chain: []*Layer{bare}, same: true, present: State{Name: p("bare")},
			backup: State{Name: p("bare")},
			cinder: State{Name: p("bare")},
		},
		"onto the volume itself, which was a restored one": {
			chain: []*Layer{{Version: 2, Name: p("n"), Metadata: m{"src_backup_id": "earlier"}}}, same: true, present: State{},
			backup: State{Name: p("n"), Metadata: src},
			cinder: State{Name: p("n"), Metadata: src},
		},
		"an encrypted volume": {
			chain: []*Layer{encrypted}, present: State{EncryptionKeyID: p("another")},
			backup: State{Name: p("e"), EncryptionKeyID: key, Metadata: src},
			cinder: State{Name: p("e"), EncryptionKeyID: key, Metadata: src},
		},
		"a layer without volume_meta": {
			chain: []*Layer{nil, full}, present: State{Name: p("restore_backup_1"), Metadata: m{"own": "x"}},
			backup: State{Name: p("restore_backup_1"), Metadata: m{"own": "x", "src_backup_id": "b"}},
			cinder: State{Name: p("full"), Description: p("of the full"), Metadata: m{"a": "1", "old": "x", "src_backup_id": "b"}, Image: m{"os": "debian"}, Bootable: true},
		},
		"a name that looks like Cinder's is replaced by the next layer": {
			chain: []*Layer{incr, {Version: 2, Name: p("restore_backup_0")}}, present: State{},
			backup: State{Name: p("incr"), Metadata: m{"a": "2", "src_backup_id": "b"}, Bootable: true},
			cinder: State{Name: p("incr"), Metadata: m{"a": "2", "src_backup_id": "b"}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			target := "target"
			if test.same {
				target = "source"
			}
			for rule, want := range map[Rule]State{RuleBackup: test.backup, RuleCinder: test.cinder} {
				got := Origin{BackupID: "b", VolumeID: "source", Chain: test.chain}.Wanted(rule, target, test.present)
				if d := Differences(want, got); len(d) > 0 || len(Differences(got, want)) > 0 {
					t.Errorf("%s: %v", rule, d)
				}
			}
		})
	}
	if full.Metadata["src_backup_id"] != "" || bare.Metadata != nil {
		t.Error("a layer was changed")
	}
}

func TestAVersionOneLayerHasNoKeyToRestore(t *testing.T) {
	o := Origin{Chain: []*Layer{{Version: 1, EncryptionKeyID: p("k")}}}
	if got := o.Wanted(RuleCinder, "", State{}).EncryptionKeyID; got != nil {
		t.Error(*got)
	}
}

func TestDifferencesAreNamed(t *testing.T) {
	wanted := State{Name: p("n"), Metadata: m{"a": "1", "b": "2", "readonly": "True"}, Image: m{"i": "1"}, Bootable: true, EncryptionKeyID: p("k")}
	found := State{Name: p(""), Description: p("d"), Metadata: m{"a": "1", "c": "3", "attached_mode": "rw"}}
	var names []string
	for _, d := range Differences(wanted, found) {
		names = append(names, d.String())
	}
	want := []string{"name", "description", `metadata "b"`, `metadata "c"`, `image_metadata "i"`, "bootable", "encryption_key_id"}
	if !reflect.DeepEqual(names, want) {
		t.Errorf("%v", names)
	}
	if d := Differences(State{Description: p(""), EncryptionKeyID: p(fixedKeyID)}, State{Name: p("")}); len(d) > 0 {
		t.Errorf("%v", d)
	}
}

func TestTextsThatEveryCinderAcceptsAreNotDoubtful(t *testing.T) {
	long := strings.Repeat("ü", 255)
	for _, good := range [][2]string{{"a", ""}, {"A b.c:d/e_f-g", long}, {strings.Repeat("k", 255), "ünï\ncode"}} {
		if why := DoubtfulPair(good[0], good[1]); why != "" {
			t.Errorf("%q: %s", good, why)
		}
	}
	for _, bad := range [][2]string{{"", "x"}, {"ü", "x"}, {"a=b", "x"}, {"a\n", "x"}, {"a", long + "x"}, {strings.Repeat("k", 256), ""}} {
		if DoubtfulPair(bad[0], bad[1]) == "" {
			t.Errorf("%q is not in doubt", bad)
		}
	}
	if DoubtfulText(nil) != "" || DoubtfulText(p(" "+long+" ")) != "" || DoubtfulText(p(long+"x")) == "" {
		t.Error("names")
	}
}
