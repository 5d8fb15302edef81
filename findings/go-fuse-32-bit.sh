#!/bin/sh
# The Go module hanwen/go-fuse/v2 v2.12.1, built for Linux on 32-bit processors.
# Expected: it builds wherever Go and Linux run, or says which it supports.
# Seen: its package splice, which package fuse imports, keeps the result of syscall.Splice as an int64. That is what Go
# returns on 64-bit processors; for arm and 386 it is an int, and the package does not compile.
. "$(dirname "$0")/common"
modules github.com/hanwen/go-fuse/v2@v2.12.1
seen "package fuse imports" "$(go list -deps github.com/hanwen/go-fuse/v2/fuse 2>/dev/null | grep splice)" \
	github.com/hanwen/go-fuse/v2/splice
for arch in amd64 s390x arm 386; do
	code=0
	GOARCH=$arch CGO_ENABLED=0 go build github.com/hanwen/go-fuse/v2/splice >out 2>&1 || code=$?
	cat out
	case $arch in amd64 | s390x) want="exit 0" ;; *) want="exit 1" ;; esac
	seen "$arch" "exit $code" "$want"
done
finish
