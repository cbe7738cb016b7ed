#!/bin/sh
# Runs one scenario with several builds of the program; their digests must be equal.
#
#   scripts/compare-builds.sh SCENARIO PROGRAM PROGRAM...
set -eu
scenario=$1
shift
first=""
for program in "$@"; do
    digest=$("$program" run "$scenario" --json --progress off --out "$(dirname "$program")/compare" |
        sed -n 's/.*"digest":"\([0-9a-f]*\)".*/\1/p')
    echo "$digest  $program"
    [ -n "$digest" ] || exit 1
    [ "${first:=$digest}" = "$digest" ] || {
        echo "the digests differ" >&2
        exit 5
    }
done
