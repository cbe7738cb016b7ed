#!/usr/bin/env python3
"""Traces that we export, read by a program of go-libp2p-pubsub's types (trace/).

usage: traces.py [--hearsay PROGRAM] [--build FOLDER]

Ends with "N passed, N failed, N not run"; exit status 1 when one failed.
"""

import argparse
import json
import os
import pathlib
import sqlite3
import subprocess
import sys
import tempfile

from install import Unavailable, run, version_of

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
GO_MIN = (1, 26)  # what the go.mod of the pinned go-libp2p-pubsub asks for

CROWD = """scenario: crowd
duration: 20s
warmup: 2s
record: {hops: all}
network: {latency: 10ms, tcp: ideal}
nodes:
  - {group: good, count: 12, subscribe: [t]}
  - {group: quiet, count: 1, subscribe: []}
  - {group: bad, count: 3, subscribe: [t], behaviour: {kind: degrade, share: 50%}}
topology: [{kind: random-at-least, among: [good, quiet], degree: 6}, {kind: fanout, from: bad, to: good, degree: 6}]
traffic: [{from: good, topic: t, size: 1 KiB, every: 250ms}, {from: quiet, topic: t, size: 1 KiB, every: 1s}]
events: [{at: 8s, crash: {nodes: good-3}}, {at: 12s, stop: {nodes: good-4}}]
"""

# What there has to be of each type.
COUNTS = {
    "PUBLISH_MESSAGE": "SELECT count(*) FROM message WHERE publisher IS NOT NULL",
    "DELIVER_MESSAGE": "SELECT (SELECT count(*) FROM delivery) + (SELECT count(*) FROM message JOIN node n ON n.id = publisher"
                       " WHERE n.grp <> 'quiet')",
    "DUPLICATE_MESSAGE": "SELECT count(*) FROM hop WHERE duplicate",
    "RECV_RPC": "SELECT count(*) FROM hop",
    "SEND_RPC": "SELECT count(*) FROM hop WHERE sent_ns IS NOT NULL",
    "JOIN": "SELECT count(*) FROM subscription WHERE joined",
    "LEAVE": "SELECT count(*) FROM subscription WHERE NOT joined",
    "GRAFT": "SELECT count(*) FROM mesh WHERE graft",
    "PRUNE": "SELECT count(*) FROM mesh WHERE NOT graft",
    "ON_NEW_OUTBOUND_STREAM": "SELECT count(*) FROM connection WHERE event = 'peer-ready'",
    "ON_CLOSED_OUTBOUND_STREAM": "SELECT count(*) FROM connection WHERE event = 'peer-gone'",
}


def build_reader(build):
    have = version_of(["go", "version"], r"go(\d+)\.(\d+)")
    if have < GO_MIN:
        raise Unavailable(f"go {have[0]}.{have[1]} is older than {GO_MIN[0]}.{GO_MIN[1]}")
    build.mkdir(parents=True, exist_ok=True)
    program = build.resolve() / "trace"  # go runs elsewhere
    run(["go", "build", "-mod=readonly", "-trimpath", "-o", str(program), "."], HERE / "trace",
        dict(os.environ, CGO_ENABLED="0"))
    return str(program)


def exported(hearsay, folder, form):
    file = folder / f"trace.{form}"
    subprocess.run([hearsay, "export", str(folder), "--pubsub-trace", form, "--out", str(file)], check=True, timeout=60,
                   capture_output=True)
    return str(file)


def check(hearsay, reader, scenario, backend, folder):
    subprocess.run([hearsay, "run", scenario, "--backend", backend, "--out", str(folder)], check=True, timeout=120,
                   capture_output=True)
    done = subprocess.run([reader, exported(hearsay, folder, "pb"), exported(hearsay, folder, "json")], check=False,
                          timeout=120, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    got = json.loads(done.stdout)
    database = sqlite3.connect(folder / "run.sqlite")
    wanted = {name: n for name, sql in COUNTS.items() if (n := database.execute(sql).fetchone()[0])}
    assert got == wanted, (got, wanted)
    assert {"PUBLISH_MESSAGE", "DELIVER_MESSAGE", "DUPLICATE_MESSAGE", "GRAFT", "JOIN"} <= set(got), got


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--hearsay", default=str(ROOT / "build" / "hearsay"))
    p.add_argument("--build", type=pathlib.Path, default=ROOT / "build" / "interop")
    args = p.parse_args()
    try:
        reader = build_reader(args.build)
    except Unavailable as why:
        print(f"traces: not run: {why}\n0 passed, 0 failed, 2 not run")
        return 0
    failed = 0
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        crowd = folder / "crowd.yaml"
        crowd.write_text(CROWD)
        cases = [(str(crowd), "des"), (str(ROOT / "scenarios" / "loopback.yaml"), "sockets")]
        for scenario, backend in cases:
            try:
                check(args.hearsay, reader, scenario, backend, folder / backend)
                print(f"pass  traces / {backend}")
            except (AssertionError, subprocess.SubprocessError) as why:
                print(f"FAIL  traces / {backend}: {why}")
                failed += 1
    print(f"{len(cases) - failed} passed, {failed} failed, 0 not run")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
