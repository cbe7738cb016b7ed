#!/usr/bin/env python3
"""How fast our node is on real sockets, beside go-libp2p and js-libp2p: `make bench-sockets`.

Every pair of implementations, each in a process of its own, over TCP, Noise and yamux on loopback: one stream of 256 MiB, and
GossipSub messages of 1 KiB. Prints tables and the ratios that are wanted. ../bench/README.md says how to read them.
Exit status: 0 when no ratio is missed, 1 when one is or a measurement failed, 2 for bad usage.
"""

import argparse
import os
import pathlib
import re
import resource
import statistics
import subprocess
import sys

from install import install
from lab import NAMES, Cell, Lab
from peer import Failure

ROOT = pathlib.Path(__file__).resolve().parents[2]
KINDS = ["hearsay", "go", "js"]
TOPIC = "flood"
MESSAGE_SIZE = 1024
WINDOW = 1024  # messages ahead of what was acknowledged
WAITS_S = 15
TICKS = os.sysconf("SC_CLK_TCK")


def arguments():
    p = argparse.ArgumentParser(description="our node beside go-libp2p and js-libp2p on real sockets")
    p.add_argument("--hearsay", default=str(ROOT / "build" / "hearsay"), help="our program")
    p.add_argument("--crypto", default=str(ROOT / "build" / "bench" / "bench_crypto"), help="tests/bench/bench_crypto.c")
    p.add_argument("--build", default=str(ROOT / "build" / "interop"), help="where the peers are built")
    p.add_argument("--size", type=int, default=256, help="MiB of a transfer")
    p.add_argument("--seconds", type=float, default=15, help="of a flood")
    p.add_argument("--repeat", type=int, default=3, help="times each is measured, in turn with all others")
    p.add_argument("--only", default="", help="regular expression that names of tables must match")
    p.add_argument("--pairs", default="", help="same for pairs, such as 'us -> js'")
    return p.parse_args()


def pair_name(pair):
    return f"{NAMES[pair[0]]} -> {NAMES[pair[1]]}"


class Samples:
    """What was measured of one pair, or why it was not."""

    def __init__(self):
        self.speeds, self.cpus, self.failures = [], [], []
        self.skipped = None

    @property
    def median(self):
        return statistics.median(self.speeds) if self.speeds and not self.failures else None


def cpu_s(peers):
    """Processor time of these so far."""
    total = 0
    for peer in peers:
        with open(f"/proc/{peer.process.child.pid}/stat", encoding="ascii") as stat:
            total += sum(int(ticks) for ticks in stat.read().rpartition(")")[2].split()[11:13])
    return total / TICKS


class Table:
    """One thing that is measured for every pair. A subclass says how."""

    def __init__(self, args):
        self.args = args
        self.cells = {}

    def fill(self, lab, pair, samples):
        """Adds one measurement with a fresh pair of processes."""
        samples.skipped = lab.why_not(pair)
        if samples.skipped:
            return
        cell = Cell(lab, pair)
        failed = True
        try:
            self.measure(cell, samples)
            failed = False
        except (Failure, OSError, KeyError) as err:
            samples.failures.append(f"{type(err).__name__}: {err}")
        try:
            cell.finish(quietly=failed)
        except Failure as err:
            samples.failures.append(str(err))

    def take(self, samples, peers, run, units):
        """One run: its speed, and the processor time of both ends for one unit of what was moved."""
        before = cpu_s(peers)
        speed = float(run())
        samples.speeds.append(speed)
        samples.cpus.append((cpu_s(peers) - before) / units(speed))


class Transfer(Table):
    name = "one stream"
    unit, cost = "MB/s", "CPU s of both ends a GB"
    wanted = {"js": 3.0, "go": 1.5, "crypto": 0.5}

    @property
    def title(self):
        return f"One stream of {self.args.size} MiB, fresh processes, MB/s"

    def measure(self, cell, samples):
        a, b = cell.pair(both={"quiet": True})
        size = self.args.size << 20
        self.take(samples, (a, b), lambda: a.put(b, size), lambda _: size / 1e9)


class SecondTransfer(Transfer):
    name = "second stream"
    wanted = {}

    @property
    def title(self):
        return "The same once more between the same processes (their compilers and windows are warm), MB/s"

    def measure(self, cell, samples):
        a, b = cell.pair(both={"quiet": True})
        size = self.args.size << 20
        a.put(b, size)
        self.take(samples, (a, b), lambda: a.put(b, size), lambda _: size / 1e9)


class Gossip(Table):
    unit, cost = "messages/s", "CPU us of both ends a message"

    def measure(self, cell, samples):
        a, b = cell.pair(both={"quiet": True, "sign": self.sign, "msgid": self.message_id})
        a.join(TOPIC)
        mark = a.mark()
        b.acknowledge(TOPIC)
        a.wait("subscription", timeout_s=WAITS_S, since=mark, peer=b.id, topic=TOPIC, subscribed=True)
        seconds = self.args.seconds
        self.take(samples, (a, b), lambda: a.flood(TOPIC, MESSAGE_SIZE, seconds, WINDOW), lambda speed: speed * seconds / 1e6)

    @property
    def title(self):
        return (f"GossipSub, messages of 1 KiB for {self.args.seconds:g} s, {self.policy}, message id {self.message_id}, "
                f"{WINDOW} ahead at most, none lost, messages/s")


class Unsigned(Gossip):
    name = "gossip unsigned"
    policy, sign, message_id = "StrictNoSign", "anonymous", "blake2b256"
    wanted = {"js": 10.0, "go": 1.5}


class Signed(Gossip):
    name = "gossip signed"
    policy, sign, message_id = "StrictSign", "strict", "default"
    wanted = {}


TABLES = [Transfer, SecondTransfer, Unsigned, Signed]


def crypto_speed(program):
    """libsodium's sealing of full Noise frames on one core, MB/s; what bench_crypto says of all else goes along."""
    out = subprocess.run([program], capture_output=True, text=True, check=True, timeout=60).stdout
    return float(re.search(r"^libsodium seal 64 KiB .* (\d+) MB/s$", out, re.M).group(1)), out


class Watch:
    """How much of the machine others had meanwhile: what is measured beside them is too low, and not for all alike."""

    def __init__(self):
        self.start = self.read()

    @staticmethod
    def read():
        """Seconds: of all processors, of those busy, of our children (which have ended) and of ourselves."""
        with open("/proc/stat", encoding="ascii") as stat:
            ticks = [int(x) for x in stat.readline().split()[1:9]]
        own = [resource.getrusage(who) for who in (resource.RUSAGE_CHILDREN, resource.RUSAGE_SELF)]
        idle = ticks[3] + ticks[4]
        return sum(ticks) / TICKS, (sum(ticks) - idle) / TICKS, sum(u.ru_utime + u.ru_stime for u in own)

    def others(self):
        """Their share of the processors since the start, from 0 to 1."""
        total, busy, own = (after - before for after, before in zip(self.read(), self.start))
        return max(0.0, busy - own) / total if total else 0.0


def measure_all(lab, args, tables, pairs):
    """Everything in turn, then everything again: a busy minute of the machine does not hit one pair alone."""
    crypto, text = [], ""
    for turn in range(args.repeat):
        speed, text = crypto_speed(args.crypto)
        crypto.append(speed)
        for table in tables:
            for pair in pairs:
                samples = table.cells.setdefault(pair, Samples())
                table.fill(lab, pair, samples)
                said = f"{samples.speeds[-1]:.0f} {table.unit}" if samples.speeds else samples.skipped
                if samples.failures:
                    said = samples.failures[-1]
                print(f"{turn + 1}/{args.repeat} {table.name}, {pair_name(pair)}: {said}", file=sys.stderr, flush=True)
    return crypto, text


def cell_text(samples):
    if samples.skipped:
        return "not run"
    if samples.median is None:
        return "FAILED"
    return f"{samples.median:.0f} ({min(samples.speeds):.0f}-{max(samples.speeds):.0f})"


def cost_text(samples):
    return f"{statistics.median(samples.cpus):.2f}" if samples.median is not None else "-"


def print_matrix(title, cells, text):
    senders = [k for k in KINDS if any(pair[0] == k for pair in cells)]
    receivers = [k for k in KINDS if any(pair[1] == k for pair in cells)]
    print(f"\n{title}")
    print(f"{'':8}" + "".join(f"{'-> ' + NAMES[k]:>24}" for k in receivers))
    for sender in senders:
        row = [text(cells[sender, k]) if (sender, k) in cells else "" for k in receivers]
        print(f"{NAMES[sender]:8}" + "".join(f"{cell:>24}" for cell in row))


def judge(table, crypto):
    """[(what, measured, wanted)] of our own pair; measured None: not run."""
    ours = table.cells.get(("hearsay", "hearsay"), Samples()).median
    found = []
    for kind, wanted in table.wanted.items():
        if kind == "crypto":
            other, name = statistics.median(crypto), "libsodium sealing alone"
        else:
            other, name = table.cells.get((kind, kind), Samples()).median, pair_name((kind, kind))
        ratio = ours / other if ours and other else None
        found.append((f"{table.name}: us -> us / {name}", ratio, wanted))
    return found


def print_verdict(tables, crypto):
    """The number of ratios that were missed."""
    missed = 0
    print("\nWanted")
    for what, ratio, wanted in [row for table in tables for row in judge(table, crypto)]:
        if ratio is None:
            print(f"  {what}: not run, wanted {wanted:g}")
            continue
        missed += ratio < wanted
        print(f"  {what}: {ratio:.2f}, wanted {wanted:g}: {'ok' if ratio >= wanted else 'missed'}")
    return missed


def print_failures(tables):
    count = 0
    for table in tables:
        for pair, samples in table.cells.items():
            count += len(samples.failures)
            for failure in samples.failures:
                print(f"FAILED  {table.name}, {pair_name(pair)}: {failure}")
    return count


def print_versions(lab, missing):
    print()
    for kind, parts in sorted((k, v) for k, v in lab.versions.items() if v):
        print(f"{kind}: " + ", ".join(f"{name} {version}" for name, version in parts.items()))
    for kind, reason in sorted(missing.items()):
        print(f"{kind}: not run: {reason}")


def machine():
    with open("/proc/cpuinfo", encoding="ascii", errors="replace") as info:
        name = re.search(r"model name\s*: (.*)", info.read())
    return f"{os.cpu_count()} x {name.group(1) if name else 'unknown processor'}, load {os.getloadavg()[0]:.1f}"


def main():
    args = arguments()
    tables = [make(args) for make in TABLES if re.search(args.only, make.name)]
    pairs = [(a, b) for a in KINDS for b in KINDS if re.search(args.pairs, pair_name((a, b)))]
    if not tables or not pairs or args.repeat < 1:
        print("nothing to run", file=sys.stderr)
        return 2
    build = pathlib.Path(args.build).resolve()
    commands, missing = install(build, {"go", "js"})
    commands["hearsay"] = [args.hearsay, "node"]
    (build / "logs").mkdir(parents=True, exist_ok=True)
    lab = Lab(commands, missing, build / "logs", args.size)
    print(machine())
    watch = Watch()
    crypto, crypto_text = measure_all(lab, args, tables, pairs)
    for table in tables:
        print_matrix(f"{table.title}: median (least-most) of {args.repeat}, sender's row, receiver's column", table.cells,
                     cell_text)
        print_matrix(table.cost, table.cells, cost_text)
    print(f"\nCryptography alone, one core (sealing: {min(crypto):.0f}-{max(crypto):.0f} MB/s)\n{crypto_text}", end="")
    print(f"\nOther programs had {watch.others():.0%} of the processors meanwhile.")
    failed = print_failures(tables)
    missed = print_verdict(tables, crypto)
    print_versions(lab, missing)
    return 1 if failed or missed else 0


if __name__ == "__main__":
    sys.exit(main())
