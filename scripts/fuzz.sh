#!/bin/sh
# Runs libFuzzer targets one after the other: scripts/fuzz.sh BUILD_FOLDER SECONDS TARGET...
# New inputs gather in BUILD_FOLDER/corpus; what crashes a target lands in its corpus under tests/fuzz,
# to be replayed by `make test` from then on. Prints a line a target; ends with the sum.
build=$1
seconds=$2
shift 2
[ "$seconds" -gt 0 ] || exit 2 # libFuzzer takes 0 for no limit
runs=0
failed=0
for name in "$@"; do
    seeds=tests/fuzz/corpus/$name
    found=$build/corpus/$name
    log=$build/corpus/$name.log
    mkdir -p "$seeds" "$found"
    if "$build/fuzzers/$name" -max_total_time="$seconds" -timeout=20 -rss_limit_mb=1024 -max_len=16384 \
        -print_final_stats=1 -verbosity=1 -artifact_prefix="$seeds/" "$found" "$seeds" >"$log" 2>&1; then
        result=clean
    else
        result=CRASHED
        failed=$((failed + 1))
        grep -E '^(SUMMARY|check|.*CHECK|.*runtime error)|Test unit written' "$log" | head -n 5
    fi
    count=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
    count=${count:-0}
    runs=$((runs + count))
    printf '%-18s %-8s %10s runs\n' "$name" "$result" "$count"
done
echo "$runs runs, $failed targets crashed"
[ "$failed" -eq 0 ]
