#!/bin/sh
# The S3 client minio/minio-go v7.4.1 and a server that answers a GET with Range by the whole object and code 200, which
# HTTP allows (RFC 9110, 14.2), and which proxies and simple servers do.
# Expected: an error, or the bytes that were asked for, cut out of what came.
# Seen: Object.ReadAt at offset 524288 returns the first bytes of the object without an error. Seek and Read do the same.
# GetObject with SetRange returns all of the object. Neither looks at the code or at Content-Range.
. "$(dirname "$0")/common"
modules github.com/minio/minio-go/v7@v7.4.1
cat >main.go <<'GO'
package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
)

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func main() {
	object := make([]byte, 1<<20)
	for i := range object {
		object[i] = byte(i >> 12) // the number of its 4 KiB, 128 at 524288
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("ETag", `"00000000000000000000000000000001"`)
		w.Header().Set("Last-Modified", "Sun, 29 Nov 2026 00:00:00 GMT")
		w.Header().Set("Content-Length", strconv.Itoa(len(object)))
		if r.Method == http.MethodGet {
			w.Write(object)
		}
	}))
	client := must(minio.New(server.Listener.Addr().String(),
		&minio.Options{Creds: credentials.NewStaticV4("key", "secret", ""), Region: "us-east-1"}))
	open := func(o minio.GetObjectOptions) *minio.Object {
		return must(client.GetObject(context.Background(), "bucket", "key", o))
	}
	p := make([]byte, 4096)
	n, err := open(minio.GetObjectOptions{}).ReadAt(p, 524288)
	fmt.Println("ReadAt", n, err, p[0])
	seeking := open(minio.GetObjectOptions{})
	must(seeking.Seek(524288, io.SeekStart))
	n, err = io.ReadFull(seeking, p)
	fmt.Println("Seek", n, err, p[0])
	var part minio.GetObjectOptions
	if err := part.SetRange(524288, 528383); err != nil {
		panic(err)
	}
	all, err := io.ReadAll(open(part))
	fmt.Println("SetRange", len(all), err)
}
GO
go run . >out 2>&1 || { cat out; cannot "the program does not build or run"; }
seen "ReadAt at 524288: bytes, error, the first byte (128 would be right)" "$(sed -n 's/^ReadAt //p' out)" "4096 <nil> 0"
seen "Seek to 524288 and read" "$(sed -n 's/^Seek //p' out)" "4096 <nil> 0"
seen "a range of 4096 bytes: bytes, error" "$(sed -n 's/^SetRange //p' out)" "1048576 <nil>"
finish
