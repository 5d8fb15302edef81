# restorefs: the targets a user and a developer need. `make help` lists them.

GO         ?= go
PREFIX     ?= /usr/local
# Where mount(8) looks for its helpers; empty: none is installed.
SBIN       ?= $(if $(filter /usr /usr/local,$(PREFIX)),/sbin)
BUILD      := build
TEST_KERNEL := $(BUILD)/test-kernel
# The one version of the linter that the tree is clean under.
STATICCHECK := honnef.co/go/tools/cmd/staticcheck@v0.8.2
# The race detector needs a C compiler; a machine without one tests without.
RACE       := $(shell command -v $$($(GO) env CC) >/dev/null 2>&1 && echo -race)
# What end-to-end tests use where it is installed; they skip, and say so, where not.
TEST_PROGRAMS := qemu-utils fuse3 e2fsprogs xfsprogs zstd gcc libc6-dev fdisk gdisk dosfstools btrfs-progs ntfs-3g qemu-system-x86 busybox-static python3-cinder fio python3-keystone qemu-user-static

.PHONY: help build install demo test lint unit unit1 test-arch setup soak fuzz bench bench-cinder bench-mount fixtures clean

help: ## list the targets
	@sed -n 's/^\([a-z1-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 14

build: ## build build/restorefs, one static file
	CGO_ENABLED=0 $(GO) build -trimpath -o $(BUILD)/restorefs ./cmd/restorefs

# sudo often has a PATH without Go: what is built then is installed.
install: $(if $(shell command -v $(GO)),build) ## install it below PREFIX (/usr/local), with units for systemd and a helper for mount
	install -D -m 0755 $(BUILD)/restorefs $(DESTDIR)$(PREFIX)/bin/restorefs
	install -d $(DESTDIR)$(PREFIX)/lib/systemd/system
	for unit in restorefs@.service mnt-restore.mount; do \
	  sed 's:/usr/local/bin/restorefs:$(PREFIX)/bin/restorefs:' packaging/$$unit >$(DESTDIR)$(PREFIX)/lib/systemd/system/$$unit || exit 1; \
	done
	[ -z "$(SBIN)" ] || { install -d $(DESTDIR)$(SBIN) && ln -sfn $(PREFIX)/bin/restorefs $(DESTDIR)$(SBIN)/mount.fuse.restorefs; }

demo: build ## mount and restore the sample backup, in plain words
	$(BUILD)/restorefs demo

test: lint unit unit1 ## all checks and tests

lint:
	@unformatted=$$(gofmt -l $$(git ls-files '*.go')); if [ -n "$$unformatted" ]; then echo "gofmt would change: $$unformatted"; exit 1; fi
	$(GO) vet ./...
	$(GO) run $(STATICCHECK) ./...

unit:
	@[ -n "$(RACE)" ] || echo "no C compiler: tests run without the race detector"
	@# By default each program of the end-to-end tests would sleep a second at its end, for races then.
	GORACE="atexit_sleep_ms=0 $$GORACE" $(GO) test $(RACE) -timeout 40m ./...

unit1: # again with one processor and pure Go
	GOMAXPROCS=1 $(GO) test -tags purego -timeout 40m ./...

# The packages in which the order of bytes or a processor's own loop matters.
ARCH_PACKAGES := $(addprefix ./,backupstore/format fusefs/parttable cache/disk \
  $(addprefix backupstore/seekable/,stream inflate bunzip2 unzstd index) backupstore/seekable)

test-arch: ## decoders, formats and restores on s390x (big-endian) and arm64, in qemu's emulators (qemu-user-static)
	@# Each processor reads what those before it wrote; at the end this one reads what all did.
	@dir=$$(mktemp -d) && trap 'rm -rf $$dir' EXIT && export RESTOREFS_TEST_EXCHANGE=$$dir && set -ex && \
	$(GO) test -count=1 -run 'ForAllProcessors$$' ./fusefs/overlay ./cache/disk ./backupstore/seekable/index && \
	for arch in s390x:s390x arm64:aarch64; do \
	  CGO_ENABLED=0 GOARCH=$${arch%:*} $(GO) test -vet=off -count=1 -short -timeout 10m -exec qemu-$${arch#*:}-static $(ARCH_PACKAGES); \
	  CGO_ENABLED=0 GOARCH=$${arch%:*} $(GO) test -vet=off -count=1 -exec qemu-$${arch#*:}-static -run 'ForAllProcessors$$|AnOverlayHolds' ./fusefs/overlay; \
	done && \
	$(GO) test -count=1 -run 'ForAllProcessors$$' ./fusefs/overlay ./cache/disk ./backupstore/seekable/index && \
	$(GO) test -count=1 -tags testarch -run '^TestOtherProcessors' ./cmd/restorefs

setup: ## install what the end-to-end tests use (Debian, as root)
	apt-get update
	@# What some of them depend on would start services; no test needs one that runs.
	policy=/usr/sbin/policy-rc.d; \
	if [ ! -e $$policy ]; then trap "rm -f $$policy" EXIT INT TERM; printf '#!/bin/sh\nexit 101\n' >$$policy; chmod +x $$policy; fi; \
	DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends $(TEST_PROGRAMS)
	[ "$$(dpkg --print-architecture)" != amd64 ] || $(MAKE) $(TEST_KERNEL)

# A kernel for the machines that tests boot, unpacked and not installed.
$(TEST_KERNEL):
	mkdir -p $@.new
	cd $@.new && apt-get download $$(apt-cache depends linux-image-cloud-amd64 | sed -n 's/.*Depends: \(linux-image-[0-9]\)/\1/p' | head -n 1)
	cd $@.new && dpkg --fsys-tarfile *.deb | tar -x --wildcards './boot/vmlinuz-*' './lib/modules/*/virtio*.ko' './lib/modules/*/loop.ko' && rm *.deb
	mv $@.new $@

soak: ## kill restores at 30 random moments each, as root (SOAK=N for another number)
	RESTOREFS_SOAK=$${SOAK:-30} RESTOREFS_TEST_ALL=1 $(GO) test -count=1 -v -timeout 60m -run '^TestAKilled' ./cmd/restorefs

fuzz: ## fuzz every target for FUZZTIME (1m) each
	@for pkg in $$($(GO) list ./...); do \
	  for f in $$($(GO) test -list '^Fuzz' $$pkg | grep '^Fuzz'); do \
	    echo "== $$pkg $$f"; $(GO) test -run '^$$' -fuzz "^$$f$$" -fuzztime $${FUZZTIME:-1m} $$pkg || exit 1; \
	  done; \
	done

bench: ## measure against the peers and print the tables of docs/benchmarks.md
	$(GO) run ./backupstore/seekable/bench
	$(GO) test -run '^$$' -bench . -benchtime 3x ./cmd/restorefs

bench-cinder: ## measure restores against Cinder's own (python3-cinder), for docs/benchmarks-materialize.md
	$(GO) run ./cmd/restorefs/bench

bench-mount: ## measure mounts, as root, for docs/benchmarks.md (python3-cinder, qemu-img, nbdkit)
	$(GO) run ./cmd/restorefs/bench -mounts

fixtures: ## make backupstore/testdata anew (Debian 12 with python3-cinder)
	cd backupstore/testdata && ./make_fixtures.py
	cd backupstore/testdata && ./make_fixtures.py --sample

clean: ## remove what was built
	rm -rf $(BUILD)
