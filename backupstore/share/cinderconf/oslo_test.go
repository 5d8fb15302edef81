package cinderconf

import (
	"encoding/json"
	"math/rand/v2"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/restorefs/restorefs/backupstore/storetest/leaktest/need"
)

// Random configurations are also read by oslo.config itself.
func TestOsloConfigReadsTheSame(t *testing.T) {
	if err := exec.Command("/usr/bin/python3", "-c", "import oslo_config").Run(); err != nil {
		need.Missing(t, "needs oslo.config (python3-oslo.config): %v", err)
	}
	r := rand.New(rand.NewPCG(1, 2))
	pick := func(from ...string) string { return from[r.IntN(len(from))] }
	names := []string{"state_path", "backup_mount_point_base", "backup_share"}
	pieces := []string{
		" ", "\t", "$", "{", "}", "$state_path", "${state_path}", "$backup_mount_point_base", "$$", `\$`, `"`, "'", "#", ";", "a", "/", `\`, "\x1f", "\u00a0", "=", ":",
		"$State", "${x", "$1", ".",
	}
	var texts []string
	for range 1000 {
		text := pick("", "", "", "\n", "# c\n", "x=1\n") + "[DEFAULT]\n"
		for range 1 + r.IntN(5) {
			text += pick(names...) + pick(" = ", "=", ":", " : ", " ")
			for range r.IntN(7) {
				text += pick(pieces...)
			}
			text += pick("\n", "\n", "\r\n", "\r") + pick("", "", "", "\n", "  continued\n", "# c\n", "; c\n", "[x]\n", "[DEFAULT]\n", "[default]\n", "[DEFAULT\n", "[]\n")
		}
		texts = append(texts, text)
	}
	in, err := json.Marshal(texts)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "/usr/bin/python3", "-W", "ignore", "testdata/oslo.py")
	var complaints strings.Builder
	cmd.Stdin, cmd.Stderr = strings.NewReader(string(in)), &complaints
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %s", err, complaints.String())
	}
	var theirs [][]string
	if err := json.Unmarshal(out, &theirs); err != nil || len(theirs) != len(texts) {
		t.Fatalf("%d answers: %v", len(theirs), err)
	}
	read := 0
	for i, text := range texts {
		ours := values(text, names)
		if !slices.Equal(ours, theirs[i]) {
			t.Errorf("%q: %q, oslo.config %q", text, ours, theirs[i])
		}
		if ours != nil {
			read++
		}
	}
	if read < len(texts)/10 {
		t.Errorf("only %d of %d are any good", read, len(texts))
	}
}

// values returns the values of the options, nil if the text cannot be read.
func values(text string, names []string) []string {
	s := source{map[string]string{}}
	if parse(text, s.values) != nil {
		return nil
	}
	var all []string
	for _, name := range names {
		v, _, err := s.get(name)
		if err != nil {
			return nil
		}
		all = append(all, v)
	}
	return all
}
