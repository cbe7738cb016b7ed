#!/usr/bin/env python3
"""What a delivery costs as the network grows: runs scenarios/scale/gossip.yaml at several sizes and plots it.

    scripts/scale.py PROGRAM FOLDER NODES...

Each size runs once with one message and once with all of them; the difference in processor time, over the difference in
deliveries, is what a delivery costs. Small sizes repeat and the best counts. Writes FOLDER/cost.dat, cost.svg and
cost.png; exit status 1 when a delivery costs GROWTH_MAX times as much in one of the sizes as in the first, or when
something was not delivered. A size for which the machine has no memory free is left out.
"""
import json
import os
import resource
import subprocess
import sys
import tempfile

SCENARIO = "scenarios/scale/gossip.yaml"
MESSAGES = 20
GROWTH_MAX = 3
NODES_A_SIZE = 20000  # a size below is repeated until so many nodes ran, ROUNDS_MAX times at most
ROUNDS_MAX = 5
BYTES_A_NODE = 64 * 1024  # more than a node needs

PLOT = """
set terminal {terminal}
set output '{folder}/cost.{kind}'
set logscale x
set xlabel 'nodes'
set ylabel 'microseconds of processor time'
set yrange [0:*]
set grid y
set key top left
plot '{folder}/cost.dat' using 1:2 with linespoints pointtype 7 title 'a delivery', \\
     '' using 1:($3 / 100) with linespoints pointtype 5 title 'setting up a node and its 20 connections, / 100'
"""


def available_bytes():
    with open("/proc/meminfo") as f:
        return next(int(line.split()[1]) * 1024 for line in f if line.startswith("MemAvailable:"))


def run(program, nodes, messages):
    with tempfile.TemporaryDirectory() as folder:
        command = [program, "run", SCENARIO, "--set", f"nodes.0.count={nodes}", "--set", f"traffic.0.count={messages}", "--json",
                   "--progress", "off", "--out", folder]
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        done = subprocess.run(command, capture_output=True, text=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode != 0:
        sys.exit(f"scale: {' '.join(command)} failed:\n{done.stderr}")
    cpu_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return json.loads(done.stdout) | {"cpu_s": cpu_s}


def measure(program, nodes):
    rounds = max(1, min(ROUNDS_MAX, NODES_A_SIZE // nodes))
    best = [min((run(program, nodes, messages) for _ in range(rounds)), key=lambda result: result["cpu_s"])
            for messages in (1, MESSAGES)]
    deliveries = best[1]["deliveries"] - best[0]["deliveries"]
    return {"nodes": nodes,
            "delivery_us": (best[1]["cpu_s"] - best[0]["cpu_s"]) * 1e6 / deliveries,
            "setup_us": best[0]["cpu_s"] * 1e6 / nodes,
            "kib": best[1]["peak_rss_bytes"] / nodes / 1024,
            "wall_s": best[1]["wall_s"]}


def plot(folder, rows):
    with open(f"{folder}/cost.dat", "w") as f:
        f.write("# nodes, us a delivery, us of set-up a node, KiB a node (peak), s of wall time of the larger run\n")
        for row in rows:
            f.write(f"{row['nodes']} {row['delivery_us']:.3f} {row['setup_us']:.1f} {row['kib']:.1f} {row['wall_s']:.1f}\n")
    if len(rows) < 2:
        return
    for kind, terminal in (("svg", "svg size 800,500"), ("png", "pngcairo size 800,500")):
        subprocess.run(["gnuplot"], input=PLOT.format(terminal=terminal, folder=folder, kind=kind), text=True, check=True)


def main():
    program, folder, rows = sys.argv[1], sys.argv[2], []
    os.makedirs(folder, exist_ok=True)
    print(f"{'nodes':>8} {'us/delivery':>12} {'set-up us/node':>15} {'KiB/node':>9} {'wall s':>8}")
    for nodes in map(int, sys.argv[3:]):
        if nodes * BYTES_A_NODE > available_bytes():
            print(f"{nodes:>8} left out: less than {nodes * BYTES_A_NODE >> 30} GiB are free")
            continue
        row = measure(program, nodes)
        rows.append(row)
        print(f"{nodes:>8} {row['delivery_us']:>12.2f} {row['setup_us']:>15.0f} {row['kib']:>9.1f} {row['wall_s']:>8.1f}",
              flush=True)
        plot(folder, rows)
    if not rows:
        sys.exit("scale: no size fits into the memory that is free")
    growth = max(row["delivery_us"] for row in rows) / rows[0]["delivery_us"]
    print(f"growth {growth:.2f} (aim: less than {GROWTH_MAX}); {folder}/cost.svg")
    sys.exit(growth >= GROWTH_MAX)


main()
