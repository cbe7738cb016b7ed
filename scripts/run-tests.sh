#!/bin/sh
# Runs test programs one after the other; ends with "N passed, N failed", and ", N not run" where this machine lacks what some
# tests need: they say what. A program's output is shown when it fails.
# Each program is a cmocka group; its own count of tests is what is added up.
passed=0
failed=0
missed=0
log=$(mktemp)
trap 'rm -f "$log"' EXIT
for program in "$@"; do
    if "$program" >"$log" 2>&1; then status=0; else status=$?; fi
    ok=$(grep -c '^\[       OK \]' "$log")
    bad=$(sed -n 's/^\[  FAILED  \] \([0-9]*\) test(s).*/\1/p' "$log" | tail -n 1)
    bad=${bad:-0}
    if [ "$status" -ne 0 ]; then
        cat "$log"
        echo "FAILED: $program (exit $status)"
        [ "$bad" -gt 0 ] || bad=1
    fi
    lost=$(sed -n 's/^\[  SKIPPED \] \([0-9]*\) test(s).*/\1/p' "$log" | tail -n 1)
    lost=${lost:-0}
    [ "$lost" -eq 0 ] || sed -n "s,^skipped: ,not run: $program: ,p" "$log" | sort -u
    missed=$((missed + lost))
    passed=$((passed + ok))
    failed=$((failed + bad))
done
tail=""
[ "$missed" -eq 0 ] || tail=", $missed not run"
echo "$passed passed, $failed failed$tail"
[ "$failed" -eq 0 ]
