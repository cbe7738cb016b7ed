#!/usr/bin/env python3
"""Prints what the simulator manages: deliveries and events a second of wall time, memory a node.

    scripts/bench.py PROGRAM

A delivery is the first arrival of a message at a node. Memory a node is the difference of two runs with one
message, so that the program itself does not count.
"""
import json
import subprocess
import sys
import tempfile

SCENARIO = "tests/bench/gossip.yaml"


def run(program, *options):
    with tempfile.TemporaryDirectory() as folder:
        command = [program, "run", SCENARIO, "--json", "--progress", "off", "--out", folder, *options]
        done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"bench: {' '.join(command)} failed:\n{done.stderr}")
    return json.loads(done.stdout)


def idle(program, nodes):
    return run(program, "--set", f"nodes.0.count={nodes}", "--set", "duration=5s", "--set", "traffic.0.start=4500ms",
               "--set", "traffic.0.stop=4600ms", "--set", "traffic.0.count=1")


def main():
    program = sys.argv[1]
    busy = run(program)
    silent = idle(program, 1000)
    small = idle(program, 100)
    seconds = busy["wall_s"] - silent["wall_s"]
    print(f"1,000 nodes, 20 connections, D 8, 1 KiB, tcp ideal, the whole stack, modelled Noise, one core:")
    print(f"  deliveries a second   {busy['deliveries'] / seconds:12,.0f}")
    print(f"  events a second       {(busy['events'] - silent['events']) / seconds:12,.0f}")
    print(f"  memory a node (KiB)   {(silent['peak_rss_bytes'] - small['peak_rss_bytes']) / 900 / 1024:12.1f}")
    print(f"  ({busy['deliveries']:,} deliveries in {seconds:.2f} s; connecting takes {silent['wall_s']:.2f} s)")


main()
