#!/bin/sh
# The architecture test: who may include whom, which symbols the stack may need, how long things may be, and that every
# folder explains itself. Prints `file:line: what` for each violation and ends with "N passed, N failed".
#
#   scripts/check-architecture.sh [STACK_ARCHIVE SIM_ARCHIVE]      (build/libstack.a build/libsim.a)
set -eu
cd "$(dirname "$0")/.."
[ $# -gt 0 ] || set -- build/libstack.a build/libsim.a
exec python3 scripts/check_architecture.py "$@"
