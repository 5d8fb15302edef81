#!/bin/sh
# Prints the version of a package for what git describe says, so that dpkg and rpm sort
# it right: packaging/package-version.sh VERSION
#
#   v1.2.0                   1.2.0               a release
#   v1.2.0-rc.1              1.2.0~rc.1          before it
#   v1.2.0-5-g0a1b2c3        1.2.0+5.g0a1b2c3    five commits after it, before 1.2.1
#   v1.2.0-5-g0a1b2c3-dirty  1.2.0+5.g0a1b2c3.dirty
#   0a1b2c3                  0~20261130041052.g0a1b2c3   no tag: by time (SOURCE_DATE_EPOCH), before all
set -eu
version=$1 after=''
case $version in *-dirty) version=${version%-dirty} after=.dirty ;; esac
if commit=$(expr "$version" : '.*-\([0-9]*-g[0-9a-f]*\)$'); then
  version=${version%-"$commit"}
  after="+$(echo "$commit" | tr - .)$after"
elif [ -n "$after" ]; then
  after="+0$after"
fi
case $version in
v[0-9]*)
  echo "${version#v}$after" | sed 's/-/~/; s/-/./g'
  ;;
*)
  echo "0~$(date -u -d "@$SOURCE_DATE_EPOCH" +%Y%m%d%H%M%S).g$version${after#+0}" | tr -c 'a-zA-Z0-9.+~\n' .
  ;;
esac
