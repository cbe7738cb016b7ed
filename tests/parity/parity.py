#!/usr/bin/env python3
"""Parity of the backends: the same scenarios on all of them, what was delivered and when, side by side.

    tests/parity/parity.py PROGRAM [--large] [--only TEXT] [--runs NAME,...] [--set PATH=VALUE]...

--only: scenarios with this in their name. --runs: some of RUNS only. --set: for experiments, in all runs.
--large: many unmodified programs instead.
Standard library only. Ends with "N passed, N failed" and ", N not run" where ns-3 is missing.
"""
import argparse
import itertools
import json
import os
import re
import sqlite3
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SCENARIO = f"{ROOT}/tests/parity/parity.yaml"

PACKET = ["network.tcp.model=packet"]
RUNS = {  # name: (what it needs, options, settings)
    "packet": ("", [], PACKET),
    "flight": ("", [], []),
    "ns3": ("ns3", ["--backend", "ns3"], []),
    "ns3 exec": ("ns3 exec", ["--backend", "ns3", "--exec", "node"], []),
    "des exec": ("exec", ["--exec", "node"], PACKET),
    "sockets": ("", ["--backend", "sockets"], []),  # real time, and no network but loopback: delays say nothing
}
TOLERANCE = 0.10  # of p50 and p99 of `packet`, to those of ns-3, without loss
# What is left when the two do the same about windows (README.md): with these settings they have to agree closely.
CONTROL = {
    "cold": ["network.tcp.hystart=false", "network.tcp.receive_buffer=6 MiB"],
    "warm": ["network.tcp.hystart=false", "network.tcp.idle_restart=false", "network.tcp.receive_buffer=6 MiB"],
}
CONTROL_TOLERANCE = 0.03
EXPLAINED = ["96 KiB, 200 nodes, warm"]


GRID = [  # payload, nodes, windows, loss of packets
    ("1 KiB", 50, "cold", ""), ("1 KiB", 50, "warm", "0.5%"), ("1 KiB", 200, "warm", ""), ("1 KiB", 200, "cold", "0.5%"),
    ("96 KiB", 50, "cold", ""), ("96 KiB", 50, "warm", ""), ("96 KiB", 50, "warm", "0.5%"),
    ("96 KiB", 200, "cold", ""), ("96 KiB", 200, "warm", ""), ("96 KiB", 200, "cold", "0.5%"),
]


def scenarios():
    """Name, settings, and those of real time: there 200 nodes need a second for the 160 MB of a message of 96 KiB."""
    for size, nodes, state, loss in GRID:
        pace_ms = pace_real_ms = 2000  # cold: pauses that make windows small again
        first_ms, count, publishers = 4000, 5 if nodes == 50 else 3, "one"
        if state == "warm":  # one after the other, over links that have just carried one
            pace_ms, pace_real_ms = 400, 400 if size == "1 KiB" else 10 * nodes + 1000
            first_ms, count, publishers = 3000, 10 if nodes == 50 else 7, "fixed"
        timings = []
        for pace in (pace_ms, pace_real_ms):
            stop_ms = first_ms + count * pace - pace // 2
            timings.append([f"traffic.0={{from: peers, topic: news, size: {size}, every: {pace}ms, publishers: {publishers},"
                            f" start: {first_ms}ms, stop: {stop_ms}ms}}", f"duration={stop_ms + 3000}ms", f"nodes.0.count={nodes}"])
        yield (f"{size}, {nodes} nodes, {state}" + (f", {loss} loss" if loss else ""),
               timings[0] + ([f"network.loss={loss}"] if loss else []), timings[1])


MEASURED = "m.published_ns >= r.warmup_ns AND m.published_ns < r.measured_until_ns"


class Result:
    """What a run recorded: deliveries (topic, message id, node); which messages are measured; how long those took, in ms."""

    def __init__(self, folder, summary, cpu_s):
        self.cpu_s, self.rss = cpu_s, summary["peak_rss_bytes"]
        self.digest = summary["digest"]
        self.ratio = summary["delivery_ratio"]
        with sqlite3.connect(f"file:{folder}/run.sqlite?mode=ro", uri=True) as db:
            self.deliveries = set(db.execute(
                "SELECT t.name, m.message_id, d.node FROM delivery d JOIN message m ON m.id = d.message JOIN topic t ON t.id = m.topic"))
            self.measured = {i for (i,) in db.execute(f"SELECT message_id FROM message m JOIN run r WHERE {MEASURED}")}
            self.took = sorted(ns / 1e6 for (ns,) in db.execute(
                f"SELECT d.delivered_ns - m.published_ns FROM delivery d JOIN message m ON m.id = d.message JOIN run r WHERE {MEASURED}"))

    def delivered(self, messages):
        return {d for d in self.deliveries if d[1] in messages}

    def percentile(self, p):
        return self.took[min(len(self.took) - 1, len(self.took) * p // 100)]


class Machine:
    """Runs scenarios, as many at a time as there are processors; beside them those in real time, one after the other, as they
    share the machine's ports."""

    def __init__(self, program, folder, changes):
        self.program, self.folder, self.changes = os.path.abspath(program), folder, changes
        self.lacks = set()
        if not os.path.exists(f"{os.path.dirname(self.program)}/hearsay-ns3.so"):
            self.lacks.add("ns3")
        self.busy, self.idle = ThreadPoolExecutor(os.cpu_count()), ThreadPoolExecutor(1)
        self.count, self.jobs = itertools.count(), {}
        with open(SCENARIO) as f, open(f"{folder}/loopback.yaml", "w") as g:
            g.write(re.sub(r"^network:\n( .*\n)+", "", f.read(), flags=re.M))

    def run(self, name, settings, again=0):
        """A future of a Result, or None where this machine lacks what it needs. The same run is done once, unless it is `again`."""
        needs, options, more = RUNS[name]
        if self.lacks & set(needs.split()):
            return None
        sockets = name == "sockets"
        settings = more + [s for s in settings + self.changes if not (sockets and s.startswith("network."))]
        if not sockets and not more:
            settings = ["network.tcp.model=" + ("flight" if name == "flight" else "packet")] + settings
        key = (tuple(options), tuple(settings), again)
        if key not in self.jobs:
            self.jobs[key] = self.submit(sockets, options, settings)
        return self.jobs[key]

    def submit(self, sockets, options, settings):
        return (self.idle if sockets else self.busy).submit(self.work, f"{self.folder}/{next(self.count)}",
                                                           f"{self.folder}/loopback.yaml" if sockets else SCENARIO, options, settings)

    def work(self, folder, scenario, options, settings):
        arguments = [x for s in settings for x in ("--set", s)]
        os.makedirs(folder)
        polite = [] if "sockets" in options else ["nice", "-n", "15"]  # virtual time can wait, real time cannot
        with open(f"{folder}/out", "w+") as out, open(f"{folder}/err", "w+") as err:
            child = subprocess.Popen([*polite, self.program, "run", scenario, *options, *arguments, "--json", "--progress", "off", "--out",
                                      f"{folder}/r"], stdout=out, stderr=err)
            _, status, usage = os.wait4(child.pid, 0)
            child.returncode = os.waitstatus_to_exitcode(status)
            out.seek(0), err.seek(0)
            said = out.read()
            if not said:
                raise AssertionError(f"{' '.join(options + arguments)}: status {child.returncode}: {err.read()}")
        return Result(f"{folder}/r", json.loads(said), usage.ru_utime + usage.ru_stime)


class Checks:
    def __init__(self):
        self.passed = self.failed = self.missed = 0

    def check(self, holds, what):
        if holds:
            self.passed += 1
        else:
            self.failed += 1
            print(f"FAILED  {what}", flush=True)

    def end(self):
        print(f"{self.passed} passed, {self.failed} failed" + (f", {self.missed} not run" if self.missed else ""))
        return 1 if self.failed else 0


def off(a, b):
    return a / b - 1


def show(results, sets):
    cells = []
    for name in RUNS:
        if name == "sockets":
            continue
        r = results.get(name)
        cells.append(" ".join(f"{r.percentile(p):6.1f}" for p in (50, 90, 99)) if r else f"{'-':^20}")
    return " | ".join(cells) + f" | {sets}"


def parity(machine, checks, only):
    wanted = [s for s in scenarios() if only in s[0]]
    jobs, control = {}, {}
    for n, s, real in wanted:
        jobs.update({(n, r): machine.run(r, real if r == "sockets" else s) for r in RUNS})
        if "96 KiB" in n and "loss" not in n:
            changed = s + CONTROL["cold" if "cold" in n else "warm"]
            control.update({(n, r): machine.run(r, changed) for r in ("packet", "ns3") if r in RUNS})
    print(f"{'p50, p90, p99 in ms':33} | " + " | ".join(f"{n:^20}" for n in RUNS if n != "sockets") +
          " | delivered | packet to ns3, %")
    for name, *_ in wanted:
        results = {r: jobs[name, r] and jobs[name, r].result() for r in RUNS}
        checks.missed += sum(r is None for r in results.values())
        there = {k: r for k, r in results.items() if r}
        messages = there["packet"].measured  # in real time a machine may publish others late
        wanted_set = there["packet"].delivered(messages)
        sets = {k for k, r in there.items() if r.delivered(messages) == wanted_set}
        line = show(there, f"{len(wanted_set):5} {'same' if len(sets) == len(there) else 'DIFFER'}")
        deviations = {}
        if there.get("ns3"):
            deviations = {p: off(there["packet"].percentile(p), there["ns3"].percentile(p)) for p in (50, 90, 99)}
            line += " | " + " ".join(f"{100 * d:+5.1f}" for d in deviations.values())
        control_of = {r: control.get((name, r)) and control[name, r].result() for r in ("packet", "ns3")}
        if control_of["ns3"]:
            apart = {p: off(control_of["packet"].percentile(p), control_of["ns3"].percentile(p)) for p in (50, 90, 99)}
            line += " | control " + " ".join(f"{100 * d:+5.1f}" for d in apart.values())
        print(f"{name:33} | {line}", flush=True)
        for k, r in there.items():
            checks.check(k in sets, f"{name}: {k} delivers what packet does")
            checks.check(r.ratio == 1, f"{name}: {k} delivers everything, not {r.ratio}")
        if "loss" not in name and deviations:
            judge(checks, name, deviations, apart if control_of["ns3"] else {})


def judge(checks, name, deviations, apart):
    """Without loss `packet` has to be near ns-3, or README.md says why not and the control shows that it is so."""
    for p in (50, 99):
        if name not in EXPLAINED:
            checks.check(abs(deviations[p]) <= TOLERANCE, f"{name}: p{p} of packet is within {TOLERANCE:.0%} of ns-3's")
        if apart:
            checks.check(abs(apart[p]) <= CONTROL_TOLERANCE,
                         f"{name}: with the control's settings p{p} is within {CONTROL_TOLERANCE:.0%}")


def repeats(machine, checks):
    """The same seed gives the same digest, another seed another."""
    settings = next(s for n, s, _ in scenarios() if n == "1 KiB, 50 nodes, warm, 0.5% loss")
    jobs = {name: [machine.run(name, settings), machine.run(name, settings, again=1), machine.run(name, settings + ["seed=2"])]
            for name in ("ns3", "ns3 exec", "des exec") if name in RUNS}
    for name, runs in jobs.items():
        if runs[0] is None:
            checks.missed += 1
            continue
        first, second, other = (r.result().digest for r in runs)
        print(f"{name + ', twice':32} | {first[:16]} {second[:16]}, seed 2: {other[:16]}", flush=True)
        checks.check(first == second, f"{name}: the same seed gives the same digest")
        checks.check(first != other, f"{name}: another seed gives another digest")


LARGE = [("ns3", "ns3 exec", 200), ("packet", "des exec", 1000)]


def large(machine, checks):
    """Many unmodified programs, beside as many linked-in nodes with the same encryption."""
    traffic = "traffic.0={from: peers, topic: news, size: 1 KiB, every: 1s, count: 4}"
    for linked, programs, nodes in LARGE:
        settings = [f"nodes.0.count={nodes}", traffic, "duration=11s", "network.encryption=noise"]
        if not (job := machine.run(linked, settings)):
            checks.missed += 1
            continue
        a, b = job.result(), machine.run(programs, settings).result()
        same = a.deliveries == b.deliveries
        print(f"{f'{nodes} nodes, {linked}':32} | {len(a.deliveries):5} {'same' if same else 'DIFFER'}"
              f" | {a.cpu_s:.1f} and {b.cpu_s:.1f} s of CPU | {a.rss / nodes / 1e3:.0f} and {b.rss / nodes / 1e3:.0f} KB a node", flush=True)
        checks.check(len(a.deliveries) == 4 * (nodes - 1) and same, f"{nodes} nodes, {programs}: delivers what {linked} does")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("program")
    parser.add_argument("--only", default="")
    parser.add_argument("--runs", default=",".join(RUNS))
    parser.add_argument("--set", action="append", default=[])
    parser.add_argument("--large", action="store_true")
    options = parser.parse_args()
    for name in set(RUNS) - set(options.runs.split(",")) - {"packet"}:
        del RUNS[name]
    checks = Checks()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        machine = Machine(options.program, folder, options.set)
        if options.large:
            large(machine, checks)
        else:
            parity(machine, checks, options.only)
            repeats(machine, checks)
        if "ns3" in machine.lacks:
            print("not run: ns3 (scripts/setup.sh --tests, make ns3)")
    return checks.end()


sys.exit(main())
