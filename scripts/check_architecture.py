"""The rules of scripts/check-architecture.sh. Paths are relative to the top folder."""

import fnmatch
import glob
import os
import re
import subprocess
import sys

ALLOW_FILE = "scripts/architecture-allow.txt"
FILE_LINES_MAX = 800
HEADER_LINES_MAX = 300
FUNCTION_LINES_MAX = 70

# What a folder may include besides itself: prefixes of paths. The first matching pattern counts.
INCLUDES = [
    ("stack/base/*", []),
    ("stack/crypto/*", ["stack/base/"]),
    ("stack/wire/*", ["stack/base/", "stack/crypto/crypto.h"]),
    ("stack/transport/*", ["stack/base/", "stack/wire/", "stack/crypto/"]),
    ("stack/identify/*", ["stack/base/", "stack/wire/", "stack/crypto/"]),
    ("stack/gossipsub/*", ["stack/base/", "stack/wire/", "stack/crypto/"]),
    ("stack/algorand/*", ["stack/base/", "stack/wire/", "stack/crypto/"]),
    ("stack/kad/*", ["stack/base/", "stack/wire/", "stack/crypto/"]),
    ("stack/backend/epoll*.c", ["stack/base/", "stack/node/node.h"]),
    ("stack/backend/*", ["stack/base/"]),
    ("stack/node/*", ["stack/"]),
    ("sim/ns3/*", ["stack/", "sim/", "ns3/"]),
    ("sim/*", ["stack/", "sim/"]),
    ("tests/*", ["stack/", "sim/", "tests/"]),
]

# Headers of the system and of libraries that the stack may include, and where it may include more.
STACK_SYSTEM = """stdatomic.h stdarg.h stdbool.h stddef.h stdint.h string.h limits.h inttypes.h math.h float.h
                  stdalign.h stdnoreturn.h""".split()
STACK_SYSTEM_MORE = [
    ("stack/base/check.c", ["stdio.h", "stdlib.h"]),  # dying words
    ("stack/base/mem.c", ["stdio.h", "stdlib.h"]),
    ("stack/base/pool.c", ["pthread.h", "sys/mman.h"]),  # the memory below mem.c
    ("stack/crypto/crypto_openssl.c", ["openssl/evp.h", "pthread.h", "stdlib.h"]),  # a context a thread
    ("stack/crypto/*.c", ["sodium.h"]),
    ("stack/backend/epoll*", ["*"]),
]

# Libraries that have one home each.
LIBRARY_HOMES = {
    "sodium.h": ["stack/crypto/*", "tests/*"],
    "openssl/evp.h": ["stack/crypto/*"],
    "jansson.h": ["sim/live/*", "sim/suite/*", "tests/*"],
    "sqlite3.h": ["sim/record/*", "sim/report/*", "sim/export/*", "tests/*"],
    "libfyaml.h": ["sim/scenario/*", "tests/*"],
    "igraph.h": ["sim/scenario/*", "tests/*"],
    "igraph/igraph.h": ["sim/scenario/*", "tests/*"],
    "cmocka.h": ["tests/*"],
}

# Undefined symbols that an object of the stack may not have, and the objects that may.
WORLD = """socket connect bind listen accept accept4 send sendto sendmsg recv recvfrom recvmsg poll epoll_wait
           clock_gettime gettimeofday time clock rand srand rand_r random srandom drand48 getrandom getentropy
           randombytes_buf randombytes_uniform randombytes_random usleep nanosleep sleep
           fopen fdopen open open64 openat creat read write getenv pthread_create thrd_create""".split()
PRINTING = "printf fprintf vprintf vfprintf puts putchar fputs fputc fwrite perror stderr stdout".split()
MEMORY = "malloc calloc realloc free aligned_alloc posix_memalign strdup".split()
SYMBOLS = [
    (WORLD, ["epoll*.o", "crypto_sodium.o"], "reaches past the seam"),
    (PRINTING, ["epoll*.o", "check.o", "mem.o"], "prints"),
    (MEMORY, ["mem.o"], "allocates past base/mem.h"),
]

INCLUDE_LINE = re.compile(r'\s*#\s*include\s*([<"])([^>"]+)[>"]')


class Report:
    def __init__(self):
        self.passed = self.failed = 0
        self.allowed = {}
        for number, line in enumerate(open(ALLOW_FILE), 1):
            words = line.split(None, 2)
            if not words or words[0].startswith("#"):
                continue
            if len(words) < 3:
                self.violation(ALLOW_FILE, number, "an exception needs a reason")
                continue
            self.allowed[(words[0], words[1])] = number
        self.unused = dict(self.allowed)

    def violation(self, path, line, what):
        self.failed += 1
        print(f"{path}:{line}: {what}")

    def check(self, good, rule, path, line, what, name=None):
        """One check. An exception names the file, or one thing in it as file:name."""
        key = (rule, f"{path}:{name}" if name else path)
        if not good and key in self.allowed:
            self.unused.pop(key, None)
            good = True
        if good:
            self.passed += 1
        else:
            self.violation(path, line, what)

    def finish(self):
        for (rule, thing), number in self.unused.items():
            self.violation(ALLOW_FILE, number, f"not needed any more: {rule} {thing}")
        print(f"{self.passed} passed, {self.failed} failed")
        return 1 if self.failed else 0


def sources():
    found = []
    for top in ("stack", "sim", "tests"):
        for folder, _, names in os.walk(top):
            found += [f"{folder}/{n}" for n in names if n.endswith((".c", ".h", ".cc", ".cpp"))]
    return sorted(found)


def matches(path, patterns):
    return any(fnmatch.fnmatch(path, p) for p in patterns)


def local_include_is_allowed(path, target):
    if os.path.dirname(path) == os.path.dirname(target):
        return True
    for pattern, allowed in INCLUDES:
        if fnmatch.fnmatch(path, pattern):
            return target.startswith(tuple(allowed)) if allowed else False
    return False


def system_include_is_allowed(path, target):
    if target.startswith("ns3/"):
        return path.endswith(".cc") or path in ("sim/ns3/cloud.h", "sim/ns3/stream.h")
    if target in LIBRARY_HOMES:
        return matches(path, LIBRARY_HOMES[target])
    if not path.startswith("stack/") or target in STACK_SYSTEM:
        return True
    return any(fnmatch.fnmatch(path, place) and matches(target, more)
               for place, more in STACK_SYSTEM_MORE)


def check_includes(report, path, lines):
    for number, line in enumerate(lines, 1):
        found = INCLUDE_LINE.match(line)
        if not found:
            continue
        quote, target = found.groups()
        if quote == "<":
            report.check(system_include_is_allowed(path, target), "include", path, number,
                         f"may not include <{target}>", target)
            continue
        report.check(local_include_is_allowed(path, target), "include", path, number,
                     f'may not include "{target}"', target)
        outside = path.startswith("sim/ns3/") and target.startswith("ns3/")
        report.check(outside or os.path.exists(target), "include", path, number,
                     f'"{target}" is no path from the top folder', target)


def functions(lines):
    """(name, first line, last line) of each function: its braces stand alone in the first column."""
    opened = None
    for number, line in enumerate(lines, 1):
        if line == "{":
            opened = number
        elif line == "}" and opened:
            first = opened - 1
            while first > 1 and lines[first - 1][:1] in (" ", "\t"):
                first -= 1
            name = re.search(r"(\w+)\s*\(", lines[first - 1])
            yield (name.group(1) if name else "?"), first, number
            opened = None


def check_language(report, path):
    """C++ stays where ns-3 needs it."""
    foreign = path.endswith((".cc", ".cpp"))
    report.check(not foreign or matches(path, ["sim/ns3/*.cc", "tests/bench/ns3/*.cc"]), "language", path, 1,
                 "C++ outside of sim/ns3")


def check_sizes(report, path, lines):
    limit = HEADER_LINES_MAX if path.endswith(".h") else FILE_LINES_MAX
    report.check(len(lines) <= limit, "file", path, len(lines), f"{len(lines)} lines, {limit} at most")
    for name, first, last in functions(lines):
        size = last - first + 1
        report.check(size <= FUNCTION_LINES_MAX, "function", path, first,
                     f"{name} has {size} lines, {FUNCTION_LINES_MAX} at most", name)


def check_readmes(report, paths):
    for folder in sorted({os.path.dirname(p) for p in paths}):
        report.check(os.path.exists(f"{folder}/README.md"), "readme", folder, 1, "has no README.md")


def nm(archive, *options):
    """(object, symbol) for each line that nm prints of the archive's members."""
    out = subprocess.run(["nm", "--print-file-name", *options, archive], check=True,
                         capture_output=True, text=True).stdout
    for line in out.splitlines():
        member, _, rest = line[len(archive) + 1:].partition(":")
        if rest.split():
            symbol = rest.split()[-1]
            yield member, re.sub(r"^__(\w+)_chk$", r"\1", symbol)  # a fortified call


def place_of(member, symbol):
    """The source line behind a use of a symbol: (path, line)."""
    paths = sorted(glob.glob(f"s*/*/{member[:-2]}.c"))
    for pattern in (rf"\b{symbol}\s*\(", rf"\b{symbol}\b"):
        for path in paths:
            for number, line in enumerate(open(path), 1):
                if re.search(pattern, line):
                    return path, number
    return (paths[0] if paths else member), 1


def check_undefined(report, archive):
    for member, symbol in sorted(set(nm(archive, "--undefined-only"))):
        for names, exempt, what in SYMBOLS:
            if symbol in names:
                path, line = place_of(member, symbol)
                report.check(matches(member, exempt), "symbol", path, line, f"{what}: {symbol}", symbol)


def check_defined_once(report, archives):
    homes = {}
    for archive in archives:
        for member, symbol in nm(archive, "--defined-only", "--extern-only"):
            homes.setdefault(symbol, []).append(f"{os.path.basename(archive)}({member})")
    for symbol, members in sorted(homes.items()):
        path, line = place_of(members[-1].split("(")[1][:-1], symbol)
        report.check(len(members) == 1, "symbol", path, line,
                     f"{symbol} is defined in {' and '.join(members)}", symbol)


def main():
    archives = sys.argv[1:]
    report = Report()
    paths = sources()
    for path in paths:
        with open(path, encoding="utf-8") as file:
            lines = file.read().splitlines()
        check_includes(report, path, lines)
        check_language(report, path)
        check_sizes(report, path, lines)
    check_readmes(report, paths)
    check_undefined(report, archives[0])
    check_defined_once(report, archives)
    return report.finish()


if __name__ == "__main__":
    sys.exit(main())
