#!/usr/bin/env python3
"""Adds to the corpora what real peers sent: of the inputs that `make interop INTEROP="--dump DUMP"` wrote, those with which a
target reaches code that its corpus does not reach.

    python3 tests/fuzz/merge.py build/fuzz/fuzzers DUMP     (the fuzzers are built by `make fuzz`)
"""

import hashlib
import pathlib
import shutil
import subprocess
import sys
import tempfile

CORPUS = pathlib.Path(__file__).resolve().parent / "corpus"


def digests(folder):
    return {hashlib.sha256(path.read_bytes()).hexdigest(): path for path in folder.iterdir()}


def merge(fuzzer, dump, corpus):
    """The files of the dump that are worth keeping."""
    with tempfile.TemporaryDirectory(prefix="hearsay-merge-") as name:
        merged = pathlib.Path(name) / "merged"
        shutil.copytree(corpus, merged)
        before = digests(merged)
        done = subprocess.run([str(fuzzer), "-merge=1", "-max_len=16384", str(merged), str(dump)], capture_output=True,
                              text=True, cwd=name, check=False)
        if done.returncode != 0:
            sys.exit(f"{fuzzer}: {done.stderr[-2000:]}")
        known = digests(dump)
        return [known[digest] for digest in digests(merged) if digest not in before]


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    fuzzers, dumps = pathlib.Path(sys.argv[1]).resolve(), pathlib.Path(sys.argv[2]).resolve()
    for dump in sorted(path for path in dumps.iterdir() if path.is_dir()):
        corpus = CORPUS / dump.name
        kept = merge(fuzzers / dump.name, dump, corpus)
        for path in kept:
            shutil.copyfile(path, corpus / path.name)
        count = len(list(dump.iterdir()))
        print(f"{dump.name}: {len(kept)} of {count}, {sum(path.stat().st_size for path in kept)} bytes")


if __name__ == "__main__":
    main()
