#!/bin/sh
# Installs from Debian's packages what this machine lacks. Run it as often as you like.
#
#   scripts/setup.sh           what building and plotting need
#   scripts/setup.sh --tests   also what the tests need
#   scripts/setup.sh --bench   also what `make bench` compares with (ns-3)
#
# As root it installs; otherwise it uses sudo where there is one, or says what to run.
set -eu

packages="gcc make libc6-dev pkg-config libfyaml-dev libigraph-dev libjansson-dev libsodium-dev libsqlite3-dev libssl-dev gnuplot-nox fonts-dejavu-core"
tests="libcmocka-dev clang libclang-rt-14-dev sqlite3 python3 git tshark"
bench="g++ libns3-dev"

case "${1:-}" in
"") ;;
--tests) packages="$packages $tests" ;;
--bench) packages="$packages $tests $bench" ;;
*)
    echo "usage: scripts/setup.sh [--tests|--bench]" >&2
    exit 2
    ;;
esac

if ! command -v dpkg-query >/dev/null 2>&1 || ! command -v apt-get >/dev/null 2>&1; then
    echo "setup: this is not a Debian system; install what these packages hold: $packages" >&2
    exit 1
fi

missing=""
for package in $packages; do
    state=$(dpkg-query -W -f='${Status}' "$package" 2>/dev/null || true)
    [ "$state" = "install ok installed" ] || missing="$missing $package"
done
if [ -z "$missing" ]; then
    echo "setup: everything is there"
    exit 0
fi

if [ "$(id -u)" -eq 0 ]; then
    as_root=""
elif command -v sudo >/dev/null 2>&1; then
    as_root="sudo"
else
    echo "setup: missing:$missing" >&2
    echo "setup: run as root: apt-get install -y --no-install-recommends$missing" >&2
    exit 1
fi

echo "setup: installing$missing"
export DEBIAN_FRONTEND=noninteractive
$as_root apt-get update -qq
# shellcheck disable=SC2086 # the list is meant to be split
$as_root apt-get install -y -qq --no-install-recommends $missing >/dev/null
echo "setup: done"
