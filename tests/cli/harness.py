"""What the tests of the command line share: running the program, saying what is wrong, running many tests.

A test is a function of one argument, `tmp`, a fresh folder; its name is its claim. Most of them wait for one process, so
as many run at once as there are processors.
"""
import concurrent.futures
import os
import sqlite3
import subprocess
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


class NotRun(Exception):
    """Why a test cannot be run here; it counts neither as passed nor as failed."""


def run_program(*arguments, **options):
    """Returns (status, stdout, stderr)."""
    options.setdefault("timeout", 120)
    done = subprocess.run(arguments, capture_output=True, text=True, cwd=ROOT, **options)
    return done.returncode, done.stdout, done.stderr


def expect(condition, what):
    if not condition:
        raise AssertionError(what)


def same(got, wanted, what=""):
    expect(got == wanted, f"{what}: got {got!r}, wanted {wanted!r}")


def query(folder, sql):
    with sqlite3.connect(f"file:{folder}/run.sqlite?mode=ro", uri=True) as db:
        return db.execute(sql).fetchall()


def tests_of(names):
    """The tests of a module: what it calls by name and takes nothing but `tmp`."""
    return [f for f in names.values() if callable(f) and getattr(f, "__code__", None)
            and f.__code__.co_varnames[:1] == ("tmp",) and f.__code__.co_argcount == 1]


def verdict_of(test):
    """What became of it, and the line that says so."""
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as tmp:
        try:
            test(tmp)
        except NotRun as reason:
            return "not run", f"not run {test.__name__}: {reason}"
        except (AssertionError, subprocess.SubprocessError, OSError, ValueError, sqlite3.Error) as e:
            return "failed", f"FAILED  {test.__name__}: {e}"
    return "passed", f"ok      {test.__name__} ({time.monotonic() - started:.1f} s)"


def run_tests(tests, wanted, first=()):
    """Runs those that are wanted (all, if none is named), those in `first` before others; the exit status."""
    chosen = [t for t in tests if not wanted or t.__name__ in wanted]
    chosen.sort(key=lambda t: t not in first)
    counts = {"passed": 0, "failed": 0, "not run": 0}
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for done in concurrent.futures.as_completed([pool.submit(verdict_of, t) for t in chosen]):
            verdict, line = done.result()
            counts[verdict] += 1
            print(line, flush=True)
    missed = f", {counts['not run']} not run" if counts["not run"] else ""
    print(f"{counts['passed']} passed, {counts['failed']} failed{missed}")
    return 1 if counts["failed"] else 0
