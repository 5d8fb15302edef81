package cinderapi

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"unicode/utf8"
)

// maxRefused bounds the refused calls in search of the pairs of one field that
// the cloud does not take. What is left then is told, not sent.
const maxRefused = 64

// refusesBody reports that the cloud did not take what a call brought: 400, or
// 413 for text or a body that is too long for it. A 413 that asks to wait is
// about the rate of calls.
func refusesBody(err error) bool {
	e, ok := asError(err)
	return ok && (e.Status == http.StatusBadRequest || e.Status == http.StatusRequestEntityTooLarge && e.RetryAfter == 0)
}

// set sends pairs in one call. Where that is refused it sends less at a time,
// first what every Cinder takes apart from the rest, then halves, until each
// pair that the cloud refuses has been refused alone: it keeps no other out.
func (r *restoring) set(field string, pairs map[string]string, found *map[string]string, send func(map[string]string) error) error {
	parts := [][]string{slices.Sorted(maps.Keys(pairs))}
	for refused := 0; len(parts) > 0 && len(pairs) > 0; {
		keys := parts[0]
		parts = parts[1:]
		part := map[string]string{}
		var of []Difference
		for _, k := range keys {
			part[k] = pairs[k]
			of = append(of, Difference{Field: field, Key: k})
		}
		if refused == maxRefused {
			for _, d := range of {
				r.why[d.String()] = fmt.Sprintf("not sent: the cloud refused %d calls before, run it again", refused)
			}
			continue
		}
		err := send(part)
		switch {
		case err == nil:
			if *found == nil {
				*found = map[string]string{}
			}
			maps.Copy(*found, part)
		case refusesBody(err):
			refused++
			if len(keys) > 1 {
				parts = append(parts, split(keys, pairs)...)
			} else {
				r.refusedPair(of[0], pairs[keys[0]], err)
			}
		default:
			if err := r.refused(err, of...); err != nil {
				return err
			}
		}
	}
	return nil
}

// split divides keys into those of pairs that every Cinder takes and the others,
// or in halves where all are alike.
func split(keys []string, pairs map[string]string) [][]string {
	var sure, doubtful []string
	for _, k := range keys {
		if DoubtfulPair(k, pairs[k]) == "" {
			sure = append(sure, k)
		} else {
			doubtful = append(doubtful, k)
		}
	}
	if len(sure) > 0 && len(doubtful) > 0 {
		return [][]string{sure, doubtful}
	}
	return [][]string{keys[:len(keys)/2], keys[len(keys)/2:]}
}

// refusedPair notes why the cloud refused a pair that was sent alone.
func (r *restoring) refusedPair(d Difference, value string, err error) {
	e, _ := asError(err)
	what := fmt.Sprintf("key of %d characters, value of %d", utf8.RuneCountInString(d.Key), utf8.RuneCountInString(value))
	r.refusedContent(d, what, strings.Contains(e.Message, d.Key), e)
}

// refusedContent notes that the cloud does not take what. It is for good when
// Cinder's validation (cinder/api/validation/validators.py, cinder/utils.py)
// says so of this very thing; another 400 may be about the volume's status.
func (r *restoring) refusedContent(d Difference, what string, named bool, e *Error) {
	if e.Status == http.StatusBadRequest && !(named && validation(e.Message)) {
		r.why[d.String()] = e.Error()
		return
	}
	why := fmt.Sprintf("this cloud does not take it (%s): %d %s", what, e.Status, http.StatusText(e.Status))
	if m := middleCut(e.Message, 240); m != "" {
		why += ": " + m
	}
	if e.RequestID != "" {
		why += " (" + e.RequestID + ")"
	}
	r.impossible(d, why)
}

// validation reports that a message of Cinder is about what it was sent.
func validation(message string) bool {
	for _, s := range []string{"Invalid input for field/attribute", "Invalid volume metadata", "Additional properties", "is too long", " characters"} {
		if strings.Contains(message, s) {
			return true
		}
	}
	return false
}

// middleCut cuts the middle out of text of more than most characters: Cinder's
// messages repeat what they are about, and end with what is wrong with it.
func middleCut(s string, most int) string {
	if r := []rune(s); len(r) > most {
		return string(r[:most/2]) + " ... " + string(r[len(r)-most/2:])
	}
	return s
}
