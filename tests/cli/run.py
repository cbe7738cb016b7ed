#!/usr/bin/env python3
"""Tests of the program as its users run it: exit statuses, messages, files, kills.

    tests/cli/run.py PROGRAM

Standard library only. Ends with "N passed, N failed", and ", N not run" where this machine lacks what some need.
"""
import json
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
import xml.etree.ElementTree

from harness import ROOT, NotRun, expect, query, run_program, run_tests, same, tests_of

PROGRAM = os.path.abspath(sys.argv[1])
SMALL = "scenarios/smoke/line.yaml"

LONG = """\
scenario: long
seed: 1
duration: 1h
nodes: [{group: peers, count: 60, gossipsub: {D: 6}}]
topology: {kind: random-regular, degree: 10}
traffic: [{from: peers, topic: t, size: 1 KiB, every: 20ms}]
"""


PAIR = """\
scenario: pair
duration: 5s
warmup: 2s
network: {latency: 40ms}
nodes: [{group: peers, count: 2, gossipsub: {D: 2, D_lo: 1, D_hi: 3, D_out: 0, D_score: 1}}]
topology: {kind: line}
traffic: [{from: peers, topic: t, size: 1 KiB, every: 100ms, count: 20}]
expect: [delivery_ratio == 1]
"""


WATCHED = """\
scenario: watched
duration: 12s
warmup: 3s
network: {latency: 20ms, tcp: packet, classes: [{name: home, up: 50 Mbit, down: 50 Mbit, queue: 4 MB}]}
nodes: [{group: peers, count: 8, gossipsub: {D: 4, D_lo: 3, D_hi: 6, D_out: 1, D_score: 2}}]
topology: {kind: random-regular, degree: 4}
traffic: [{from: peers, topic: t, size: 20 KiB, every: 500ms, count: 8}]
events: [{at: 10s, crash: {nodes: peers-3}}, {at: 10s, stop: {nodes: peers-4}}]
"""


def run(*arguments, **options):
    """Runs the program; returns (status, stdout, stderr)."""
    return run_program(PROGRAM, *arguments, **options)


# ---- tests


def every_command_has_help(tmp):
    for command in ("run", "report", "check", "verify", "node", "interop", "calibrate", "export"):
        status, out, err = run(command, "--help")
        same(status, 0, command)
        expect(out.startswith(f"usage: hearsay {command}"), f"{command}: {out[:60]}")
        same(err, "", command)
    status, out, _ = run("--help")
    same(status, 0)
    expect("Exit status" in out, out)
    same(run("--version")[0], 0)


def a_measured_table_is_what_a_scenario_names(tmp):
    same(run("calibrate", "--out", f"{tmp}/table.json")[0], 0)
    with open(f"{tmp}/table.json") as f:
        costs = json.load(f)["costs"]
    expect(set(costs) == {"parse", "hash", "aead", "handshake", "sign", "verify", "validate"}, costs)
    expect(costs["verify"]["base"] != "0ns", costs)
    with open(f"{ROOT}/{SMALL}") as f:
        text = f.read()
    with open(f"{tmp}/s.yaml", "w") as f:
        f.write(text + "\ncpu: {cores: 2, table: table.json, costs: {validate: {base: 3ms}}}\n")
    digests = []
    for sets in ([], ["--set", "cpu.speed=0.5"], ["--set", "cpu.costs.validate.base=9ms"]):
        status, out, err = run("run", f"{tmp}/s.yaml", "--json", "--out", f"{tmp}/out", "--progress", "off", *sets)
        same(status, 0, err)
        digests.append(json.loads(out)["digest"])
    same(len(set(digests)), 3)
    status, _, err = run("run", "scenarios/loopback.yaml", "--backend", "sockets", "--set", "cpu={table: epyc}", "--out", f"{tmp}/o")
    same(status, 2)
    expect("cpu: the sockets backend runs on a real CPU (des)" in err, err)


def wrong_usage_says_what_is_allowed_and_exits_2(tmp):
    table = [
        (["frobnicate"], 'there is no command "frobnicate"'),
        (["run"], "give one scenario (0 given)"),
        (["run", "a", "b"], "give one scenario (2 given)"),
        (["run", "--nonsense", SMALL], "--nonsense is not an option of this command"),
        (["run", "--junit", "x", SMALL], "is not an option of this command"),
        (["run", SMALL, "--backend"], "--backend needs a value"),
        (["run", SMALL, "--backend", "carrier-pigeon"], "is not a backend of this build (des, sockets, netns, ns3)"),
        (["run", SMALL, "--seed", "-1"], "is not a seed"),
        (["run", SMALL, "--seed", "9223372036854775808"], "is not a seed"),
        (["run", SMALL, "--seed", "x"], "is not a seed"),
        (["run", SMALL, "--progress", "loud"], "is not a way to show progress (auto, off)"),
        (["run", SMALL, "--threads", "0"], "--threads 0 is not a number of threads (1 to 256, or auto: one a processor)"),
        (["run", SMALL, "--threads", "257"], "is not a number of threads"),
        (["run", SMALL, "--threads", "2x"], "is not a number of threads"),
        (["check", SMALL, "--threads", "-1"], "is not a number of threads"),
        (["verify", SMALL, "--threads", "1"], "--threads 1 would compare one thread with one (2 to 256)"),
        (["run", SMALL, "--set", "nodes.0.count=zero"], "--set nodes.0.count=zero: nodes.0.count"),
        (["run", SMALL, "--set", "nodse.0.count=1"], "nodse"),
        (["run", SMALL, "--variant", "a"], "hearsay run: --variant belongs to --warm\n"),
        (["run", SMALL, "--seeds-of-traffic", "1"], "hearsay run: --seeds-of-traffic belongs to --warm\n"),
        (["run", SMALL, "--jobs", "1"], "hearsay run: --jobs belongs to --warm\n"),
        (["run", SMALL, "--warm"], "--warm needs something to go on with (--variant, --seeds-of-traffic)\n"),
        (["run", SMALL, "--warm", "--variant", "a", "--jobs", "0"], "--jobs 0 is not a number of processes (1 to 1000)\n"),
        (["run", SMALL, "--warm", "--variant", "a/b:seed=1"],
         "--variant a/b:seed=1: a name has 1 to 64 letters, digits, _, -, . (NAME:PATH=VALUE)\n"),
        (["run", SMALL, "--warm", "--variant", ".."], "--variant ..: a name has 1 to 64 letters"),
        (["run", SMALL, "--warm", "--seeds-of-traffic", "1,,2"], "--seeds-of-traffic 1,,2 is not a list of seeds (1,2,3)\n"),
        (["run", SMALL, "--warm", "--seeds-of-traffic", "1,1"], "--seeds-of-traffic: variant t1 comes twice\n"),
        (["run", "--warm", "--params", "a", "--graph", "b", "--hosts", "c"],
         "--warm needs a scenario: an experiment of the suite has no warm-up to share\n"),
        (["check", SMALL, "--warm"], "--warm is not an option of this command"),
        (["report"], "give the folder of a run"),
        (["export"], "give the folder of one run"),
        (["export", "a", "b"], "give the folder of one run"),
        (["export", "a"], "give one of --pubsub-trace and --csv"),
        (["export", "a", "--csv", "b", "--pubsub-trace", "pb"], "give one of --pubsub-trace and --csv"),
        (["export", "a", "--csv", "b", "--out", "c"], "--out belongs to --pubsub-trace"),
        (["export", "a", "--pubsub-trace", "xml"], "--pubsub-trace takes pb or json"),
        (["export", "a", "--parquet", "b"], "is not an option of this command"),
        (["check"], "give at least one scenario"),
        (["verify"], "give one scenario"),
    ]
    for arguments, text in table:
        status, out, err = run(*arguments)
        same(status, 2, arguments)
        expect(text in err, f"{arguments}: {err!r} lacks {text!r}")
        same(out, "", arguments)
    same(run()[0], 2)


def broken_scenarios_exit_2_with_their_place(tmp):
    with open(f"{ROOT}/tests/scenarios/broken/expected.txt") as f:
        names = sorted(n for n in os.listdir(f"{ROOT}/tests/scenarios/broken") if n.endswith(".yaml"))
        expect(len(names) >= 30, f"only {len(names)} broken scenarios")
        listed = f.read()
    for name in names:
        status, out, err = run("run", f"tests/scenarios/broken/{name}", "--out", f"{tmp}/out", "--progress", "off")
        same(status, 2, name)
        same(out, "", name)
        expect(err.count("\n") == 1 and len(err) < 1100, f"{name}: {err!r}")
        # the place may be in a file that the scenario names
        expect(err.split(": ", 1)[0].startswith(f"tests/scenarios/broken/{name[:-5]}."), f"{name}: {err!r}")
        expect(name[:-5] in listed, f"{name} is not in the table")
    expect(not os.path.exists(f"{tmp}/out"), "a refused scenario left a folder")


def strange_files_are_refused_quickly(tmp):
    with open(f"{tmp}/huge.yaml", "wb") as f:
        f.truncate(100 << 20)
    with open(f"{tmp}/binary.yaml", "wb") as f:
        f.write(os.urandom(4096))
    with open(f"{tmp}/empty.yaml", "wb"):
        pass
    for name in ("huge.yaml", "binary.yaml", "empty.yaml", "missing.yaml", "."):
        started = time.monotonic()
        status, _, err = run("run", f"{tmp}/{name}", "--out", f"{tmp}/out")
        same(status, 2, name)
        expect(err.startswith(f"{tmp}/{name}"), f"{name}: {err!r}")
        expect(time.monotonic() - started < 5, f"{name} took long")


def a_run_prints_json_with_the_documented_keys(tmp):
    status, out, err = run("run", SMALL, "--json", "--progress", "off", "--out", f"{tmp}/r")
    same(status, 0, err)
    result = json.loads(out)
    wanted = ("scenario backend seed digest nodes connections messages deliveries delivery_ratio propagation_ms "
              "duplicates_per_delivery bytes events sim_s wall_s setup_wall_s peak_rss_bytes threads").split()
    same(list(result), wanted)
    same(list(result["propagation_ms"]), ["p50", "p90", "p99", "max"])
    same(list(result["bytes"]), ["payload", "control", "total", "withheld"])
    same(query(f"{tmp}/r", "SELECT complete, digest FROM run"), [(1, result["digest"])])
    expect(result["bytes"]["total"] > result["bytes"]["payload"] > 0, result["bytes"])


def every_smoke_scenario_meets_its_expectations(tmp):
    files = sorted(f"scenarios/smoke/{n}" for n in os.listdir(f"{ROOT}/scenarios/smoke") if n.endswith(".yaml"))
    status, out, err = run("check", *files, "--junit", f"{tmp}/j.xml", "--progress", "off")
    same(status, 0, out + err)
    suite = xml.etree.ElementTree.parse(f"{tmp}/j.xml").getroot()
    same(suite.get("failures"), "0")
    expect(int(suite.get("tests")) >= len(files), "fewer cases than scenarios")


def closed_forms_and_published_figures_come_out(tmp):
    for name in ("waku-best", "chain", "fan-out", "single-transfer", "duplicates-most", "duplicates-idontwant"):
        status, out, err = run("check", f"scenarios/validation/{name}.yaml", "--progress", "off")
        same(status, 0, out + err)


# The GossipSub v1.1 evaluation with 50 honest nodes; `make evaluation` runs it at full size.
ATTACKS = {
    "cold-boot": ["nodes.sybils.count=200"],
    "colocation": ["nodes.sybils.count=200", "nodes.sybils.per_address=8"],
    "eclipse-single": ["nodes.publishers.count=5", "nodes.sybils.count=50", "traffic.1.poisson=1/s"],
}


def scores_keep_the_evaluation_s_attacks_down_and_without_them_there_is_no_keeping(tmp):
    for name, sets in ATTACKS.items():
        overrides = ["nodes.publishers.count=6", "nodes.lurkers.count=44", "traffic.0.poisson=6/s", *sets]
        status, out, err = run("check", f"scenarios/evaluation/{name}.yaml", "--progress", "off",
                               *[a for s in overrides for a in ("--set", s)])
        same(status, 0, out + err)
    status, out, err = run("check", "scenarios/evaluation/control-cold-boot.yaml", "--progress", "off", "--set",
                           "nodes.publishers.count=6", "--set", "nodes.lurkers.count=44", "--set", "traffic.0.poisson=6/s",
                           "--set", "nodes.sybils.count=200", "--set", "expect=[p99(propagation) >= 3s]")
    same(status, 0, out + err)


def a_failed_expectation_exits_1_and_tells_how_to_repeat_it(tmp):
    status, out, err = run("check", SMALL, "--set", "expect.0=messages == 123456", "--junit", f"{tmp}/j.xml",
                           "--progress", "off")
    same(status, 1, out + err)
    expect("FAILED  messages == 123456" in out, out)
    expect("replay: hearsay run " + SMALL in out, out)
    suite = xml.etree.ElementTree.parse(f"{tmp}/j.xml").getroot()
    same(suite.get("failures"), "1")


def the_time_limit_exits_4(tmp):
    with open(f"{tmp}/long.yaml", "w") as f:
        f.write(LONG + "limits: {wall: 1s}\n")
    status, _, err = run("run", f"{tmp}/long.yaml", "--out", f"{tmp}/r", "--progress", "off")
    same(status, 4, err)
    expect("time limit" in err, err)
    same(query(f"{tmp}/r", "SELECT complete FROM run"), [(0,)])


def wait_for_rows(folder, process):
    for _ in range(200):
        time.sleep(0.1)
        try:
            if query(folder, "SELECT count(*) FROM message")[0][0] > 0:
                return
        except sqlite3.OperationalError:
            pass
        expect(process.poll() is None, "the run ended by itself")
    raise AssertionError("no rows after 20 s")


def killed_in_mid_run(tmp, number):
    with open(f"{tmp}/long.yaml", "w") as f:
        f.write(LONG)
    process = subprocess.Popen([PROGRAM, "run", f"{tmp}/long.yaml", "--out", f"{tmp}/r", "--progress", "off"],
                               cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        wait_for_rows(f"{tmp}/r", process)
        process.send_signal(number)
        out, err = process.communicate(timeout=60)
    finally:
        process.kill()
    same(query(f"{tmp}/r", "SELECT complete FROM run"), [(0,)])
    same(query(f"{tmp}/r", "PRAGMA integrity_check"), [("ok",)])
    expect(query(f"{tmp}/r", "SELECT count(*) FROM message")[0][0] > 0, "no messages were kept")
    status, text, _ = run("report", f"{tmp}/r")
    expect("incomplete" in text.lower(), text[:400])
    return process.returncode, err


def a_killed_run_leaves_a_readable_database_that_says_incomplete(tmp):
    same(killed_in_mid_run(tmp, signal.SIGKILL)[0], -signal.SIGKILL)


def an_interrupted_run_ends_by_itself_and_says_so(tmp):
    status, err = killed_in_mid_run(tmp, signal.SIGINT)
    same(status, 1, err)
    expect("interrupted" in err, err)


def a_run_is_exported_with_a_word_on_what_it_lacks(tmp):
    status, _, err = run("run", SMALL, "--progress", "off", "--out", f"{tmp}/r", "--set", "record={hops: sampled, sample: 2}")
    same(status, 0, err)
    status, out, err = run("export", f"{tmp}/r", "--pubsub-trace", "json")
    same(status, 0, err)
    lines = [json.loads(line) for line in out.splitlines()]
    expect(err.endswith(f"{len(lines)} events\n"), err)
    expect("hearsay export: DUPLICATE_MESSAGE, RECV_RPC, SEND_RPC: of " in err, err)
    messages = query(f"{tmp}/r", "SELECT count(*) FROM message")[0][0]
    same(sum(line["type"] == 0 for line in lines), messages)
    status, out, err = run("export", f"{tmp}/r/run.sqlite", "--csv", f"{tmp}/a/b")
    same((status, out), (0, ""), err)
    expect(len(open(f"{tmp}/a/b/message.csv").readlines()) == messages + 1, "a row a message")
    status, _, err = run("export", f"{tmp}/r", "--pubsub-trace", "pb", "--out", "/dev/full")
    same(status, 1, err)
    expect("cannot write" in err, err)
    same(run("export", f"{tmp}/nowhere", "--csv", f"{tmp}/c")[0], 1)


def a_full_disk_ends_the_run_with_a_clear_error(tmp):
    with open(f"{tmp}/long.yaml", "w") as f:
        f.write(LONG)
    command = f'ulimit -f 400; trap "" XFSZ; exec "{PROGRAM}" run {tmp}/long.yaml --out {tmp}/r --progress off'
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, cwd=ROOT, timeout=120)
    same(done.returncode, 1, done.stderr)
    expect(f"{tmp}/r/run.sqlite" in done.stderr, done.stderr)
    expect("full" in done.stderr or "I/O error" in done.stderr, done.stderr)
    same(query(f"{tmp}/r", "SELECT complete FROM run"), [(0,)])


WARM = """\
scenario: warm
seed: 1
duration: 1h
warmup: 10s
nodes: [{group: peers, count: 60, gossipsub: {D: 6}}]
topology: {kind: random-regular, degree: 10}
traffic: [{from: peers, topic: t, size: 1 KiB, every: 20ms}]
"""


def write_warm(folder):
    with open(f"{folder}/warm.yaml", "w") as f:
        f.write(WARM)
    return f"{folder}/warm.yaml"


def a_warm_run_gives_what_cold_runs_give_and_says_it_in_order(tmp):
    file = write_warm(tmp)
    options = ["--set", "duration=14s", "--progress", "off"]
    changes = {"plain": [], "large": ["traffic.0.size=8 KiB", "traffic.0.every=100ms"], "short": ["duration=12s"]}
    variants = []
    for name, sets in changes.items():
        for text in [f":{s}" for s in sets] or [""]:
            variants += ["--variant", name + text]
    status, out, err = run("run", file, "--warm", *variants, "--seeds-of-traffic", "1,7", *options, "--json", "--jobs", "3",
                           "--out", f"{tmp}/w")
    same((status, err), (0, ""))
    given = json.loads(out)
    same([v["variant"] for v in given], [f"{name}-t{seed}" for seed in (1, 7) for name in changes])
    for v in given:
        name, seed = v["variant"].split("-t")
        sets = [a for s in [*changes[name], f"traffic_seed={seed}"] for a in ("--set", s)]
        status, out, err = run("run", file, *options, *sets, "--json", "--out", f"{tmp}/cold")
        same(status, 0, err)
        cold = json.loads(out)
        for key in ("wall_s", "setup_wall_s", "peak_rss_bytes"):
            expect(v[key] > 0, v)
            v[key] = cold[key]
        same({k: v[k] for k in v if k != "variant"}, cold)
        same(query(f"{tmp}/w/{v['variant']}", "SELECT complete, digest FROM run"), [(1, cold["digest"])])
        replay = query(f"{tmp}/w/{v['variant']}", "SELECT replay FROM run")[0][0]
        same(replay, query(f"{tmp}/cold", "SELECT replay FROM run")[0][0])
    same(len({v["digest"] for v in given}), len(given))


def a_warm_run_ends_in_a_table_and_with_the_gravest_status(tmp):
    file = write_warm(tmp)
    status, out, err = run("run", file, "--warm", "--variant", "good", "--variant", "bad:expect=[p99(propagation) <= 1us]",
                           "--variant", "long:limits.wall=1s", "--variant", "long:duration=1h",
                           "--set", "duration=12s", "--progress", "off", "--jobs", "2", "--out", f"{tmp}/w")
    same(status, 4, err)
    same(re.findall(r"^variant (\w+)$", out, re.M), ["good", "bad"])
    table = out[out.index("  variant "):].splitlines()
    same([line.split()[0] for line in table[1:4]], ["good", "bad", "long"])
    same(table[3].split(None, 1)[1], "the time limit (run.wall) is over")
    expect(re.search(r"^the warm-up took [0-9.]+ s, once; [0-9,]+ reports of it \([0-9.]+ .?i?B\) begin every recording$", out, re.M), out)
    expect(f"recorded in {tmp}/w/VARIANT/run.sqlite; `hearsay report {tmp}/w/good` draws one\n" in out, out)
    expect("hearsay run: variant bad: 1 of 1 expectations failed\nreplay: hearsay run " in err, err)
    expect("hearsay run: variant long: the time limit (run.wall) is over\n" in err, err)
    for name, complete in (("good", 1), ("bad", 1), ("long", 0)):
        same(query(f"{tmp}/w/{name}", "SELECT complete FROM run"), [(complete,)], name)
    status, out, err = run("run", file, "--warm", "--variant", "bad:expect=[p99(propagation) <= 1us]", "--set", "duration=12s",
                           "--progress", "off", "--out", f"{tmp}/w")
    same(status, 1, err)


def a_variant_that_changes_the_warm_up_is_refused_before_it(tmp):
    status, out, err = run("run", write_warm(tmp), "--warm", "--variant", "a", "--variant", "b:nodes.0.count=61", "--out", f"{tmp}/w")
    same((status, out), (2, ""))
    same(err, 'hearsay run: variant b: --set nodes.0.count=61: nodes.0.count: "61" in place of "60": it acts before the warm-up is '
         'over and has to stay (these may differ: scenario, question, duration, cooldown, traffic_seed, traffic, events, expect, '
         'limits, record, nodes.*.validation)\n')
    status, out, err = run("run", SMALL, "--warm", "--variant", "a:nodes.0.cuont=61", "--out", f"{tmp}/w")
    same(status, 2)
    expect(err.startswith("hearsay run: variant a: --set nodes.0.cuont=61: nodes.0.cuont: is not a key here"), err)
    same(os.path.exists(f"{tmp}/w/a/run.sqlite"), False)


def lives(process):
    """Whether it runs; one that ended may wait for somebody to ask for its status."""
    try:
        with open(f"/proc/{process}/stat") as f:
            return f.read().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def an_interrupted_or_killed_warm_run_leaves_no_process_and_says_so(tmp):
    file = write_warm(tmp)
    for number, status in ((signal.SIGTERM, 1), (signal.SIGKILL, -signal.SIGKILL)):
        process = subprocess.Popen([PROGRAM, "run", file, "--warm", "--variant", "a", "--variant", "b", "--variant", "c", "--jobs", "2",
                                    "--out", f"{tmp}/w", "--progress", "off"], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                   text=True, cwd=ROOT)
        children = f"/proc/{process.pid}/task/{process.pid}/children"
        try:
            started = []
            for _ in range(600):
                started = open(children).read().split()
                if len(started) == 2:
                    break
                time.sleep(0.05)
            same(len(started), 2)
            time.sleep(1)
            process.send_signal(number)
            out, err = process.communicate(timeout=60)  # the variants hold the pipes until they are gone
        finally:
            process.kill()
        same(process.returncode, status, err)
        if number == signal.SIGTERM:
            expect("hearsay run: variant a: interrupted\n" in err and "hearsay run: variant b: interrupted\n" in err, err)
            expect("hearsay run: variant c: interrupted before it began\n" in err, err)
        for name in "ab":
            same(query(f"{tmp}/w/{name}", "SELECT complete, failure FROM run"), [(0, "interrupted")])
            same(query(f"{tmp}/w/{name}", "PRAGMA integrity_check"), [("ok",)])
        same([p for p in started if lives(p)], [])


def a_full_disk_fails_the_variant_that_fills_it(tmp):
    file = write_warm(tmp)
    command = (f'ulimit -f 400; trap "" XFSZ; exec "{PROGRAM}" run {file} --warm --variant large --variant small:duration=11s '
               f'--variant small:traffic.0.every=500ms --variant "small:record={{peers: off, hops: off}}" '
               f'--out {tmp}/w --progress off --jobs 1')
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, cwd=ROOT, timeout=120)
    same(done.returncode, 1, done.stderr)
    expect(f"hearsay run: variant large: cannot write {tmp}/w/large/run.sqlite" in done.stderr, done.stderr)
    expect("variant small:" not in done.stderr, done.stderr)
    same(query(f"{tmp}/w/large", "SELECT complete FROM run"), [(0,)])
    same(query(f"{tmp}/w/small", "SELECT complete FROM run"), [(1,)])


def a_folder_that_cannot_be_made_is_an_error(tmp):
    with open(f"{tmp}/file", "w"):
        pass
    status, _, err = run("run", SMALL, "--out", f"{tmp}/file/r")
    same(status, 1, err)
    expect(f"cannot make the folder {tmp}/file/r: Not a directory" in err, err)
    status, _, err = run("report", f"{tmp}/nowhere")
    same(status, 1, err)
    expect(f"{tmp}/nowhere" in err, err)


def the_same_seed_gives_the_same_digest_and_another_seed_another(tmp):
    status, out, err = run("verify", SMALL, "--progress", "off")
    same(status, 0, out + err)
    expect(out.endswith("deterministic\n"), out)
    digests = re.findall(r"[0-9a-f]{64}", out)
    expect(len(digests) >= 4 and len(set(digests[:-1])) == 1 and digests[-1] != digests[0], out)


def threads_change_nothing_but_are_told(tmp):
    digests = set()
    for threads, ran in (("1", 1), ("3", 3), ("200", 21)):
        folder = f"{tmp}/{threads}"
        status, out, err = run("run", "scenarios/smoke/star.yaml", "--threads", threads, "--json", "--progress", "off", "--out", folder)
        result = json.loads(out)
        same(result["threads"], ran)
        digests.add(result["digest"])
        told, lookahead_ns, replay = query(folder, "SELECT threads, lookahead_ns, replay FROM run")[0]
        same(told, ran)
        same(lookahead_ns is None, ran == 1, "the lookahead of several threads")
        same("--threads" in replay, threads != "1", replay)
    same(len(digests), 1)
    out = run("report", f"{tmp}/3")[1]
    expect(re.search(r"s of wall time in 3 threads$", out, re.M), out[:600])
    status, out, err = run("run", "scenarios/smoke/star.yaml", "--threads", "auto", "--progress", "off", "--out", f"{tmp}/auto")
    expect(re.search("[0-9a-f]{64}", out), out)
    status, _, err = run("run", "scenarios/loopback.yaml", "--backend", "sockets", "--threads", "2", "--out", f"{tmp}/sockets")
    same((status, err), (2, "hearsay run: --threads: the sockets backend runs on one thread (1)\n"))


def the_simulator_and_real_sockets_deliver_the_same_messages_to_the_same_nodes(tmp):
    deliveries = {}
    tables = {}
    for backend in ("des", "sockets"):
        status, out, err = run("run", "scenarios/loopback.yaml", "--json", "--backend", backend, "--progress", "off",
                               "--out", f"{tmp}/{backend}")
        same(status, 0, out + err)
        result = json.loads(out)
        same(result["delivery_ratio"], 1.0, backend)
        same(result["nodes"], 50, backend)
        deliveries[backend] = set(query(f"{tmp}/{backend}", """
            SELECT t.name, m.message_id, d.node FROM delivery d JOIN message m ON m.id = d.message
            JOIN topic t ON t.id = m.topic"""))
        tables[backend] = {name: query(f"{tmp}/{backend}", f"SELECT count(*) > 0 FROM {name}")[0][0]
                           for (name,) in query(f"{tmp}/{backend}", "SELECT name FROM sqlite_master WHERE type = 'table'"
                                                " AND name NOT LIKE 'sqlite_%'")}
    expect(len(deliveries["des"]) > 1000, "hardly any delivery")
    same(deliveries["des"] == deliveries["sockets"], True, "delivery sets differ")
    tables["des"].pop("loss"), tables["sockets"].pop("loss")  # queues fill by chance
    same(tables["des"], tables["sockets"], "tables that are filled")


def two_runs_on_real_sockets_do_not_disturb_each_other(tmp):
    command = [PROGRAM, "run", "scenarios/loopback.yaml", "--backend", "sockets", "--json", "--progress", "off", "--set", "duration=7s",
               "--set", "nodes.0.count=12", "--set", "topology.degree=4"]
    runs = [subprocess.Popen([*command, "--out", f"{tmp}/{i}"], cwd=ROOT, stdout=subprocess.PIPE, text=True) for i in range(2)]
    results = [json.loads(r.communicate(timeout=60)[0]) for r in runs]
    same([r.returncode for r in runs], [0, 0])
    same([r["delivery_ratio"] for r in results], [1.0, 1.0])
    same([r["connections"] for r in results], [24, 24])


def a_setting_that_a_backend_cannot_honour_is_named(tmp):
    status, _, err = run("run", "scenarios/smoke/partition.yaml", "--backend", "sockets", "--out", f"{tmp}/r")
    same(status, 2, err)
    expect("partition" in err or "network" in err, err)


LINKS = """scenario: links
duration: 10s
network: {latency: 20ms, tcp: ideal}
nodes: [{group: a, count: 4}]
topology: {kind: full}
traffic: [{from: a, topic: t, size: 1 KiB, every: 1s}]
"""


def links_that_a_backend_or_a_tcp_model_does_not_have_are_named(tmp):
    with open(f"{tmp}/s.yaml", "w") as f:
        f.write(LINKS)
    bottleneck = "network.bottlenecks=[{from: everywhere, to: everywhere, rate: 1 Gbit}]"
    loss = "network.classes=[{name: c, up: 1 Mbit, down: 1 Mbit, loss: 1%}]"
    for backend, override, text in (
            ("des", "network.loss=1%", 'network.loss: the "ideal" TCP loses nothing (flight, packet)'),
            ("des", loss, 'network.classes.0.loss: the "ideal" TCP loses nothing (flight, packet)'),
            ("des", "events=[{at: 1s, loss: 1%}]", 'events: loss: the "ideal" TCP loses nothing (flight, packet)'),
            ("des", "network.aqm=codel", 'network.aqm: the "ideal" TCP has drop-tail queues only (packet)'),
            ("des", bottleneck, 'network.bottlenecks: the "ideal" TCP has no links in the middle of paths (flight, packet)'),
            ("netns", loss, "network.classes.0.loss: the netns backend's links cannot do this (des)"),
            ("netns", bottleneck, "network.bottlenecks: the netns backend's links cannot do this (des)"),
            ("netns", "nodes.0.reachable=no", "nodes.0.reachable: the netns backend's links cannot do this (des)"),
            ("netns", "network.jitter={distribution: gamma, mean: 1ms, shape: 2}",
             "network.jitter.distribution: the netns backend's links cannot do this (des)"),
            ("netns", "events=[{at: 1s, latency: {factor: 2}}]",
             "events: latency: the netns backend's links cannot do this (des)"),
            ("netns", "events=[{at: 1s, bandwidth: {factor: 2}}]",
             "events: bandwidth: the netns backend's links cannot do this (des)")):
        status, _, err = run("run", f"{tmp}/s.yaml", "--backend", backend, "--set", override, "--out", f"{tmp}/r")
        same(status, 2, err)
        expect(text in err, f"{override}: {err!r}")
        same(run("run", f"{tmp}/s.yaml", "--set", "network.tcp=packet", "--set", override, "--progress", "off", "--out",
                 f"{tmp}/r")[0], 0, override)
    status, _, err = run("run", "scenarios/loopback.yaml", "--backend", "sockets", "--set", "nodes.0.reachable=no", "--out",
                         f"{tmp}/r")
    same(status, 2, err)
    expect("nodes.0.reachable: the sockets backend has no such links (des)" in err, err)
    status, _, err = run("run", "scenarios/loopback.yaml", "--backend", "sockets", "--out", f"{tmp}/r", "--set",
                         "nodes.0.gossipsub={score: {IPColocationFactorWeight: -1, IPColocationFactorThreshold: 2}}")
    same(status, 2, err)
    expect("IPColocationFactorWeight: the sockets backend is on loopback" in err, err)


def a_row_of_the_record_tells_when_the_network_changes(tmp):
    with open(f"{tmp}/s.yaml", "w") as f:
        f.write(LINKS)
    status, _, err = run("run", f"{tmp}/s.yaml", "--set", "events=[{at: 2s, latency: {factor: 3}, for: 3s}]", "--progress", "off",
                         "--out", f"{tmp}/r")
    same(status, 0, err)
    same([tuple(r) for r in query(f"{tmp}/r", "SELECT * FROM event WHERE kind LIKE 'latency%'")],
         [(2000000000, "latency", "1 pair of regions"), (5000000000, "latency-over", "1 pair of regions")])
    # one hop each; the first message comes before there is a mesh
    same([slowest_ns for slowest_ns, in query(f"{tmp}/r", "SELECT max_ns FROM message WHERE published_ns >= 2e9")],
         [60000000] * 3 + [20000000] * 5)


def the_netns_backend_refuses_by_name_what_it_cannot_honour(tmp):
    with open(f"{tmp}/s.yaml", "w") as f:
        f.write(PAIR)
    for override, text in (
            ("network.send_buffer=64 KiB", "network.send_buffer: the netns backend leaves buffers to the kernel (leave it out)"),
            ("network.receive_buffer=64 KiB",
             "network.receive_buffer: the netns backend leaves buffers to the kernel (leave it out)"),
            ("nodes.0.per_address=2",
             "nodes.0.per_address: the netns backend gives each node an address of its own (des, sockets)"),
            ("nodes.0.count=257", "nodes: the netns backend has room for 256 (257 wanted)")):
        status, _, err = run("run", f"{tmp}/s.yaml", "--backend", "netns", "--set", override, "--out", f"{tmp}/r")
        same(status, 2, err)
        expect(text in err, err)


def the_netns_backend_runs_a_scenario_or_says_what_it_lacks(tmp):
    """One hop of 40 ms: no delivery is earlier, in the simulator or on the kernel, and few are much later."""
    with open(f"{tmp}/s.yaml", "w") as f:
        f.write(PAIR)
    status, out, err = run("run", f"{tmp}/s.yaml", "--backend", "netns", "--json", "--progress", "off", "--out", f"{tmp}/r")
    if status == 1 and "cannot make a" in err:
        return
    same(status, 0, out + err)
    result = json.loads(out)
    same((result["delivery_ratio"], result["backend"], result["deliveries"]), (1.0, "netns", 20))
    expect(40 <= result["propagation_ms"]["p50"] < 60, result)
    same(query(f"{tmp}/r", "SELECT tcp_model FROM run"), [("kernel",)])
    said = query(f"{tmp}/r", "SELECT detail FROM event WHERE kind = 'netns'")
    expect(len(said) == 1 and "the carrier took" in said[0][0], said)


def the_root_of_a_user_namespace_may_use_the_netns_backend(tmp):
    if subprocess.run(["unshare", "-rn", "test", "-r", "/dev/net/tun"], capture_output=True).returncode:
        return  # user namespaces or the device are not for us here
    with open(f"{tmp}/s.yaml", "w") as f:
        f.write(PAIR)
    done = subprocess.run(["unshare", "-rn", PROGRAM, "run", f"{tmp}/s.yaml", "--backend", "netns", "--progress", "off",
                           "--out", f"{tmp}/r"], capture_output=True, text=True, cwd=ROOT, timeout=120)
    same(done.returncode, 0, done.stdout + done.stderr)


def without_privilege_the_netns_backend_says_so_and_exits_1(tmp):
    if os.getuid() != 0:
        return  # the test above sees it

    def lose_privilege():
        os.setgroups([])
        os.setgid(65534)
        os.setuid(65534)

    os.chmod(tmp, 0o777)
    with open(f"{tmp}/s.yaml", "w") as f:
        f.write(PAIR)
    os.chmod(f"{tmp}/s.yaml", 0o644)
    status, _, err = run("run", f"{tmp}/s.yaml", "--backend", "netns", "--progress", "off", "--out", f"{tmp}/r",
                         preexec_fn=lose_privilege)
    same(status, 1, err)
    expect("cannot make a network namespace (run as root, or under unshare -rn): Operation not permitted" in err, err)


# ---- ns-3 ----


def need_ns3():
    """The plug-in is built where ns-3 is installed."""
    if not os.path.exists(f"{os.path.dirname(PROGRAM)}/hearsay-ns3.so"):
        raise NotRun("there is no hearsay-ns3.so (scripts/setup.sh --tests, make ns3)")


def the_ns3_backend_delivers_every_message_and_repeats_itself(tmp):
    need_ns3()
    small = ["--set", "nodes.0.count=20", "--set", "duration=8s", "--progress", "off", "--json"]
    for seed in (1, 2):
        results = []
        for attempt in range(2):
            status, out, err = run("run", "scenarios/loopback.yaml", "--backend", "ns3", "--seed", str(seed), *small,
                                   "--out", f"{tmp}/{seed}-{attempt}")
            same(status, 0, err)
            results.append(json.loads(out))
        same(results[0]["digest"], results[1]["digest"])
        same((results[0]["backend"], results[0]["delivery_ratio"]), ("ns3", 1))
        status, out, err = run("run", "scenarios/loopback.yaml", "--seed", str(seed), *small, "--set", "network.tcp=packet",
                               "--set", "network.latency=25us", "--out", f"{tmp}/des-{seed}")
        same(status, 0, err)
        same(results[0]["deliveries"], json.loads(out)["deliveries"])


def the_smoke_scenarios_hold_on_ns3(tmp):
    need_ns3()
    names = sorted(n for n in os.listdir(f"{ROOT}/scenarios/smoke") if n.endswith(".yaml") and n != "cpu.yaml")
    status, out, err = run("check", "--backend", "ns3", "--progress", "off", *(f"scenarios/smoke/{n}" for n in names))
    same(status, 0, out + err)
    status, out, err = run("verify", SMALL, "--backend", "ns3", "--progress", "off")
    same(status, 0, out + err)
    expect("not run: the ns3 backend runs on one thread" in out and out.endswith("deterministic\n"), out)
    same(run("verify", SMALL, "--backend", "netns")[0], 2)


def what_ns3_cannot_do_is_refused_by_name(tmp):
    need_ns3()
    with open(f"{tmp}/s.yaml", "w") as f:
        f.write(PAIR)
    refusals = {
        "network.aqm=codel": "network.aqm: the ns3 backend has drop-tail queues only (des)",
        "network.tcp=ideal": 'network.tcp: the ns3 backend has no "ideal" TCP, only ns-3\'s (leave it out)',
        "network.tcp={model: packet, rack: true}": "network.tcp.rack: the TCP of ns-3 3.37 cannot do this (des)",
        "network.tcp={tail_loss_probe: true}": "network.tcp.tail_loss_probe: the TCP of ns-3",
        "network.tcp={tcp_friendly: true}": "network.tcp.tcp_friendly: the TCP of ns-3",
        "network.tcp={quick_acks: 16}": "network.tcp.quick_acks: the TCP of ns-3",
        "network.tcp={rto_max: 120s}": "network.tcp.rto_max: the TCP of ns-3",
        "cpu={costs: {validate: {base: 1ms}}}": "cpu: in the ns3 backend work takes no time (des)",
    }
    for setting, wanted in refusals.items():
        status, out, err = run("run", f"{tmp}/s.yaml", "--backend", "ns3", "--set", setting, "--out", f"{tmp}/r")
        same((status, out), (2, ""), f"{setting}: {err}")
        expect(wanted in err, f"{setting}: {err}")
    honoured = ["{model: packet, rack: false, prr: false, dupthresh: 4, delayed_ack: off}", "{model: packet, sack: false}",
                "{congestion: newreno, initial_window: 4, idle_restart: false, timestamps: false, mss: 1000 B}",
                "{tail_loss_probe: false, tcp_friendly: false, hystart: false, quick_acks: 0, rto_max: 60s, rto_min: 1s}",
                "{send_buffer: 20 KiB, receive_buffer: 64 KiB, syn_retries: 2, retries: 5, rto_initial: 3s}"]
    for setting in [f"network.tcp={tcp}" for tcp in honoured] + ["nodes.0.per_address=2", "nodes.0.keepalive=1s"]:
        status, out, err = run("check", f"{tmp}/s.yaml", "--backend", "ns3", "--set", setting)
        same(status, 0, f"{setting}: {out}{err}")


def without_its_plugin_the_ns3_backend_says_what_to_do(tmp):
    copy = shutil.copy(PROGRAM, f"{tmp}/hearsay")
    for environment, wanted in (({}, "`make ns3` builds it"), ({"HEARSAY_NS3": "/nowhere.so"}, "/nowhere.so: cannot open")):
        done = subprocess.run([copy, "run", SMALL, "--backend", "ns3", "--out", f"{tmp}/r"], capture_output=True, text=True,
                              cwd=ROOT, env={**os.environ, **environment}, timeout=60)
        same(done.returncode, 2, done.stderr)
        expect("the ns3 backend: " in done.stderr and wanted in done.stderr, done.stderr)


def a_warm_start_on_ns3_gives_what_a_cold_one_does(tmp):
    need_ns3()
    with open(f"{tmp}/s.yaml", "w") as f:
        f.write(PAIR)
    options = ["--backend", "ns3", "--progress", "off", "--json"]
    status, out, err = run("run", f"{tmp}/s.yaml", *options, "--set", "traffic.0.size=3 KiB", "--out", f"{tmp}/cold")
    same(status, 0, err)
    digest = json.loads(out)["digest"]
    status, out, err = run("run", f"{tmp}/s.yaml", *options, "--warm", "--variant", "a:traffic.0.size=3 KiB", "--out", f"{tmp}/w")
    same(status, 0, err)
    expect(digest in out, out)


# ---- captures of simulated nodes ----


def tshark(*arguments):
    if not shutil.which("tshark"):
        raise NotRun("tshark is not installed (scripts/setup.sh --tests)")
    done = subprocess.run(["tshark", "-n", "-o", "tcp.check_checksum:TRUE", "-o", "ip.check_checksum:TRUE", *arguments],
                          capture_output=True, text=True, timeout=60)
    same(done.returncode, 0, done.stderr)
    return done.stdout


def look_at_capture(capture, tolerated, options):
    """tshark finds nothing odd in it but what is tolerated, and handshakes with these options."""
    odd = "_ws.malformed || tcp.checksum.status == 0 || ip.checksum.status == 0"
    same(tshark("-r", capture, "-Y", f"({odd} || tcp.analysis.flags) && !({tolerated})"), "", "tshark finds")
    opened = tshark("-r", capture, "-Y", "tcp.flags.syn == 1", "-T", "fields", "-e", "tcp.flags", "-e", "tcp.options.mss_val",
                    "-e", "tcp.options.wscale.shift", "-e", "tcp.options.sack_perm", "-e", "tcp.options.timestamp.tsval").splitlines()
    kinds = {line.split("\t")[0] for line in opened}
    same(kinds, {"0x0002", "0x0012"}, "SYNs and SYN-ACKs")
    expect(all([bool(field) for field in line.split("\t")[1:]] == options for line in opened), opened[:3])
    return tshark("-r", capture, "-T", "fields", "-e", "tcp.flags").split()


def frames_of(capture, wanted_broken=0):
    """The yamux frames that `decrypt` reads, and what it says at the end."""
    status, out, err = run("decrypt", "--pcap", capture, "--keylog", capture.replace(".pcap", ".keys"), "--data")
    same(status, 0, err)
    expect(f" {wanted_broken} directions not decrypted" in err, err)
    return [json.loads(line) for line in out.splitlines()]


def watch(tmp, backend, encryption, tolerated, options):
    """Runs WATCHED with captures of a node that lives, one that crashes and one that stops."""
    with open(f"{tmp}/s.yaml", "w") as f:
        f.write(WATCHED)
    plain = ["run", f"{tmp}/s.yaml", "--backend", backend, "--set", f"network.encryption={encryption}", "--json", "--progress", "off"]
    status, out, err = run(*plain, "--pcap", "peers-0,peers-3,peers-4", "--out", f"{tmp}/w")
    same(status, 0, err)
    watched = json.loads(out)
    status, out, err = run(*plain, "--out", f"{tmp}/p")
    same(watched["digest"], json.loads(out)["digest"], "a watcher changes nothing")
    same(sorted(os.listdir(f"{tmp}/w/pcap")), [f"peers-{n}.{e}" for n in (0, 3, 4) for e in ("keys", "pcap")])
    if encryption == "modelled":  # with the other the packets are as long, and tshark takes its time
        flags = {n: look_at_capture(f"{tmp}/w/pcap/peers-{n}.pcap", tolerated, options) for n in (3, 4)}
        expect(any(int(f, 16) & 4 for f in flags[3]), "no reset at the crash")
        expect(any(int(f, 16) & 1 for f in flags[4]), "no FIN at the stop")
    frames = frames_of(f"{tmp}/w/pcap/peers-0.pcap")
    # GossipSub: every message of 20 KiB came, in the clear now, from or to this node.
    large = [f for f in frames if f["type"] == "data" and f["length"] > 20 * 1024]
    expect(len(large) >= 8, f"{len(large)} messages")
    topic = b"\x22\x01t".hex()  # field 4 of a message
    expect(all(topic in f["hex"] for f in large), "a message without its topic")
    expect(any("/meshsub/1.1.0".encode().hex() in f["hex"] for f in frames if f["type"] == "data"), "no stream of GossipSub")


def captures_of_simulated_nodes_are_what_tshark_expects(tmp):
    for encryption in ("modelled", "noise"):
        os.mkdir(f"{tmp}/{encryption}")
        watch(f"{tmp}/{encryption}", "des", encryption, "tcp.analysis.duplicate_ack_num > 99", [True, True, True, True])


def captures_of_nodes_on_ns3_are_what_tshark_expects(tmp):
    """ns-3 has no MSS option, and acknowledges the FIN apart from the data that it came with."""
    need_ns3()
    for encryption in ("modelled", "noise"):
        os.mkdir(f"{tmp}/{encryption}")
        watch(f"{tmp}/{encryption}", "ns3", encryption, "tcp.analysis.duplicate_ack && frame.time_epoch >= 10",
              [False, True, True, True])


def both_ends_of_a_connection_capture_the_same_bytes(tmp):
    with open(f"{tmp}/s.yaml", "w") as f:
        f.write(PAIR)
    same(run("run", f"{tmp}/s.yaml", "--set", "network.tcp=packet", "--pcap", "peers-0,peers-1", "--out", f"{tmp}/r")[0], 0)
    ends = [[{k: v for k, v in f.items() if k != "time_us"} for f in frames_of(f"{tmp}/r/pcap/peers-{n}.pcap")] for n in (0, 1)]
    for side in {f["from"] for f in ends[0]}:
        got = [[f for f in end if f["from"] == side] for end in ends]
        expect(len(got[0]) > 20, f"{len(got[0])} frames")
        same(got[0], got[1])


def captures_are_refused_where_there_are_no_packets(tmp):
    with open(f"{tmp}/s.yaml", "w") as f:
        f.write(PAIR)
    for options, wanted in ((["--pcap", "peers-0"], '--pcap: the "flight" TCP has trains, not packets (network.tcp: packet)'),
                            (["--pcap", "peers-0", "--set", "network.tcp=ideal"], 'the "ideal" TCP has no packets'),
                            (["--pcap", "peers-9", "--set", "network.tcp=packet"], '--pcap: there is no node "peers-9"'),
                            (["--pcap", "peers-0,peers-0", "--set", "network.tcp=packet"], "--pcap: peers-0 is named twice"),
                            (["--pcap", "peers-0", "--warm", "--variant", "a"], "--pcap watches one run")):
        status, out, err = run("run", f"{tmp}/s.yaml", *options, "--out", f"{tmp}/r")
        same((status, out), (2, ""), err)
        expect(wanted in err, err)
    status, out, err = run("run", "scenarios/loopback.yaml", "--backend", "sockets", "--pcap", "peers-0", "--out", f"{tmp}/r")
    same(status, 2, err)
    expect("--pcap: sockets has the machine's own packets" in err, err)


def a_program_in_c_uses_ns3(tmp):
    program = f"{os.path.dirname(PROGRAM)}/ns3-pingpong"
    need_ns3()
    done = subprocess.run([program, f"{tmp}/client.pcap"], capture_output=True, text=True, timeout=60)
    same(done.returncode, 0, done.stderr)
    expect("1000000 bytes there and back in 673.8 ms" in done.stdout, done.stdout)
    expect("691 segments, 0 of them again; round trip 8" in done.stdout, done.stdout)  # 1000000 / 1448
    flags = look_at_capture(f"{tmp}/client.pcap", "tcp.analysis.window_update", [False, True, True, True])
    same([f for f in flags if int(f, 16) & 7], ["0x0002", "0x0012", "0x0011", "0x0011"], "SYN, SYN-ACK, two FINs")


def commands_of_the_readmes_work(tmp):
    """Every `build/hearsay` line in a shell block of a README runs, where results go to a folder of the test."""
    os.symlink(f"{ROOT}/scenarios", f"{tmp}/scenarios")
    lines = []
    for folder, _, files in os.walk(ROOT):
        if "README.md" in files and "/build" not in folder and "/results" not in folder and "/node_modules" not in folder:
            text = open(f"{folder}/README.md").read()
            for block in re.findall(r"```sh\n(.*?)```", text, re.S):
                lines += [line for line in block.splitlines() if line.startswith("build/hearsay")]
    expect(lines, "no README shows a command")
    for line in lines:
        line = line.split("  #")[0].strip().replace("build/hearsay", PROGRAM, 1)
        done = subprocess.run(line, shell=True, capture_output=True, text=True, cwd=tmp, timeout=170)
        if "--exec" in line and re.search("this build has a sanitizer", done.stderr):
            continue  # tests/cli/exec.py counts what such a build does not run
        same(done.returncode, 0, f"{line}\n{done.stdout[-500:]}{done.stderr[-500:]}")


def the_scenario_in_the_readme_runs(tmp):
    text = re.search(r"```yaml\n(.*?)```", open(f"{ROOT}/README.md").read(), re.S).group(1)
    with open(f"{tmp}/pair.yaml", "w") as f:
        f.write(text)
    status, out, err = run("check", f"{tmp}/pair.yaml", "--progress", "off")
    same(status, 0, out + err)


LONGEST = (commands_of_the_readmes_work, the_simulator_and_real_sockets_deliver_the_same_messages_to_the_same_nodes)

sys.exit(run_tests(tests_of(globals()), sys.argv[2:], LONGEST))
