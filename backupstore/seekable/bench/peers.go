package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// peers are contenders that are other people's programs and libraries; each
// returns its seconds.
var peers = map[string]func(context.Context, inputs) (string, error){
	"libdeflate": func(ctx context.Context, in inputs) (string, error) {
		return runC(ctx, in, "libdeflate", "-ldeflate", libdeflateC, in.zlib(), fmt.Sprint(1<<30))
	},
	"libbz2": func(ctx context.Context, in inputs) (string, error) {
		return runC(ctx, in, "libbz2", "-lbz2", libbz2C, in.bzip2(), fmt.Sprint(sliceLen))
	},
	"zlib": func(ctx context.Context, in inputs) (string, error) {
		// In pieces: one call's output buffer would cost page faults that the
		// others do not have.
		script := `
import sys, time, zlib
d = open(sys.argv[1], 'rb').read()
o = zlib.decompressobj(); n = 0; t = time.process_time()
for i in range(0, len(d), 262144):
    p = o.decompress(d[i:i+262144], 1 << 20); n += len(p)
    while o.unconsumed_tail:
        p = o.decompress(o.unconsumed_tail, 1 << 20); n += len(p)
print(time.process_time() - t)
`
		out, err := exec.CommandContext(ctx, python, "-c", script, in.zlib()).Output()
		return strings.TrimSpace(string(out)), err
	},
	"lbzip2": func(ctx context.Context, in inputs) (string, error) {
		start := time.Now()
		cmd := exec.CommandContext(ctx, "lbzip2", "-n2", "-d", "-k", "-c", in.bzip2())
		err := cmd.Run() // its output goes to /dev/null
		return fmt.Sprint(time.Since(start).Seconds()), err
	},
}

// runC compiles a program once and runs it: FILE SIZE, prints processor
// seconds.
func runC(ctx context.Context, in inputs, name, lib, source, file, size string) (string, error) {
	binary := filepath.Join(in.dir, name)
	if _, err := os.Stat(binary); err != nil {
		if err := os.WriteFile(binary+".c", []byte(commonC+source), 0o600); err != nil {
			return "", err
		}
		if out, err := exec.CommandContext(ctx, "cc", "-O2", "-o", binary, binary+".c",
			lib).CombinedOutput(); err != nil {
			return "", fmt.Errorf("%s cannot be compiled (its -dev package?): %.100s", name, out)
		}
	}
	out, err := exec.CommandContext(ctx, binary, file, size).Output()
	return strings.TrimSpace(string(out)), err
}

const commonC = `
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
static size_t decode(const void *in, size_t n, void *out, size_t m);
int main(int argc, char **argv) {
	FILE *f = fopen(argv[1], "rb");
	fseek(f, 0, SEEK_END); size_t n = ftell(f); rewind(f);
	size_t m = strtoull(argv[2], 0, 10);
	char *in = malloc(n), *out = malloc(m);
	if (fread(in, 1, n, f) != n) return 1;
	memset(out, 1, m);
	struct timespec a, b;
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &a);
	if (decode(in, n, out, m) != m) return 2;
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &b);
	printf("%f\n", b.tv_sec - a.tv_sec + (b.tv_nsec - a.tv_nsec) / 1e9);
	return 0;
}
`

const libdeflateC = `
#include <libdeflate.h>
static size_t decode(const void *in, size_t n, void *out, size_t m) {
	size_t got = 0;
	libdeflate_deflate_decompress(libdeflate_alloc_decompressor(), (const char *)in + 2, n - 2,
		out, m, &got);
	return got;
}
`

const libbz2C = `
#include <bzlib.h>
static size_t decode(const void *in, size_t n, void *out, size_t m) {
	unsigned got = m;
	return BZ2_bzBuffToBuffDecompress(out, &got, (char *)in, n, 0, 0) ? 0 : got;
}
`
