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
// the cloud does not accept. Pairs not sent by then are reported.
const maxRefused = 64

// refusesBody reports that the cloud did not accept the body of a call: 400, or
// 413 for a text or body that is too long. A 413 that asks to wait is about the
// rate of calls.
func refusesBody(err error) bool {
	e, ok := asError(err)
	return ok && (e.Status == http.StatusBadRequest ||
		e.Status == http.StatusRequestEntityTooLarge && e.RetryAfter == 0)
}

// set sends pairs in one call. If that is refused it sends smaller parts: first
// what every Cinder accepts apart from the rest, then halves, until each
// refused pair has been sent alone and no longer keeps others from being set.
func (r *restoring) set(field string, pairs map[string]string, found *map[string]string,
	send func(map[string]string) error) error {
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
				r.why[d.String()] = fmt.Sprintf("not sent: the cloud refused %d calls before, "+
					"run it again", refused)
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

// split divides keys into those whose pairs every Cinder accepts and the
// others, or into halves if there is only one kind.
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
	what := fmt.Sprintf("key of %d characters, value of %d", utf8.RuneCountInString(d.Key),
		utf8.RuneCountInString(value))
	r.refusedContent(d, what, strings.Contains(e.Message, d.Key), e)
}

// refusedContent notes that the cloud does not accept what. That is permanent
// if Cinder's validation (cinder/api/validation/validators.py, cinder/utils.py)
// rejects just this; any other 400 may be about the volume's status.
func (r *restoring) refusedContent(d Difference, what string, named bool, e *Error) {
	if e.Status == http.StatusBadRequest && !(named && validation(e.Message)) {
		r.why[d.String()] = e.Error()
		return
	}
	why := fmt.Sprintf("this cloud does not take it (%s): %d %s", what, e.Status,
		http.StatusText(e.Status))
	if m := middleCut(e.Message, 240); m != "" {
		why += ": " + m
	}
	if e.RequestID != "" {
		why += " (" + e.RequestID + ")"
	}
	r.impossible(d, why)
}

// validation reports whether a message of Cinder is about the content that it
// was sent.
func validation(message string) bool {
	for _, s := range []string{"Invalid input for field/attribute", "Invalid volume metadata",
		"Additional properties", "is too long", " characters"} {
		if strings.Contains(message, s) {
			return true
		}
	}
	return false
}

// middleCut cuts the middle out of a text of more than most characters:
// Cinder's messages begin with the text in question and end with what is wrong
// with it.
func middleCut(s string, most int) string {
	if r := []rune(s); len(r) > most {
		return string(r[:most/2]) + " ... " + string(r[len(r)-most/2:])
	}
	return s
}
