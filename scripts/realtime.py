#!/usr/bin/env python3
"""Whether large networks run as fast as the clock on two cores: scripts/realtime.py PROGRAM

Runs scenarios of scenarios/scale, and prints simulated seconds a second. Exit
status 1 when one is slower than it has to be, or a message did not arrive.
"""
import json
import subprocess
import sys
import tempfile

AIMS = (("evaluation", 1), ("10k", 3))  # times the clock


def run(program, name):
    with tempfile.TemporaryDirectory() as folder:
        command = [program, "run", f"scenarios/scale/{name}.yaml", "--threads", "2", "--json", "--progress", "off", "--out", folder]
        done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"realtime: {' '.join(command)} failed:\n{done.stderr}")
    return json.loads(done.stdout)


def main():
    missed = 0
    for name, aim in AIMS:
        result = run(sys.argv[1], name)
        speed = result["sim_s"] / result["wall_s"]
        missed += speed < aim
        print(f"{name:12s} {result['nodes']:6,} nodes, {result['deliveries']:12,} deliveries: {result['sim_s']:.0f} s in "
              f"{result['wall_s']:.1f} s, {speed:.2f} times the clock (aim: {aim}{': MISSED' if speed < aim else ''})", flush=True)
    print(f"{len(AIMS) - missed} passed, {missed} failed")
    sys.exit(missed > 0)


main()
