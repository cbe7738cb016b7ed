#!/usr/bin/env python3
"""Interoperability: our node against peers of go-libp2p and js-libp2p, on loopback.

Runs the matrix of cases (cases.py, gossip.py, algorand.py) and prints it as a table. README.md says more.
Exit status: 0 when no cell failed, 1 when one did, 2 for bad usage.
"""

import argparse
import concurrent.futures
import pathlib
import re
import sys
import time

import algorand  # noqa: F401  registers its cases
import gossip  # noqa: F401
from cases import CASES
from install import install
from lab import COLUMNS, CONTROL, Lab, column_name, run_cell

MARKS = {"pass": "pass", "fail": "FAIL", "skip": "not run", "none": "-"}
ROOT = pathlib.Path(__file__).resolve().parents[2]


def arguments():
    p = argparse.ArgumentParser(description="our node against go-libp2p and js-libp2p")
    p.add_argument("--hearsay", default=str(ROOT / "build" / "hearsay"), help="our program")
    p.add_argument("--build", default=str(ROOT / "build" / "interop"), help="where the peers are built")
    p.add_argument("--size", type=int, default=256, help="MiB of a bulk transfer")
    p.add_argument("--only", default="", help="regular expression that names of cases must match")
    p.add_argument("--columns", default="", help="same for columns, such as 'go dials us'")
    p.add_argument("--control", action="store_true", help="go and js among themselves, without us")
    p.add_argument("--dump", type=pathlib.Path, help="a folder for what the peers sent, as inputs of fuzz targets")
    p.add_argument("--jobs", type=int, default=3, help="cells at the same time")
    return p.parse_args()


def run_all(lab, rows, columns, jobs):
    """{(row, column): (verdict, note, seconds)}; the rows that mostly wait go along with all others."""
    results = {}
    work = concurrent.futures.ThreadPoolExecutor(jobs)
    waits = concurrent.futures.ThreadPoolExecutor(8)
    running = {}
    for row in sorted(rows, key=lambda r: (not r.slow, r.everyone)):
        for column in columns:
            pool = waits if row.slow else work
            running[pool.submit(run_cell, lab, column, row)] = row, column
    for done in concurrent.futures.as_completed(running):
        row, column = running[done]
        verdict, note, seconds = results[row.name, column] = done.result()
        if verdict in ("pass", "fail"):
            print(f"{verdict:4} {seconds:5.1f} s  {row.name} / {column_name(column)}  {note}",
                  file=sys.stderr, flush=True)
    return results


def print_table(rows, columns, results):
    width = max(len(row.name) for row in rows)
    names = [column_name(c) for c in columns]
    print(" " * width, *names, sep="  ")
    for row in rows:
        cells = [MARKS[results[row.name, c][0]].ljust(len(n)) for c, n in zip(columns, names)]
        print(row.name.ljust(width), *cells, sep="  ")
    print()
    for row in rows:
        for column in columns:
            verdict, note, _ = results[row.name, column]
            if verdict == "fail":
                print(f"FAIL  {row.name} / {column_name(column)}: {note}")


def main():
    args = arguments()
    columns = [c for c in (CONTROL if args.control else COLUMNS)
               if re.search(args.columns, column_name(c))]
    rows = [case for case in CASES if re.search(args.only, case.name)]
    if not columns or not rows:
        print("nothing to run", file=sys.stderr)
        return 2
    start = time.monotonic()
    build = pathlib.Path(args.build).resolve()  # installers run in other folders
    commands, missing = install(build, {"go", "js"})
    print(f"installed in {time.monotonic() - start:.0f} s", file=sys.stderr, flush=True)
    if args.control or pathlib.Path(args.hearsay).exists():
        commands["hearsay"] = [args.hearsay, "node"]
    else:
        missing["hearsay"] = f"{args.hearsay} is not there"
    logs = build / "logs"
    logs.mkdir(parents=True, exist_ok=True)
    for old in logs.iterdir():
        old.unlink()
    lab = Lab(commands, missing, logs, args.size, args.dump)
    results = run_all(lab, rows, columns, args.jobs)
    print_table(rows, columns, results)
    for kind, parts in sorted((k, v) for k, v in lab.versions.items() if v):
        print(f"{kind}: " + ", ".join(f"{name} {version}" for name, version in parts.items()))
    for kind, reason in sorted(missing.items()):
        print(f"{kind}: not run: {reason}")
    verdicts = [verdict for verdict, _, _ in results.values()]
    passed, failed, skipped = (verdicts.count(v) for v in ("pass", "fail", "skip"))
    tail = f", {skipped} not run" if skipped else ""
    print(f"{passed} passed, {failed} failed{tail}  ({time.monotonic() - start:.0f} s)")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
