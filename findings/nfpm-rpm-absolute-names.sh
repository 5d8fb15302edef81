#!/bin/sh
# An rpm made by nfpm v2.45.2, unpacked as is usual without rpm: rpm2cpio FILE.rpm | cpio -idm
# Expected: the files appear below the current directory: the names in an rpm's archive begin with "./", as rpmbuild
# writes them.
# Seen: they begin with "/", and cpio takes them as they are: it writes below the root of the machine. rpm itself, and
# cpio --no-absolute-filenames, put them where they belong. Here the archive is only listed.
. "$(dirname "$0")/common"
modules github.com/goreleaser/nfpm/v2@v2.45.2
echo hello >hello
cat >nfpm.yaml <<'YAML'
name: hello
arch: amd64
version: 1.0.0
maintainer: x <x@example.org>
description: hello
contents: [{src: ./hello, dst: /opt/hello}]
YAML
go run github.com/goreleaser/nfpm/v2/cmd/nfpm package --packager rpm --target hello.rpm >out 2>&1 ||
	{ cat out; cannot "nfpm does not run"; }
cat >names.py <<'PYTHON'
import gzip, io
rpm = open("hello.rpm", "rb").read()
cpio = gzip.GzipFile(fileobj=io.BytesIO(rpm[rpm.index(b"\x1f\x8b\x08"):])).read()
at = 0
while cpio[at:at + 6] == b"070701":
    size, name = int(cpio[at + 54:at + 62], 16), int(cpio[at + 94:at + 102], 16)
    print(cpio[at + 110:at + 109 + name].decode())
    at += (110 + name + 3) // 4 * 4
    at += (size + 3) // 4 * 4
PYTHON
seen "the names in the archive" "$(python3 names.py | grep -v TRAILER)" /opt/hello
finish
