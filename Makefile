# restorefs: the targets a user and a developer need. `make help` lists them.

GO         ?= go
PREFIX     ?= /usr/local
# Where mount(8) looks for its helpers, by its own name where /sbin is a link; empty: none is installed.
SBIN       ?= $(if $(filter /usr /usr/local,$(PREFIX)),$(shell [ -L /sbin ] && echo /usr/sbin || echo /sbin))
UNITS      ?= $(PREFIX)/lib/systemd/system
DOC        ?= $(PREFIX)/share/doc/restorefs
MAN        ?= $(PREFIX)/share/man
BUILD      := build
TEST_KERNEL := $(BUILD)/test-kernel
TEST_MACHINE := $(BUILD)/test-machine
TEST_NFS   := $(BUILD)/test-nfs
TEST_LIVE  := $(BUILD)/test-live
# Go's own stamp fails where the clone is another user's, and says nothing of a tree without .git.
GIT        := git -c safe.directory='$(CURDIR)'
VERSION    ?= $(or $(shell [ ! -e .git ] || $(GIT) describe --tags --always --dirty 2>/dev/null),$(shell grep -v -m 1 -e Format -e % -e '^$$' packaging/version),unknown)
# The time of manual pages: that of the commit, of which packaging/version has the time in a tree without .git.
SOURCE_DATE_EPOCH ?= $(or $(shell [ ! -e .git ] || $(GIT) log -1 --format=%ct 2>/dev/null),$(shell stat -c %Y packaging/version 2>/dev/null))
export GOFLAGS := $(strip $(filter-out -buildvcs%,$(shell $(GO) env GOFLAGS 2>/dev/null)) -buildvcs=false)
# The one version of the linter that the tree is clean under.
STATICCHECK := honnef.co/go/tools/cmd/staticcheck@v0.8.2
# The race detector needs a C compiler; a machine without one tests without.
RACE       := $(shell command -v $$($(GO) env CC 2>/dev/null) >/dev/null 2>&1 && echo -race)
# What makes test data and second opinions is nobody's to share, and slow when each access of it is watched for races.
UNWATCHED  := $(and $(RACE),$(foreach package,compress/... hash/adler32 github.com/klauspost/compress/... ./backupstore/storetest,-gcflags=$(package)=-race=false))
# What end-to-end tests use where it is installed; they skip, and say so, where not.
TEST_PROGRAMS := qemu-utils xz-utils mmdebstrap fuse3 e2fsprogs xfsprogs lvm2 thin-provisioning-tools zstd gcc libc6-dev fdisk gdisk dosfstools mtools exfat-fuse btrfs-progs ntfs-3g exfatprogs qemu-system-x86 busybox-static python3-cinder fio gddrescue bzip2 python3-keystone qemu-user-static nfs-ganesha nfs-ganesha-vfs swift-proxy swift-account swift-container swift-object memcached rsync cryptsetup-bin man-db mandoc zsh fish rpm rpm2cpio cpio

# First the one whose tests wait most, beside which the others run.
PACKAGES   := ./cmd/restorefs ./...

.PHONY: help build man completion install packages version demo test lint unit unit1 test-arch test-packages setup test-systemd test-nfs test-live test-guests test-stores soak flips fuzz fuzz-build bench bench-cinder bench-mount fixtures clean

help: ## list the targets
	@sed -n 's/^\([a-z1-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 14

# The tag leaves out what the library of flags has for manual pages, which nothing here calls.
build: ## build build/restorefs, one static file
	CGO_ENABLED=0 $(GO) build -trimpath -tags urfave_cli_no_docs -ldflags '-X main.version=$(VERSION)' -o $(BUILD)/restorefs ./cmd/restorefs

man: build ## write the manual pages below build/man
	rm -rf $(BUILD)/man
	SOURCE_DATE_EPOCH=$(SOURCE_DATE_EPOCH) $(BUILD)/restorefs __man $(BUILD)/man

completion: build ## write what bash, zsh and fish read to complete restorefs, in build/completion
	mkdir -p $(BUILD)/completion
	for shell in bash zsh fish; do $(BUILD)/restorefs completion $$shell >$(BUILD)/completion/restorefs.$$shell || exit 1; done

# sudo often has a PATH without Go: what is built then is installed.
install: $(if $(shell command -v $(GO)),build man completion) ## install it below PREFIX (/usr/local), with units for systemd and a helper for mount
	install -D -m 0755 $(BUILD)/restorefs $(DESTDIR)$(PREFIX)/bin/restorefs
	install -d $(DESTDIR)$(UNITS) $(DESTDIR)$(DOC)
	for file in $(addprefix $(UNITS)/,restorefs@.service restorefs-verify.service restorefs-verify.timer) \
	  $(addprefix $(DOC)/,mnt-restore.mount restorefs-user.conf prometheus-alerts.yaml grafana-dashboard.json); do \
	  sed 's:/usr/local/bin/restorefs:$(PREFIX)/bin/restorefs:' packaging/$${file##*/} >$(DESTDIR)$$file && chmod 0644 $(DESTDIR)$$file || exit 1; \
	done
	[ ! -d $(BUILD)/man ] || for page in $$(cd $(BUILD)/man && ls -d man*/*); do \
	  install -D -m 0644 $(BUILD)/man/$$page $(DESTDIR)$(MAN)/$$page || exit 1; done
	[ ! -d $(BUILD)/completion ] || { \
	  install -D -m 0644 $(BUILD)/completion/restorefs.bash $(DESTDIR)$(PREFIX)/share/bash-completion/completions/restorefs && \
	  install -D -m 0644 $(BUILD)/completion/restorefs.zsh $(DESTDIR)$(PREFIX)/share/zsh/site-functions/_restorefs && \
	  install -D -m 0644 $(BUILD)/completion/restorefs.fish $(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d/restorefs.fish; }
	[ -z "$(SBIN)" ] || { install -d $(DESTDIR)$(SBIN) && ln -sfn $(PREFIX)/bin/restorefs $(DESTDIR)$(SBIN)/mount.fuse.restorefs; }
	@[ -n "$(SBIN)" ] || echo "mount(8) and /etc/fstab do not find it below $(PREFIX): SBIN=/usr/sbin would install their helper"
	@[ -n "$(filter /usr/lib/systemd/system /usr/local/lib/systemd/system /etc/systemd/system /lib/systemd/system,$(UNITS))" ] || \
	  echo "systemd does not look into $(UNITS): systemctl link $(UNITS)/restorefs@.service"

packages: ## deb, rpm and tarball for amd64 and arm64, in build/packages: the same bytes for the same commit
	GO="$(GO)" VERSION='$(VERSION)' packaging/packages.sh $(BUILD)/packages

version:
	@echo '$(VERSION)'

demo: build ## mount and restore the sample backup, in plain words
	$(BUILD)/restorefs demo

test: lint unit unit1 ## all checks and tests

lint:
	@unformatted=$$(gofmt -l .); if [ -n "$$unformatted" ]; then echo "gofmt would change: $$unformatted"; exit 1; fi
	$(GO) vet ./...
	$(GO) vet -tags purego ./backupstore/sums ./backupstore/seekable/... ./fusefs/parttable ./cmd/restorefs
	$(GO) run $(STATICCHECK) ./...

# Without what go test would vet: lint has.
unit:
	@[ -n "$(RACE)" ] || echo "no C compiler: tests run without the race detector"
	@# By default each program of the end-to-end tests would sleep a second at its end, for races then.
	GORACE="atexit_sleep_ms=0 $$GORACE" GO="$(GO)" $(GO) run ./backupstore/storetest/leaktest/gotest $(RACE) $(UNWATCHED) -vet=off -timeout 40m $(PACKAGES)

# What starts no goroutine, decodes nothing and has no second form: one processor and pure Go change nothing there.
UNCHANGED  := backupstore/safetext backupstore/seekable/stream backupstore/share/(cinderconf|locate) backupstore/storetest(/leaktest/gotest)? \
  cache/private(/.*)? cmd/(cmdline|filereport|manual|places|report|wording) fusefs/(contents|mountinfo|inside(/.*)?) materialize/cinderapi

unit1: # again with one processor and pure Go
	@# Where GOMAXPROCS is 1, go test runs one package at a time unless -p says otherwise.
	packages=$$($(GO) list ./... | grep -vxE '[^/]+/[^/]+/[^/]+/($(subst $(empty) $(empty),|,$(strip $(UNCHANGED))))') && \
	GOMAXPROCS=1 GO="$(GO)" $(GO) run ./backupstore/storetest/leaktest/gotest -p $$(nproc) -vet=off -tags purego -timeout 40m ./cmd/restorefs $$packages

# The packages in which the order of bytes or a processor's own loop matters.
ARCH_PACKAGES := $(addprefix ./,backupstore/format backupstore/sums fusefs/parttable cache/disk \
  $(addprefix backupstore/seekable/,stream inflate bunzip2 unzstd index) backupstore/seekable)

# Those with files that one processor writes and another reads.
EXCHANGE = $(GO) test -vet=off -count=1 -run 'ForAllProcessors$$' ./fusefs/overlay ./cache/disk ./backupstore/seekable/index ./backupstore/seekable

test-arch: ## decoders, formats and restores on s390x (big-endian), arm64 and an old amd64, in qemu's emulators (qemu-user-static)
	@for program in qemu-s390x-static qemu-aarch64-static qemu-x86_64-static; do command -v $$program >/dev/null || \
	  { echo "make test-arch needs $$program (Debian's qemu-user-static): make setup installs it"; exit 1; }; done
	@# An amd64 without BMI2 and SHA-NI: Go's loops are chosen, and the bytes are right.
	RESTOREFS_TEST_NO_LOOP=1 GOARCH=amd64 CGO_ENABLED=0 $(GO) test -vet=off -count=1 -exec 'qemu-x86_64-static -cpu Nehalem' -short \
	  -run 'WithoutBMI2|WithoutSHA|OfAllKinds|EachRuleOfDeflate|PairsHave' ./backupstore/seekable/inflate ./backupstore/sums
	@# Each processor reads what those before it wrote, and at the end those that began read what all have.
	@set -e; dir=$$(mktemp -d); trap 'rm -rf $$dir' EXIT; export RESTOREFS_TEST_EXCHANGE=$$dir; set -x; \
	$(EXCHANGE); \
	for arch in s390x:s390x arm64:aarch64; do \
	  on="-vet=off -count=1 -exec qemu-$${arch#*:}-static"; export GOARCH=$${arch%:*} CGO_ENABLED=0; \
	  $(GO) test $$on -short -timeout 10m $(ARCH_PACKAGES); \
	  $(GO) test $$on -run 'ForAllProcessors$$|AnOverlayHolds' ./fusefs/overlay; \
	done; \
	GOARCH=s390x $(EXCHANGE) -exec qemu-s390x-static; \
	unset GOARCH CGO_ENABLED; \
	$(EXCHANGE); \
	$(GO) test -count=1 -tags testarch -run '^TestOtherProcessors' ./cmd/restorefs

setup: ## install what the end-to-end tests use (Debian, as root)
	apt-get update
	@# What some of them depend on would start services; no test needs one that runs.
	policy=/usr/sbin/policy-rc.d; \
	if [ ! -e $$policy ]; then trap "rm -f $$policy" EXIT INT TERM; printf '#!/bin/sh\nexit 101\n' >$$policy; chmod +x $$policy; fi; \
	DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends $(TEST_PROGRAMS)
	[ "$$(dpkg --print-architecture)" != amd64 ] || $(MAKE) $(TEST_KERNEL)/modules $(TEST_MACHINE)/root.ext4

# A kernel for the machines that tests boot, unpacked and not installed: boot/, and those of the modules that they use
# which are not built in. busybox cannot read them as Debian 13 compresses them.
TEST_MODULES := virtio|virtio_ring|virtio_pci|virtio_pci_legacy_dev|virtio_pci_modern_dev|virtio_blk|loop|fuse|autofs4|netfs|fscache|sunrpc|oid_registry|auth_rpcgss|grace|lockd|nfs_acl|nfs_ssc|dns_resolver|nfs|nfsv3|nfsv4|nfsd|sch_netem|dm-mod
$(TEST_KERNEL)/modules:
	rm -rf $(TEST_KERNEL) $(TEST_KERNEL).new
	mkdir -p $(TEST_KERNEL).new/modules
	cd $(TEST_KERNEL).new && apt-get download $$(apt-cache depends linux-image-cloud-amd64 | sed -n 's/.*Depends: \(linux-image-[0-9]\)/\1/p' | head -n 1)
	cd $(TEST_KERNEL).new && dpkg --fsys-tarfile *.deb >all.tar && rm *.deb && \
	  tar -tf all.tar | grep -E '/boot/vmlinuz-|/kernel/.*/($(TEST_MODULES))\.ko' >wanted && tar -xf all.tar -T wanted && rm all.tar wanted && \
	  find . -name '*.ko*' -exec mv -t modules {} + && find modules -name '*.xz' -exec xz -d {} + && rm -rf lib usr
	mv $(TEST_KERNEL).new $(TEST_KERNEL)

# The root file system of a machine with systemd: packages of this Debian, unpacked.
TEST_PACKAGES := systemd-sysv udev fuse3 mount diffutils e2fsprogs kmod bash coreutils grep sed procps util-linux findutils base-passwd base-files dash
comma := ,
empty :=
# That of a machine which serves NFS has more, and no systemd is started there.
$(TEST_NFS)/root.ext4: TEST_PACKAGES += nfs-kernel-server nfs-common rpcbind iproute2
# That of a machine whose disk is restored while it is used.
$(TEST_LIVE)/root.ext4: TEST_PACKAGES += dmsetup
$(TEST_MACHINE)/root.ext4 $(TEST_NFS)/root.ext4 $(TEST_LIVE)/root.ext4:
	rm -rf $(@D) $(@D).new
	mkdir -p $(@D).new
	. /etc/os-release && mmdebstrap --quiet --variant=extract --hook-dir=/usr/share/mmdebstrap/hooks/merged-usr \
	  --include=$(subst $(empty) $(empty),$(comma),$(TEST_PACKAGES)) $$VERSION_CODENAME $(@D).new/root
	cd $(@D).new/root && cp usr/share/base-passwd/passwd.master etc/passwd && cp usr/share/base-passwd/group.master etc/group && \
	  chmod 4755 bin/fusermount3 && rm -rf usr/share/doc usr/share/locale usr/share/man var/cache/apt var/lib/apt/lists
	mke2fs -q -t ext4 -d $(@D).new/root $(@D).new/root.ext4 600M
	rm -rf $(@D).new/root
	mv $(@D).new $(@D)

# Roots of the Debians in which the deb is tried, with what their systems have when new and what mounts.
TEST_ROOTS := $(BUILD)/test-roots
$(TEST_ROOTS)/%.tar:
	mkdir -p $(TEST_ROOTS)
	mmdebstrap --quiet --variant=essential --include=fuse3,mount $* $@.new.tar
	mv $@.new.tar $@

test-packages: $(TEST_ROOTS)/bookworm.tar $(TEST_ROOTS)/trixie.tar ## the packages, made twice; the deb installed, used, upgraded and removed on Debian 12 and 13
	RESTOREFS_TEST_PACKAGES=1 GO="$(GO)" $(GO) test -count=1 -v -timeout 20m ./packaging

test-systemd: ## the units and mount(8) in a virtual machine with systemd (after make setup)
	RESTOREFS_TEST_SYSTEMD=1 $(GO) test -count=1 -v -timeout 40m -run '^TestUnderSystemd$$' ./cmd/restorefs

test-nfs: $(TEST_NFS)/root.ext4 ## the kernel's NFS server and clients, and the program's, in a virtual machine (after make setup)
	RESTOREFS_TEST_NFS=1 $(GO) test -count=1 -v -timeout 90m -run '^TestOverTheKernelsNFS$$' ./cmd/restorefs

test-live: $(TEST_LIVE)/root.ext4 ## restores onto a disk that is used meanwhile, killed and without power at random moments, in a virtual machine (after make setup; LIVE_CUTS=N for another number than 3)
	RESTOREFS_TEST_LIVE=$${LIVE_CUTS:-3} $(GO) test -count=1 -v -timeout 90m -run '^TestLiveInAMachine$$' ./cmd/restorefs

# Roots of the Debians whose programs make file systems. unstable is read from mirrors that stand still, too.
GUEST_ROOTS := $(BUILD)/test-guests
GUEST_PACKAGES := e2fsprogs,xfsprogs,dosfstools,exfatprogs,ntfs-3g,btrfs-progs,lvm2
$(GUEST_ROOTS)/%:
	mkdir -p $(GUEST_ROOTS)
	rm -rf $@.new
	mmdebstrap --quiet --variant=extract --hook-dir=/usr/share/mmdebstrap/hooks/merged-usr \
	  --aptopt='Acquire::Check-Valid-Until "false"' --include=$(GUEST_PACKAGES) $* $@.new
	mv $@.new $@

GUESTS     := bookworm trixie unstable
test-guests: $(addprefix $(GUEST_ROOTS)/,$(GUESTS)) ## file systems made by the programs of Debian 12, 13 and unstable, as root (GUESTS=unstable for one)
	for root in $^; do echo "$$root:"; RESTOREFS_GUEST_ROOT=$$PWD/$$root RESTOREFS_XFS_FORMS=1 RESTOREFS_TEST_ALL=1 $(GO) test -count=1 -timeout 40m \
	  -run 'ViewIsOurs|ViewOfNTFS3G|EachForm|WhatWasCopied|IsWhat|WhereLVMSays|OfTheTools|FileInPieces' ./fusefs/inside/... || exit 1; done

test-stores: $(BUILD)/test-stores/versitygw ## backups of Cinder's own drivers in real object stores: Swift, its S3, and versitygw
	RESTOREFS_TEST_VERSITYGW=$(CURDIR)/$< $(GO) test -vet=off -count=1 -v -run RealStore ./cmd/restorefs

# Apart from make setup, as compiling it takes minutes.
$(BUILD)/test-stores/versitygw:
	GOBIN=$(CURDIR)/$(BUILD)/test-stores GOFLAGS= $(GO) install github.com/versity/versitygw/cmd/versitygw@v1.8.0

soak: ## kill restores at 30 random moments each, as root (SOAK=N for another number)
	RESTOREFS_SOAK=$${SOAK:-30} RESTOREFS_TEST_ALL=1 $(GO) test -count=1 -v -timeout 60m -run '^TestAKilled' ./cmd/restorefs

flips: ## flip 10,000 bits of backups and as many of overlay maps: an error or the right bytes (FLIPS=N for another number)
	RESTOREFS_FLIPS=$${FLIPS:-10000} $(GO) test -count=1 -v -timeout 60m -run '^TestNoFlippedBit(GivesAWrongByte|OfAMapGivesAWrongBlock)$$' ./backupstore ./fusefs/overlay

fuzz: ## fuzz every target for FUZZTIME (1m) each
	GO="$(GO)" $(GO) run ./backupstore/storetest/leaktest/gofuzz -time $${FUZZTIME:-1m}

fuzz-build: # what takes time of make fuzz before it fuzzes
	GO="$(GO)" $(GO) run ./backupstore/storetest/leaktest/gofuzz -build

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
