#!/usr/bin/env python3
"""The matrix and the benchmark under test: what they say where a peer's tools are missing, too old or broken, and when a
cell fails or a ratio is missed.

usage: check.py PROGRAM      the program is `hearsay`; ends with "N passed, N failed"
"""

import os
import pathlib
import re
import stat
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
PROGRAM = str(pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else "build/hearsay").resolve())
SUMMARY = re.compile(r"^(\d+) passed, (\d+) failed(?:, (\d+) not run)?  \(\d+ s\)$")


def tool(folder, name, says, status=0):
    """A program of that name that only says something."""
    path = folder / name
    path.write_text(f"#!/bin/sh\necho '{says}'\nexit {status}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)


def matrix(folder, *options, tools=None, program=PROGRAM):
    """Runs the matrix where only these tools are found: (status, lines, (passed, failed, not run))."""
    bin_folder = folder / "bin"
    bin_folder.mkdir()
    for name, (says, status) in (tools or {}).items():
        tool(bin_folder, name, says, status)
    done = subprocess.run([sys.executable, str(HERE / "run.py"), "--hearsay", program, "--build", str(folder / "build"),
                           "--only", "^identify$|early muxer", *options], capture_output=True, text=True, timeout=120,
                          env={"PATH": str(bin_folder), "HOME": os.environ.get("HOME", "/")}, check=False)
    lines = done.stdout.splitlines()
    assert lines, done.stderr
    found = SUMMARY.match(lines[-1])
    assert found, lines[-1]
    return done.returncode, lines, tuple(int(n or 0) for n in found.groups())


def reason(lines, kind):
    return next(line for line in lines if line.startswith(f"{kind}: not run: "))


def without_tools_nothing_passes(folder):
    status, lines, counts = matrix(folder)
    assert (status, counts) == (0, (0, 0, 8)), (status, counts)
    assert reason(lines, "go") == "go: not run: go is not installed"
    assert reason(lines, "js") == "js: not run: node is not installed"
    assert not any("pass" in line for line in lines[:-1]), lines
    assert sum(line.count("not run") for line in lines[1:3]) == 8, lines[:3]


def old_tools_are_named_with_what_is_needed(folder):
    status, lines, counts = matrix(folder, tools={"go": ("go version go1.19.8 linux/amd64", 0),
                                                  "node": ("v18.19.0", 0), "npm": ("9", 0)})
    assert (status, counts) == (0, (0, 0, 8)), (status, counts)
    assert reason(lines, "go") == "go: not run: go 1.19 is older than 1.25"
    assert reason(lines, "js") == "js: not run: node 18.19 is older than 20.0"


def node_without_npm_is_not_enough(folder):
    _, lines, counts = matrix(folder, "--columns", "js", tools={"node": ("v22.1.0", 0)})
    assert counts == (0, 0, 4), counts
    assert reason(lines, "js") == "js: not run: npm is not installed"


def tools_that_fail_are_quoted(folder):
    """As without a network: the modules cannot be fetched."""
    _, lines, counts = matrix(folder, tools={"go": ("go version go1.25.1 linux/amd64", 1), "node": ("v22.1.0", 0),
                                             "npm": ("no network", 1)})
    assert counts == (0, 0, 8), counts
    assert "go build" in reason(lines, "go"), lines
    assert reason(lines, "js").endswith("no network"), lines


def without_our_program_nothing_passes(folder):
    _, lines, counts = matrix(folder, program="/nowhere/hearsay")
    assert counts == (0, 0, 8), counts
    assert reason(lines, "hearsay") == "hearsay: not run: /nowhere/hearsay is not there"


def a_peer_that_cannot_start_fails_its_cells(folder):
    """A toolchain that works but makes a broken peer: that is no missing toolchain."""
    build = folder / "build" / "js"
    build.mkdir(parents=True)
    tools = {"node": ("v22.1.0", 0), "npm": ("", 0)}
    status, lines, counts = matrix(folder, "--columns", "js dials us", tools=tools)
    assert (status, counts) == (1, (0, 2, 0)), (status, counts)
    assert any(line.startswith("FAIL  identify / js dials us: ") for line in lines), lines


def benchmark(folder, sealing, *options):
    """Runs speed.py with our node alone, where libsodium is said to be so fast: (status, lines)."""
    bin_folder = folder / "bin"
    bin_folder.mkdir()
    tool(bin_folder, "crypto", f"seal 64 KiB    1.00 us {sealing} MB/s")
    done = subprocess.run([sys.executable, str(HERE / "speed.py"), "--hearsay", PROGRAM, "--build", str(folder / "build"),
                           "--crypto", str(bin_folder / "crypto"), "--repeat", "1", "--size", "1", "--seconds", "0.1",
                           *options], capture_output=True, text=True, timeout=120, check=False,
                          env={"PATH": "/nowhere", "HOME": os.environ.get("HOME", "/")})
    return done.returncode, done.stdout.splitlines() + done.stderr.splitlines()


def a_benchmark_without_tools_meets_nothing(folder):
    status, lines = benchmark(folder, 1)
    assert status == 0, lines
    assert reason(lines, "go") == "go: not run: go is not installed"
    for what in ("one stream: us -> us / js -> js: not run, wanted 3", "one stream: us -> us / go -> go: not run, wanted 1.5",
                 "gossip unsigned: us -> us / js -> js: not run, wanted 10"):
        assert "  " + what in lines, lines
    judged = [line for line in lines if line.endswith((": ok", ": missed"))]
    assert len(judged) == 1 and "libsodium sealing alone" in judged[0] and judged[0].endswith(": ok"), judged


def a_benchmark_that_misses_a_ratio_fails(folder):
    status, lines = benchmark(folder, 99999999, "--only", "one stream")
    assert status == 1, lines
    assert any("libsodium sealing alone: 0.00, wanted 0.5: missed" in line for line in lines), lines


def a_benchmark_with_a_broken_program_fails(folder):
    status, lines = benchmark(folder, 1, "--only", "one stream", "--hearsay", "/bin/true")
    assert status == 1, lines
    assert any(line.startswith("FAILED  one stream, us -> us: ") for line in lines), lines


TESTS = [without_tools_nothing_passes, old_tools_are_named_with_what_is_needed, node_without_npm_is_not_enough,
         tools_that_fail_are_quoted, without_our_program_nothing_passes, a_peer_that_cannot_start_fails_its_cells,
         a_benchmark_without_tools_meets_nothing, a_benchmark_that_misses_a_ratio_fails,
         a_benchmark_with_a_broken_program_fails]


def main():
    passed = failed = 0
    for test in TESTS:
        with tempfile.TemporaryDirectory(prefix="hearsay-interop-check-") as name:
            try:
                test(pathlib.Path(name))
                passed += 1
                print(f"ok      {test.__name__.replace('_', ' ')}", flush=True)
            except (AssertionError, StopIteration, OSError, subprocess.SubprocessError) as wrong:
                failed += 1
                print(f"FAILED  {test.__name__.replace('_', ' ')}: {type(wrong).__name__}: {wrong}", flush=True)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
