#!/usr/bin/env python3
"""Tests of `hearsay run --exec`: unmodified programs in the hosts of a scenario.

    tests/cli/exec.py PROGRAM FOLDER_OF_TEST_PROGRAMS

Standard library only. Ends with "N passed, N failed".
"""
import json
import os
import re
import subprocess
import sys
import tempfile

from harness import ROOT, expect, query, run_program, run_tests, same, tests_of

PROGRAM, POSIX = map(os.path.abspath, sys.argv[1:3])
EPOCH_NS = 946684800 * 10**9  # a program's clock begins in 2000, and its messages are numbered from there

GOSSIP = """\
scenario: gossip
seed: 5
duration: 20s
warmup: 5s
network: {regions: interop8, jitter: 10%}
nodes:
  - {group: peers, count: 24, gossipsub: {D: 6, heartbeat: 700ms, flood_publish: true}, validation: 5ms, start_spread: 1s, dial_interval: 50ms}
  - {group: watchers, count: 4, gossipsub: {signing: strict-sign, message_id: default, versions: ["1.1", "1.2"], idontwant_threshold: 1 KiB}, subscribe: [blobs]}
topology: {kind: random-regular, degree: 8}
traffic:
  - {from: peers, topic: news, size: 1 KiB, every: 500ms, stop: 15s}
  - {from: peers, topic: blobs, size: 96 KiB, every: 3s, stop: 15s}
expect: [delivery_ratio == 1]
"""

ALGORAND = """\
scenario: algorand
seed: 2
duration: 15s
warmup: 5s
network: {regions: algorand5}
nodes:
  - {group: relays, count: 3, gossipsub: {preset: algorand}, algorand: {role: relay}, validation: 2ms}
  - {group: nodes, count: 9, gossipsub: {preset: algorand}, algorand: {role: node}}
topology: [{kind: full, among: relays}, {kind: fanout, from: nodes, to: relays, degree: 2}]
traffic:
  - {from: nodes, topic: tx, size: 300 B, every: 400ms, stop: 12s}
  - {from: relays, via: algorand, tag: AV, size: 500 B, every: 700ms, stop: 12s}
expect: [delivery_ratio == 1]
"""

FAULTS = """\
scenario: faults
seed: 3
duration: 40s
warmup: 5s
network: {latency: 20ms}
nodes: [{group: peers, count: 20, gossipsub: {D: 6}}, {group: late, count: 2, start: never}]
topology: {kind: random-regular, degree: 8}
traffic: [{from: peers, topic: news, size: 1 KiB, every: 1s, stop: 35s}]
events:
  - {at: 8s, stop: {nodes: [peers-1]}}
  - {at: 9s, crash: {nodes: [peers-2]}}
  - {at: 10s, restart: {nodes: [peers-3, peers-4]}, after: 4s}
  - {at: 11s, restart: {nodes: [peers-5]}, after: 5s, memory: kept}
  - {at: 12s, join: {group: late, count: 2}}
  - {at: 20s, churn: {nodes: [peers-6], up: 3s, down: 2s}, for: 12s}
expect: [delivery_ratio >= 0.99]
"""

CHAT = """\
scenario: chat
seed: 1
duration: 20s
network: {latency: 10ms}
nodes: [{group: peers, count: 6}]
topology: {kind: ring}
"""


def run(*arguments, **options):
    return run_program(PROGRAM, "run", *arguments, "--progress", "off", **options)


def scenario(tmp, text):
    with open(f"{tmp}/s.yaml", "w") as f:
        f.write(text)
    return f"{tmp}/s.yaml"


def run_json(*arguments):
    status, out, err = run(*arguments, "--json")
    same(status, 0, err)
    return json.loads(out)


def deliveries(folder, from_2000):
    """(topic, message id, node) of all deliveries. Ids that end with a number by the clock are moved to the world's clock."""
    ids = {}
    for number, message_id, topic in query(folder, "SELECT m.id, message_id, name FROM message m JOIN topic t ON t.id = m.topic"):
        if from_2000 and len(message_id) > 40:
            message_id = message_id[:-8] + (int.from_bytes(message_id[-8:], "big") - EPOCH_NS).to_bytes(8, "big")
        ids[number] = (topic, message_id)
    return {(*ids[message], node) for message, node in query(folder, "SELECT message, node FROM delivery")}


def output(folder, node, name="stdout"):
    with open(f"{folder}/hosts/{node}/{name}") as f:
        return f.read()


# ---- tests


def unmodified_nodes_deliver_what_linked_in_nodes_deliver(tmp):
    for name, text in (("gossip", GOSSIP), ("algorand", ALGORAND)):
        path = scenario(tmp, text)
        programs = run_json(path, "--exec", "node", "--out", f"{tmp}/{name}-exec")
        linked = run_json(path, "--out", f"{tmp}/{name}-linked", "--set", "network.encryption=noise")
        expect(linked["deliveries"] > 100, linked)
        same(programs["deliveries"], linked["deliveries"], name)
        same(deliveries(f"{tmp}/{name}-exec", True), deliveries(f"{tmp}/{name}-linked", False), name)
        ours, theirs = programs["propagation_ms"]["p50"], linked["propagation_ms"]["p50"]
        expect(abs(ours - theirs) < 0.15 * theirs, f"{name}: p50 of {ours} and {theirs} ms")


def with_every_tcp_of_the_simulator(tmp):
    path = scenario(tmp, GOSSIP)
    wanted = None
    for tcp in ("ideal", "flight", "packet"):
        run_json(path, "--exec", "node", "--set", f"network.tcp={tcp}", "--out", f"{tmp}/{tcp}")
        got = deliveries(f"{tmp}/{tcp}", True)
        wanted = wanted or got
        same(got, wanted, tcp)


def in_ns_3_too(tmp):
    path = scenario(tmp, GOSSIP.replace(", jitter: 10%", "").replace("count: 24", "count: 12").replace("every: 3s", "every: 8s"))
    status, out, err = run(path, "--backend", "ns3", "--exec", "node", "--json", "--out", f"{tmp}/exec")
    if status and "hearsay-ns3.so" in err:
        print(f"skipped: {err.splitlines()[0]}")
        return
    same(status, 0, err)
    again = run_json(path, "--backend", "ns3", "--exec", "node", "--out", f"{tmp}/again")
    same(json.loads(out)["digest"], again["digest"], "twice")
    run_json(path, "--backend", "ns3", "--out", f"{tmp}/linked")
    same(deliveries(f"{tmp}/exec", True), deliveries(f"{tmp}/linked", False))


def the_same_seed_gives_the_same_digest(tmp):
    path = scenario(tmp, FAULTS)
    digests = [run_json(path, "--exec", "node", "--out", f"{tmp}/{i}", "--seed", str(seed))["digest"]
               for i, seed in enumerate((3, 3, 4))]
    same(digests[0], digests[1], "twice")
    expect(digests[2] != digests[0], "another seed, the same digest")


def programs_stop_crash_and_come_back_as_nodes_do(tmp):
    path = scenario(tmp, FAULTS)
    programs = run_json(path, "--exec", "node", "--out", f"{tmp}/exec")
    linked = run_json(path, "--out", f"{tmp}/linked")
    events = "SELECT at_ns, kind, detail FROM event ORDER BY at_ns, kind, detail"
    same(query(f"{tmp}/exec", events), query(f"{tmp}/linked", events), "events")
    expect(abs(programs["deliveries"] - linked["deliveries"]) <= 0.01 * linked["deliveries"], f"{programs}\n{linked}")
    expect(output(f"{tmp}/exec", "peers-1").splitlines()[-1].startswith('{"event":"stopped"'), "a stopped node says so")
    expect('"stopped"' not in output(f"{tmp}/exec", "peers-2"), "a crashed one does not")
    same(output(f"{tmp}/exec", "peers-3").count('"event":"listening"'), 2, "a restarted one begins anew")
    same(output(f"{tmp}/exec", "peers-5").count('"event":"listening"'), 1, "one that slept does not")
    last = [json.loads(line) for line in output(f"{tmp}/exec", "peers-5").splitlines()][-1]
    expect(last["time_us"] > EPOCH_NS // 1000 + 30e6, "and goes on")


def a_report_of_programs_is_like_any_other(tmp):
    run_json(scenario(tmp, GOSSIP), "--exec", "node", "--out", f"{tmp}/r")
    done = subprocess.run([PROGRAM, "report", f"{tmp}/r"], capture_output=True, text=True, timeout=120)
    same(done.returncode, 0, done.stderr)
    same(query(f"{tmp}/r", "SELECT count(*) FROM hop")[0][0] > 1000, True, "hops")
    same(query(f"{tmp}/r", "SELECT count(*) FROM connection WHERE node = 0")[0][0] > 5, True, "connections")
    expect(query(f"{tmp}/r", "SELECT encryption FROM run")[0][0] == "noise", "programs encrypt for good")


def the_program_of_the_suite_plays_its_script(tmp):
    subprocess.run([f"{ROOT}/scripts/suite-params.py", "--out", f"{tmp}/e", "--nodes", "8", "--messages", "6"], check=True, capture_output=True)
    files = ["--params", f"{tmp}/e/params.json", "--graph", f"{tmp}/e/graph.gml", "--hosts", f"{tmp}/e/shadow.yaml"]
    programs = run_json(*files, "--exec", "interop", "--out", f"{tmp}/exec")
    linked = run_json(*files, "--out", f"{tmp}/linked")
    expect(linked["deliveries"] > 20, linked)
    same(deliveries(f"{tmp}/exec", True), deliveries(f"{tmp}/linked", False))
    same(programs["connections"], linked["connections"], "connections")
    judged = subprocess.run([f"{ROOT}/scripts/suite-check.py", f"{tmp}/exec", "--params", f"{tmp}/e/params.json"], capture_output=True, text=True)
    same(judged.returncode, 0, judged.stdout + judged.stderr)


def any_epoll_program_runs_with_arguments_from_a_template(tmp):
    path = scenario(tmp, CHAT + "events: [{at: 10s, stop: {groups: [peers]}}]\n")
    template = "--name {name} --ip {ip} --port {port} --peers {peers}"
    digests = []
    for i in range(2):
        digests.append(run_json(path, "--exec", f"{POSIX}/chat", "--exec-args", template, "--out", f"{tmp}/{i}")["digest"])
        for n in range(6):
            lines = output(f"{tmp}/{i}", f"peers-{n}").splitlines()
            expect(f'peers-{n} heard "peers-{(n - 1) % 6}"' in lines, lines)
            same(lines[-1], f"peers-{n} greeted 1 and heard 2")
    same(digests[0], digests[1], "digest")
    same(len(query(f"{tmp}/0", "SELECT * FROM event WHERE kind = 'program-output'")), 6, "hashes of what they wrote")


def what_a_program_should_not_do_ends_the_run_by_name(tmp):
    path = scenario(tmp, CHAT + "limits: {wall: 1s}\n")
    for argument, status, message in (
            ("fork", 1, "the program of peers-0 calls fork, which is not carried (at 0.000 s;"),
            ("thread", 1, "the program of peers-0 calls pthread_create, which is not carried"),
            ("overflow", 1, "the program of peers-0 ran over the end of its stack, which has 1024 KiB"),
            ("null", 1, "the program of peers-0 was ended by signal 11 (SEGV)"),
            ("abort", 1, "the program of peers-0 was ended by signal 6 (ABRT)"),
            ("status 3", 1, "the program of peers-0 ended with status 3"),
            ("spin", 4, "the time limit (run.wall) is over: the program of peers-0 runs and runs without waiting for anything"),
            ("spin-clock", 4, "the time limit (run.wall) is over: the program of peers-0 runs and runs without waiting"),
            ("status 0", 0, ""), ("leak", 0, ""), ("rand", 0, "")):
        got, _, err = run(path, "--exec", f"{POSIX}/hostile", "--exec-args", argument, "--out", f"{tmp}/r")
        same(got, status, f"{argument}: {err}")
        expect(message in err, f"{argument}: {err}")
    same(output(f"{tmp}/r", "peers-0"), "1804289383 946684800\n", "the C library's rand, and the year 2000")


def what_cannot_be_run_is_refused_before_the_run(tmp):
    path = scenario(tmp, CHAT)
    gossip = f"{tmp}/gossip.yaml"
    with open(gossip, "w") as f:
        f.write(GOSSIP)
    for arguments, message in (
            ((path, "--exec", "/bin/bash"), "/bin/bash: needs the library libtinfo.so.6, which is not known here"),
            ((path, "--exec", "/etc/passwd"), "/etc/passwd: is no program"),
            ((path, "--exec", "./nothing"), "./nothing: No such file or directory"),
            ((path, "--exec", "nothing"), "--exec nothing is no program (node, interop, or a path with a / in it)"),
            ((path, "--exec-args", "x"), "--exec-args belongs to --exec"),
            ((path, "--exec", "node", "--exec-args", "x"), "--exec-args: `hearsay node` gets its arguments from the scenario"),
            ((path, "--exec", f"{POSIX}/chat", "--exec-args", "{nam}"), "{nam} stands for nothing ({name} {index}"),
            ((path, "--exec", "interop"), "--exec interop and --params go together"),
            ((path, "--exec", "node", "--threads", "2"), "--threads 2: programs run on one thread"),
            ((path, "--exec", "node", "--pcap", "n-0"), "--pcap: hosts with programs (--exec) cannot be captured"),
            ((path, "--exec", "node", "--backend", "sockets"), "--exec: the sockets backend runs in real time (des, ns3)"),
            ((gossip, "--exec", f"{POSIX}/chat"), "traffic: only `--exec node` is told what to publish"),
            ((path, "--exec", f"{POSIX}/chat", "--set", "nodes.0.gossipsub={D: 7}"), "nodes.0.gossipsub: only `--exec node` is told that"),
            ((path, "--exec", f"{POSIX}/chat", "--set", "nodes.0.validation=1ms"), "nodes.0.validation: only `--exec node` is told that"),
            ((gossip, "--exec", "node", "--set", "cpu={cores: 1, table: epyc}"), "cpu: a program's work takes no time here"),
            ((gossip, "--exec", "node", "--set", "nodes.0.clock={drift: 10ppm}"), "nodes.0.clock: a program's clock is exact"),
            ((gossip, "--exec", "node", "--set", "network.encryption=modelled"), "network.encryption: programs encrypt for good"),
            ((gossip, "--exec", "node", "--set", "nodes.1.gossipsub={preset: algorand, score: on}"),
             "nodes.1.gossipsub.score: `hearsay node` gets no mappings and lists as arguments"),
            ((gossip, "--exec", "node", "--set", "traffic.1.size=4 MiB", "--set", "nodes.0.gossipsub.rpc_max=8 MiB", "--set",
              "nodes.1.gossipsub.rpc_max=8 MiB"), "traffic.1.size: `hearsay node` is told messages of at most 3 MiB")):
        status, _, err = run(*arguments, "--out", f"{tmp}/r")
        same(status, 2, f"{arguments}: {err}")
        expect(message in err, f"{arguments}: {err}")


def supported(tmp):
    status, _, err = run(scenario(tmp, CHAT), "--exec", f"{POSIX}/hostile", "--out", f"{tmp}/r")
    if status == 2 and re.search("sanitizer|x86-64", err):
        print(f"skipped: {err.splitlines()[0]}")
        return False
    return True


def main():
    tests = [t for t in tests_of(globals()) if t != supported]
    with tempfile.TemporaryDirectory() as tmp:
        if not supported(tmp):
            print(f"0 passed, 0 failed, {len(tests)} not run")
            return 0
    return run_tests(tests, sys.argv[3:])


sys.exit(main())
