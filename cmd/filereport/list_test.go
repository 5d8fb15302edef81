package filereport

import (
	"encoding/json"
	"testing"
	"time"
)

func TestTimesThatJSONCannotHaveAreTheNearestThatItCan(t *testing.T) {
	for second, want := range map[int64]string{
		1 << 55: "9999-12-31T23:59:59Z", -(1 << 55): "0000-01-01T00:00:00Z",
		0:            "1970-01-01T00:00:00Z",
		253402300800: "9999-12-31T23:59:59Z", -62167219201: "0000-01-01T00:00:00Z",
	} {
		text, err := json.Marshal(when(time.Unix(second, 0)))
		if got := string(text); err != nil || got != `"`+want+`"` {
			t.Errorf("%d: %s, %v", second, got, err)
		}
	}
}

func TestNames(t *testing.T) {
	for name, want := range map[string]string{
		"plain":            "plain",
		"with space":       "with space",
		"a$'b":             "a$'b",
		"del\x7fete":       `$'del\177ete'`,
		"Zürich 日本":        "Zürich 日本",
		"new\nline":        `$'new\nline'`,
		"bad\xffbyte":      `$'bad\377byte'`,
		"\x1b[31mred":      `$'\033[31mred'`,
		"$'looks quoted'":  `'$'\''looks quoted'\'''`,
		"turned \u202e up": `$'turned \342\200\256 up'`,
	} {
		if got := Name(name); got != want {
			t.Errorf("%q is %s, not %s", name, got, want)
		}
	}
}

func TestModes(t *testing.T) {
	for mode, want := range map[uint32]string{
		0o100644: "-rw-r--r--", 0o040755: "drwxr-xr-x", 0o120777: "lrwxrwxrwx",
		0o104755: "-rwsr-xr-x",
		0o106644: "-rwSr-Sr--", 0o041777: "drwxrwxrwt", 0o041666: "drw-rw-rwT",
		0o020600: "crw-------",
		0o060660: "brw-rw----", 0o010640: "prw-r-----", 0o140700: "srwx------",
		0o000600: "?rw-------",
	} {
		if got := modeWord(mode); got != want {
			t.Errorf("%o is %s, not %s", mode, got, want)
		}
	}
}
