#!/bin/sh
# Installs from Debian's packages what this machine lacks. Run it as often as you like.
#
#   scripts/setup.sh           what building and plotting need
#   scripts/setup.sh --tests   also what the tests and the benchmarks need (ns-3 among it)
#
# As root it installs; otherwise it uses sudo where there is one, or says what to run.
set -eu

packages="gcc make libc6-dev pkg-config libfyaml-dev libigraph-dev libjansson-dev libsodium-dev libsqlite3-dev libssl-dev gnuplot-nox fonts-dejavu-core"
tests="libcmocka-dev clang libclang-rt-14-dev sqlite3 python3 git tshark"
wishes="" # what can be done without

case "${1:-}" in
"") ;;
--tests) packages="$packages $tests" wishes="g++ libns3-dev" ;;
*)
    echo "usage: scripts/setup.sh [--tests]" >&2
    exit 2
    ;;
esac

if ! command -v dpkg-query >/dev/null 2>&1 || ! command -v apt-get >/dev/null 2>&1; then
    echo "setup: this is not a Debian system; install what these packages hold: $packages" >&2
    exit 1
fi

lacking() {
    for package in "$@"; do
        state=$(dpkg-query -W -f='${Status}' "$package" 2>/dev/null || true)
        [ "$state" = "install ok installed" ] || printf ' %s' "$package"
    done
}

# shellcheck disable=SC2086 # both lists are meant to be split
missing=$(lacking $packages) wished=$(lacking $wishes)
if [ -z "$missing$wished" ]; then
    echo "setup: everything is there"
    exit 0
fi

if [ "$(id -u)" -eq 0 ]; then
    as_root=""
elif command -v sudo >/dev/null 2>&1; then
    as_root="sudo"
elif [ -z "$missing" ]; then
    echo "setup: without$wished some tests are not run; as root: apt-get install -y --no-install-recommends$wished"
    exit 0
else
    echo "setup: missing:$missing" >&2
    echo "setup: run as root: apt-get install -y --no-install-recommends$missing" >&2
    exit 1
fi

echo "setup: installing$missing$wished"
export DEBIAN_FRONTEND=noninteractive
$as_root apt-get update -qq
# shellcheck disable=SC2086 # the list is meant to be split
[ -z "$missing" ] || $as_root apt-get install -y -qq --no-install-recommends $missing >/dev/null
# shellcheck disable=SC2086
[ -z "$wished" ] || $as_root apt-get install -y -qq --no-install-recommends $wished >/dev/null ||
    echo "setup: without$wished some tests are not run"
echo "setup: done"
