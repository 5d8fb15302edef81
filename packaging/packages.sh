#!/bin/bash
# Makes the packages: packaging/packages.sh DIRECTORY
#
# make packages calls this. The same commit gives the same bytes, on whatever machine,
# in whatever directory and at whatever time: all times are that of the commit.
#   GO           the go command
#   VERSION      what "restorefs --version" says; by default as make build has it
#   ARCHES       of amd64, arm64; by default both
#   FORMATS      of deb, rpm, tar; by default all
#   MAINTAINER   whom deb and rpm name, as "NAME <ADDRESS>"; by default an address that nobody
#                reads (RFC 6761, .invalid), for whoever makes packages is to be asked about them
set -euo pipefail
cd "$(dirname "$0")/.."
umask 022
export TZ=UTC LC_ALL=C GO=${GO:-go}
# What is set for Go on this machine must not decide what is in a package. For Go an empty variable
# is as none, so what go env -w wrote is not read; only where modules come from is kept.
GOPROXY=$("$GO" env GOPROXY)
GOSUMDB=$("$GO" env GOSUMDB)
export GOPROXY GOSUMDB GOENV=off GOFIPS140=off
export GOFLAGS=-buildvcs=false GOAMD64=v1 GOARM64=v8.0 GOEXPERIMENT='' CGO_ENABLED=0
unset GOOS GOARCH

# As Debian's policy has it (5.6.2).
export MAINTAINER=${MAINTAINER:-restorefs maintainers <maintainers@restorefs.invalid>}
form='^[^<>[:space:]][^<>[:cntrl:]]* <[^<>@[:space:]]+@[^<>@[:space:]]+>$'
if ! [[ $MAINTAINER =~ $form ]]; then
  printf 'packages.sh: MAINTAINER is %q: give it as "NAME <ADDRESS>"\n' "$MAINTAINER" >&2
  exit 2
fi

# The one version of the packager that the packages are checked with. It is no dependency of
# the program.
nfpm=github.com/goreleaser/nfpm/v2/cmd/nfpm@v2.45.2
# As make build has them.
tags=urfave_cli_no_docs

out=$(realpath -m "$1")
version=${VERSION:-$(make -s version)}
epoch=${SOURCE_DATE_EPOCH:-}
if [ -z "$epoch" ] && [ -e .git ]; then
  epoch=$(git -c safe.directory="$PWD" log -1 --format=%ct)
elif [ -z "$epoch" ]; then
  epoch=$(stat -c %Y packaging/version) # git archive gives all files the time of the commit
fi
export SOURCE_DATE_EPOCH=$epoch
PACKAGE_VERSION=$(packaging/package-version.sh "$version")
export PACKAGE_VERSION

rm -rf "$out"
mkdir -p "$out"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# stage PREFIX ROOT [SBIN]: below ROOT what make install installs of the program that is built, and
# what goes with it.
stage() {
  local prefix=$1 root=$2 doc=$2$1/share/doc/restorefs
  make -s install GO=none BUILD="$built" DESTDIR="$root" PREFIX="$prefix" \
    UNITS="$prefix/lib/systemd/system" SBIN="${3-}" >/dev/null
  mkdir -p "$doc/docs"
  cp README.md CHANGELOG.md SECURITY.md LICENSE "$doc/"
  cp docs/*.md "$doc/docs/"
  cp "$built/THIRD-PARTY-NOTICES" "$built/restorefs.cdx.json" "$doc/"
  find "$root$prefix/share/man" -type f -exec gzip -n9 {} +
  find "$root" ! -type l -exec chmod u+rwX,go+rX,go-w {} +
  find "$root" -exec touch -h -d "@$epoch" {} +
}

"$GO" build -trimpath -o "$work/materials" ./packaging/materials
# What the program itself writes is the same for all processors.
own=$work/$("$GO" env GOARCH)
make -s man completion BUILD="$own" VERSION="$version"
for arch in ${ARCHES:-amd64 arm64}; do
  built=$work/$arch
  if [ "$built" != "$own" ]; then
    GOOS=linux GOARCH=$arch make -s build BUILD="$built" VERSION="$version"
    cp -r "$own/man" "$own/completion" "$built/"
  fi
  GOOS=linux GOARCH=$arch "$work/materials" -version "$version" -tags "$tags" -sbom "$built/restorefs.cdx.json" \
    -notices "$built/THIRD-PARTY-NOTICES" "$built/restorefs"
  cp "$built/restorefs.cdx.json" "$out/restorefs-$PACKAGE_VERSION-linux-$arch.cdx.json"
  { cat packaging/copyright; echo; cat "$built/THIRD-PARTY-NOTICES"; } >"$built/copyright"
  touch -d "@$epoch" "$built/copyright"
  export ARCH=$arch STAGE=$built/stage COPYRIGHT=$built/copyright ZSH=$built/_restorefs
  stage /usr "$STAGE" /usr/sbin
  mv "$STAGE/usr/share/zsh/site-functions/_restorefs" "$ZSH" # Debian's zsh looks elsewhere
  rm -r "$STAGE/usr/share/zsh"
  for format in ${FORMATS:-deb rpm tar}; do
    if [ "$format" = tar ]; then
      name=restorefs-$PACKAGE_VERSION-linux-$arch
      stage /usr/local "$built/tar"
      mv "$built/tar/usr/local" "$built/$name"
      touch -d "@$epoch" "$built/$name"
      tar -C "$built" --sort=name --owner=0 --group=0 --numeric-owner --format=gnu -c "$name" |
        gzip -n9 >"$out/$name.tar.gz"
    else
      "$GO" run "$nfpm" package --config packaging/nfpm.yaml \
        --packager "$format" --target "$out/" >/dev/null
    fi
  done
done
cd "$out"
sha256sum -- * >"$work/sums"
mv "$work/sums" SHA256SUMS
ls -l
