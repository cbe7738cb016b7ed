#!/usr/bin/env python3
"""Experiments of libp2p's gossipsub-interop suite: in the simulator with 50 nodes, and with 8 real processes on loopback.

    tests/suite/suite.py PROGRAM

Standard library only. Ends with "N passed, N failed".
"""
import json
import os
import re
import socket
import subprocess
import sys
import tempfile

PROGRAM = os.path.abspath(sys.argv[1])
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
LINE_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z")
PROCESSES = 8


def expect(condition, what):
    if not condition:
        raise AssertionError(what)


def run(*command, status=0):
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=120)
    expect(done.returncode == status, f"{command[0]}: status {done.returncode}\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    return done.stdout, done.stderr


def make(folder, scenario, *options):
    run("scripts/suite-params.py", "--out", folder, "--scenario", scenario, *options)


def check(folder, logs, *options):
    return run("scripts/suite-check.py", logs, "--params", f"{folder}/params.json", *options)[0]


def simulate(folder, out, *options, status=0):
    return run(PROGRAM, "run", "--params", f"{folder}/params.json", "--graph", f"{folder}/graph.gml", "--hosts",
               f"{folder}/shadow.yaml", "--out", out, "--json", "--progress", "off", *options, status=status)


def simulated(tmp, scenario):
    make(tmp, scenario, "--nodes", "50")
    summary = json.loads(simulate(tmp, f"{tmp}/out")[0])
    check(tmp, f"{tmp}/out")
    expect(summary["nodes"] == 50 and summary["messages"] == 16 and summary["delivery_ratio"] == 1.0, summary)
    again = json.loads(simulate(tmp, f"{tmp}/again", "--threads", "3")[0])
    expect(summary["digest"] == again["digest"], "another digest in three threads")
    for node in range(50):
        log = f"hosts/node{node}/hearsay.1000.stdout"
        with open(f"{tmp}/out/{log}", "rb") as one, open(f"{tmp}/again/{log}", "rb") as other:
            expect(one.read() == other.read(), f"{log} differs in three threads")
    return f"{tmp}/out"


def ports(count):
    """Free ones, held until all are known."""
    held = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    numbers = [s.getsockname()[1] for s in held]
    for s in held:
        s.close()
    return numbers


def real(tmp, scenario):
    make(tmp, scenario, "--nodes", str(PROCESSES), "--settle", "2", "--warmup", "6", "--messages", "8", "--interval",
         "1", "--cooldown", "2")
    with open(f"{tmp}/hosts.txt", "w", encoding="utf-8") as file:
        for node, port in enumerate(ports(PROCESSES)):
            file.write(f"{node} 127.0.0.1:{port}\n")
    running = []
    for node in range(PROCESSES):
        os.makedirs(f"{tmp}/out/hosts/node{node}")
        with open(f"{tmp}/out/hosts/node{node}/hearsay.1.stdout", "wb") as out:
            running.append(subprocess.Popen(
                [PROGRAM, "interop", "--params", f"{tmp}/params.json", "--node-id", str(node), "--hosts-file",
                 f"{tmp}/hosts.txt"], stdout=out, stderr=subprocess.PIPE, text=True))
    try:
        ends = [process.communicate(timeout=60)[1] for process in running]
    finally:
        for process in running:
            if process.poll() is None:
                process.kill()
    for node, process in enumerate(running):
        expect(process.returncode == 0 and not ends[node], f"node {node}: status {process.returncode}: {ends[node]}")
    check(tmp, f"{tmp}/out", "--skip", "0")
    return f"{tmp}/out"


def lines(logs):
    for node in os.listdir(f"{logs}/hosts"):
        folder = f"{logs}/hosts/{node}"
        for name in os.listdir(folder):
            with open(f"{folder}/{name}", encoding="utf-8") as file:
                yield from file


# ---- tests: each is a function whose name is its claim; `tmp` is a fresh folder


def blobs_reach_all_nodes_in_the_simulator(tmp):
    simulated(tmp, "subnet-blob-msg")


def fanout_reaches_the_topic_in_the_simulator(tmp):
    simulated(tmp, "simple-fanout")


def simulated_parts(tmp, scenario, nodes, groups, without=()):
    make(tmp, scenario, "--nodes", str(nodes))
    summary = json.loads(simulate(tmp, f"{tmp}/out")[0])
    again = json.loads(simulate(tmp, f"{tmp}/again", "--threads", "3")[0])
    expect(summary["digest"] == again["digest"], "another digest in three threads")
    for node in range(nodes):
        with open(f"{tmp}/out/hosts/node{node}/hearsay.1000.stdout", encoding="utf-8") as file:
            got = file.read().count('"msg":"All parts received"')
        expect(got == (0 if node in without else groups), f"node {node}: {got} groups of {groups}")


def all_nodes_get_all_parts_of_a_message(tmp):
    simulated_parts(tmp, "partial-messages", 32, 1)


def parts_dealt_along_a_chain_come_together_everywhere(tmp):
    simulated_parts(tmp, "partial-messages-chain", 8, 16)


def parts_of_a_node_outside_the_topic_reach_it(tmp):
    simulated_parts(tmp, "partial-messages-fanout", 8, 1, without=(0,))


def blobs_reach_all_processes_on_loopback(tmp):
    logs = real(tmp, "subnet-blob-msg")
    seen = set()
    for line in lines(logs):
        event = json.loads(line)
        expect(LINE_TIME.fullmatch(event["time"]), line)
        expect('"msg":"' + event["msg"] + '"' in line, line)
        seen.add(event["msg"])
    missing = {"PeerID", "Received Message", "Sent Message", "Received Subscription", "Sent Subscription",
               "Sent Graft", "Received Graft"} - seen
    expect(not missing, f"never said: {missing}")


def fanout_reaches_the_topic_on_loopback(tmp):
    real(tmp, "simple-fanout")


def without_gossip_blobs_still_arrive(tmp):
    make(tmp, "subnet-blob-msg", "--nodes", "30", "--disable-gossip", "--seed", "2")
    simulate(tmp, f"{tmp}/out")
    check(tmp, f"{tmp}/out")
    expect(not any('"Sent Ihave"' in line for line in lines(f"{tmp}/out")), "there is gossip")


def a_message_that_falls_short_is_found(tmp):
    make(tmp, "subnet-blob-msg", "--nodes", "10", "--messages", "6")
    simulate(tmp, f"{tmp}/out")
    for node in (3, 4):  # the suite's own measure lets one node be without, be it the publisher or not
        path = f"{tmp}/out/hosts/node{node}/hearsay.1000.stdout"
        with open(path, encoding="utf-8") as file:
            kept = [line for line in file if '"id":"5"' not in line]
        with open(path, "w", encoding="utf-8") as file:
            file.writelines(kept)
    out, _ = run("scripts/suite-check.py", f"{tmp}/out", status=1)
    expect("8 of 9 nodes" in out, out)
    run("scripts/suite-check.py", f"{tmp}/out", "--min-reach", "0.8")


def a_script_that_fails_ends_its_node_and_the_run(tmp):
    make(tmp, "subnet-blob-msg", "--nodes", "5")
    with open(f"{tmp}/params.json", encoding="utf-8") as file:
        params = json.load(file)
    params["script"].insert(7, {"type": "ifNodeIDEquals", "nodeID": 2,
                                "instruction": {"type": "connect", "connectTo": [2]}})
    with open(f"{tmp}/params.json", "w", encoding="utf-8") as file:
        json.dump(params, file)
    _, err = simulate(tmp, f"{tmp}/out", status=1)
    expect("node2: script[7]: connect: to node 2: invalid argument" in err, err)
    _, err = run(PROGRAM, "interop", "--params", f"{tmp}/params.json", "--node-id", "2", "--port", "1", status=1)
    expect("listen" in err or "script[" in err, err)


def files_that_do_not_fit_each_other_are_refused(tmp):
    make(f"{tmp}/small", "subnet-blob-msg", "--nodes", "5")
    make(f"{tmp}/large", "subnet-blob-msg", "--nodes", "6")
    _, err = run(PROGRAM, "run", "--params", f"{tmp}/large/params.json", "--graph", f"{tmp}/large/graph.gml",
                 "--hosts", f"{tmp}/small/shadow.yaml", "--out", f"{tmp}/out", status=2)
    expect("names node 5, and there are 5 hosts" in err, err)
    _, err = run(PROGRAM, "run", "--params", f"{tmp}/small/params.json", status=2)
    expect("go together" in err, err)
    _, err = simulate(f"{tmp}/small", f"{tmp}/out", "--backend", "sockets", status=2)
    expect("cannot shape loopback" in err, err)


TESTS = [blobs_reach_all_nodes_in_the_simulator, fanout_reaches_the_topic_in_the_simulator,
         all_nodes_get_all_parts_of_a_message, parts_dealt_along_a_chain_come_together_everywhere,
         parts_of_a_node_outside_the_topic_reach_it,
         blobs_reach_all_processes_on_loopback, fanout_reaches_the_topic_on_loopback,
         without_gossip_blobs_still_arrive, a_message_that_falls_short_is_found,
         a_script_that_fails_ends_its_node_and_the_run, files_that_do_not_fit_each_other_are_refused]


def main():
    failed = 0
    for test in TESTS:
        with tempfile.TemporaryDirectory() as tmp:
            try:
                test(tmp)
                print(f"ok    {test.__name__}", flush=True)
            except Exception as error:  # any failure is the test's, and the next one goes on
                failed += 1
                print(f"FAIL  {test.__name__}: {error}", flush=True)
    print(f"{len(TESTS) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
