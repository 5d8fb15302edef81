package fusefs

import (
	"math/rand/v2"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

func TestAnyTextBecomesASafeFileName(t *testing.T) {
	long := strings.Repeat("ü", 200)
	for what, c := range map[string]struct{ text, id, want string }{
		"a plain name is itself":                  {"web-disk 1", "", "web-disk 1"},
		"letters of any script are kept":          {"größe-磁盘", "", "größe-磁盘"},
		"a slash is escaped":                      {"a/b", "", "a%2Fb"},
		"the escape character is escaped":         {"50%", "", "50%25"},
		"a forged mark is harmless":               {"%unnamed", "", "%25unnamed"},
		"no name is marked":                       {"", "", "%unnamed"},
		"dot is escaped":                          {".", "", "%2E"},
		"dot dot is escaped":                      {"..", "", "%2E."},
		"nothing is hidden":                       {".secret", "", "%2Esecret"},
		"control characters are escaped":          {"a\x00b\nc\x7f", "", "a%00b%0Ac%7F"},
		"what turns the text around is escaped":   {"a\u202eb", "", "a%E2%80%AEb"},
		"bytes that are not UTF-8 are escaped":    {"a\xff\xc3", "", "a%FF%C3"},
		"the replacement character itself prints": {"a\ufffd", "", "a\ufffd"},
		"a shared name gets the id":               {"web", "4711", "web%id-4711"},
		"so does no name":                         {"", "4711", "%unnamed%id-4711"},
		"a hostile id is escaped":                 {"web", "../x", "web%id-%2E.%2Fx"},
		"a long name is cut":                      {long, "", ""},
		"a long name with an id is cut":           {long, "4711", ""},
		"a long name of escapes is cut":           {strings.Repeat("/", 200), "", ""},
		"a long id is cut":                        {"web", strings.Repeat("/", 200), ""},
		"both long are cut":                       {long, strings.Repeat("x", 400), ""},
	} {
		got := fileName(c.text, c.id)
		if c.want != "" && got != c.want {
			t.Errorf("%s: fileName(%q, %q) = %q, want %q", what, c.text, c.id, got, c.want)
		}
		if c.want == "" && !strings.Contains(got, "%cut-") {
			t.Errorf("%s: %q", what, got)
		}
		checkName(t, got)
	}
}

func checkName(t *testing.T, name string) {
	t.Helper()
	if len(name) == 0 || len(name) > maxNameBytes || !utf8.ValidString(name) ||
		strings.ContainsAny(name, "/\x00") || strings.HasPrefix(name, ".") {
		t.Errorf("not a good file name: %q", name)
	}
}

// Different texts have different names, whatever characters they consist of.
func TestFileNameIsUnambiguous(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	parts := []string{"%", "/", ".", "id-", "cut-", "unnamed", "2F", "25", "a", "ü", "\xff", "\u2028", strings.Repeat("long", 40)}
	seen := make(map[string][2]string)
	for range 50_000 {
		var in [2]string
		for i := range in {
			for range rnd.IntN(5) {
				in[i] += parts[rnd.IntN(len(parts))]
			}
		}
		name := fileName(in[0], in[1])
		checkName(t, name)
		if other, ok := seen[name]; ok && other != in {
			t.Fatalf("%q and %q are both %q", in, other, name)
		}
		seen[name] = in
	}
}

func TestATimeBecomesAFileNameInUTC(t *testing.T) {
	east := time.FixedZone("east", 2*3600)
	if got := timeName(time.Date(2026, 3, 4, 14, 0, 0, 999, east)); got != "2026-03-04T12:00:00Z" {
		t.Error(got)
	}
	if got := timeName(time.Time{}); got != "undated" {
		t.Error(got)
	}
}
