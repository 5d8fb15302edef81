package s3

import (
	"errors"
	"strings"
	"testing"
)

func TestAPageIsAListOfNoMoreNamesThanWereAskedFor(t *testing.T) {
	list := func(n int) string {
		return "<?xml version=\"1.0\"?><ListBucketResult>" +
			strings.Repeat("<Contents><Key>a</Key></Contents>", n) + "</ListBucketResult>\n"
	}
	if err := checkPage([]byte(list(maxPage))); err != nil {
		t.Error(err)
	}
	if err := checkPage([]byte(list(maxPage + 1))); !errors.Is(err, errTooMany) {
		t.Error(err)
	}
	for _, text := range []string{"", "<html></html>", "<ListBucketResult>", "welcome",
		"<ListAllMyBucketsResult></ListAllMyBucketsResult>"} {
		if err := checkPage([]byte(text)); !errors.Is(err, errNoList) {
			t.Errorf("%q: %v", text, err)
		}
	}
}
