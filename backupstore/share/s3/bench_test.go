package s3

import (
	"encoding/xml"
	"fmt"
	"strings"
	"testing"
)

// BenchmarkPage is of a page as versitygw writes it, beside encoding/xml reading the same.
func BenchmarkPage(b *testing.B) {
	var text strings.Builder
	text.WriteString(`<?xml version="1.0" encoding="UTF-8"?><ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">` +
		`<Name>volumebackups</Name><Prefix>volume_</Prefix><EncodingType>url</EncodingType><IsTruncated>false</IsTruncated>`)
	for i := range maxPage {
		fmt.Fprintf(&text, `<Contents><ETag>&#34;9dd4e461268c8034f5c8564e155c67a6&#34;</ETag><Key>volume_15c1d606-eb64-4d52-9eea-867f7662ab05/`+
			`20261128173933/az_nova_backup_1f9386da-4d21-4843-ab21-3134a1d8940e-%05d</Key><LastModified>2026-11-28T17:39:33Z</LastModified>`+
			`<Size>52428800</Size><StorageClass>STANDARD</StorageClass></Contents>`, i)
	}
	text.WriteString(`</ListBucketResult>`)
	page := []byte(text.String())
	b.Run("own", func(b *testing.B) {
		b.SetBytes(int64(len(page)))
		b.ReportAllocs()
		for b.Loop() {
			if p, err := parsePage(page); err != nil || len(p.names) != maxPage {
				b.Fatal(len(p.names), err)
			}
		}
	})
	b.Run("encoding-xml", func(b *testing.B) {
		b.SetBytes(int64(len(page)))
		b.ReportAllocs()
		for b.Loop() {
			var p struct {
				Contents []struct {
					Key, ETag, LastModified string
					Size                    int64
				}
			}
			if err := xml.Unmarshal(page, &p); err != nil || len(p.Contents) != maxPage {
				b.Fatal(len(p.Contents), err)
			}
		}
	})
}
