#!/usr/bin/env python3
"""Prints what the simulator manages: deliveries a second and memory a node with the whole stack, and how a plain flood over
its TCP compares with the same flood on ns-3.

    scripts/bench.py RELEASE PLAIN FLOOD [NS3_FLOOD]

RELEASE is the program as `make release` builds it, which is what the figures are of; PLAIN is what `make` builds, for comparison.

A delivery is the first arrival of a message at a node. Rates are a second of processor time (all threads of the process,
the one that writes the database too), so that a busy machine changes them less; the best of two runs counts, and runs
that are compared alternate. Memory a node is the difference of two runs with one message, so that the program itself does
not count.
"""
import json
import resource
import subprocess
import sys
import tempfile

SCENARIO = "tests/bench/gossip.yaml"
ROUNDS = 2
FLOOD = {"nodes": "1000", "messages": "30", "size": "1024"}
PACKET_TIMES_NS3 = 10  # what the comparison should come to
STACK_TIMES_NS3 = 29


def call(command):
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(command, capture_output=True, text=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode != 0:
        sys.exit(f"bench: {' '.join(command)} failed:\n{done.stderr}")
    return json.loads(done.stdout), after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def run(program, *options):
    with tempfile.TemporaryDirectory() as folder:
        result, cpu_s = call([program, "run", SCENARIO, "--json", "--progress", "off", "--out", folder, *options])
    return result | {"cpu_s": cpu_s}


def best(results, key):
    return min(results, key=lambda result: result[key])


def idle(program, nodes):
    return run(program, "--set", f"nodes.0.count={nodes}", "--set", "duration=5s", "--set", "traffic.0.start=4500ms",
               "--set", "traffic.0.stop=4600ms", "--set", "traffic.0.count=1")


def whole_stack(program, plain):
    runs = [(run(program), run(program, "--set", "network.tcp=ideal"), run(plain)) for _ in range(ROUNDS)]
    busy, ideal, plain_busy = (best(of_a_kind, "cpu_s") for of_a_kind in zip(*runs))
    silent = best([idle(program, 1000) for _ in range(ROUNDS)], "cpu_s")
    small = idle(program, 100)
    seconds = busy["cpu_s"] - silent["cpu_s"]
    wall = busy["wall_s"] - silent["wall_s"]
    rate = busy["deliveries"] / seconds
    ideal_rate = ideal["deliveries"] / (ideal["cpu_s"] - silent["cpu_s"])
    if busy["digest"] != plain_busy["digest"]:
        sys.exit("bench: the two builds do not agree: digests differ")
    print("1,000 nodes, 20 connections, D 8, 1 KiB, tcp flight, the whole stack, modelled Noise (`make release`):")
    print(f"  deliveries a second   {rate:12,.0f}  ({busy['deliveries'] / wall:,.0f} by the clock on the wall)")
    print(f"  events a second       {(busy['events'] - silent['events']) / seconds:12,.0f}")
    print(f"  memory a node (KiB)   {(silent['peak_rss_bytes'] - small['peak_rss_bytes']) / 900 / 1024:12.1f}")
    print(f"  ({busy['deliveries']:,} deliveries in {seconds:.2f} s; connecting takes {silent['cpu_s']:.2f} s)")
    print(f"  as `make` builds it   {busy['deliveries'] / (plain_busy['cpu_s'] - silent['cpu_s']):12,.0f}")
    print(f"  with tcp ideal        {ideal_rate:12,.0f}  (flight has {100 * rate / ideal_rate:.0f} % of it; aim: 85 %)")
    return rate


def flood_line(name, result, rate):
    print(f"  {name:20s}  {rate:12,.0f}  ({result['deliveries']:,} in {result['run_s']:.2f} s, "
          f"{result['events'] / result['run_s']:,.0f} events a second, connecting {result['setup_s']:.2f} s, "
          f"mean latency {result['mean_ms']:.2f} ms)")


def ratio_line(what, ratio, wanted):
    print(f"  {what:20s}  {ratio:11.1f}x  (aim: {wanted}x{'' if ratio >= wanted else ': MISSED'})")


def floods(stack_rate, ours, ns3):
    options = list(FLOOD.values())
    mine, theirs = [], []
    for _ in range(ROUNDS):
        mine.append(call([ours, "packet", *options])[0])
        theirs += [call([ns3, *options])[0]] if ns3 else []
    mine = best(mine, "run_s")
    rate = mine["deliveries"] / mine["run_s"]
    print("A plain flood, 1,000 nodes, 20 connections, D 8, 1 KiB, 100 Mbit/s links, every segment a packet; deliveries a second:")
    flood_line("our packet model", mine, rate)
    if not ns3:
        print("  ns-3                  not installed (scripts/setup.sh --tests): no comparison")
        return
    theirs = best(theirs, "run_s")
    if mine["deliveries"] != theirs["deliveries"] or abs(mine["mean_ms"] / theirs["mean_ms"] - 1) > 0.02:
        sys.exit("bench: the two floods are not the same: deliveries or mean latency differ")
    ns3_rate = theirs["deliveries"] / theirs["run_s"]
    flood_line("ns-3 3.37", theirs, ns3_rate)
    ratio_line("packet flood / ns-3", rate / ns3_rate, PACKET_TIMES_NS3)
    ratio_line("whole stack / ns-3", stack_rate / ns3_rate, STACK_TIMES_NS3)


def main():
    floods(whole_stack(sys.argv[1], sys.argv[2]), sys.argv[3], sys.argv[4] if len(sys.argv) > 4 else None)


main()
